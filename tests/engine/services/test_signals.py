"""Signals: a flag, a callback, and an end within a limited time."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from engine.errors import Cancelled
from engine.services.signals import Interrupted, Signals
from tests.support.patience import PATIENCE
from tests.support.proofs import rest_as_proofs

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Python's own handlers: under nohup or in a background job, signals are ignored."""
    old = [signal.signal(number, signal.default_int_handler) for number in NUMBERS]
    yield
    for number, handler in zip(NUMBERS, old, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), zip(NUMBERS, [130, 143, 129], strict=True))
def test_a_signal_sets_a_flag_and_calls_once(number: signal.Signals, code: int) -> None:
    told: list[str] = []
    with Signals(told.append) as signals:
        signals.check()
        assert signals.exit_code is None
        os.kill(os.getpid(), number)
        assert signals.received == number
        assert signals.exit_code == code
        os.kill(os.getpid(), signal.SIGTERM)  # a second one changes nothing
        assert told == [number.name]
        with pytest.raises(Interrupted, match=f"stopped by {number.name}") as caught:
            signals.check()
        assert caught.value.exit_code == code
    assert signal.getsignal(number) is signal.default_int_handler


def test_a_signal_of_another_process_is_told_and_is_not_the_first_of_our_own() -> None:
    told: list[str] = []
    with Signals(told.append) as signals:
        signals.relay(signal.SIGINT)
        assert (told, signals.exit_code) == (["SIGINT"], 130)
        os.kill(os.getpid(), signal.SIGINT)  # a second one of our own would end this process
        assert (signals.received, signals.exit_code) == (signal.SIGINT, 130)


def leave(error: Exception, *, after_a_signal: bool) -> None:
    with Signals():
        if after_a_signal:
            os.kill(os.getpid(), signal.SIGTERM)
        raise error


def test_a_download_that_was_given_up_is_an_interruption() -> None:
    with pytest.raises(Interrupted):
        leave(Cancelled("given up"), after_a_signal=True)
    with pytest.raises(Cancelled):
        leave(Cancelled("by its caller"), after_a_signal=False)
    with pytest.raises(KeyError):
        leave(KeyError(), after_a_signal=True)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what nohup does
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGHUP)
        assert signals.received is None
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_second_ctrl_c_leaves_at_once_and_gives_the_terminal_back() -> None:
    code = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from engine.services.signals import Signals
with Signals(on_leave=lambda: os.write(1, b"terminal")):
    os.kill(os.getpid(), signal.SIGINT)
    os.write(1, b"first ")
    os.kill(os.getpid(), signal.SIGINT)
    os.write(1, b"never")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=PATIENCE)
    assert done.returncode == 130
    assert done.stdout == b"first terminal"


HANGS = {
    "in Python": "while True: time.sleep(0.01)",
    "in a lock": "threading.Lock().acquire() and threading.Event().wait()",
    "in a read that begins again": "read, write = os.pipe(); os.read(read, 1)",
    "in a write to a full pipe": "print('x' * (1 << 20), flush=True, file=os.fdopen(full, 'w'))",
    "in C that looks at nothing": "mutex = bytes(64); lock(mutex); lock(mutex)",
}


@pytest.mark.parametrize("number", rest_as_proofs(NUMBERS), ids=lambda number: number.name)
@pytest.mark.parametrize("hang", HANGS)
def test_what_does_not_end_after_a_signal_is_ended(hang: str, number: signal.Signals) -> None:
    code = f"""
import ctypes, os, signal, threading, time
from engine.services import signals
signals.GRACE = 0.1
lock = ctypes.CDLL(None).pthread_mutex_lock
empty, full = os.pipe()
for number in ({", ".join(str(int(number)) for number in NUMBERS)}):
    signal.signal(number, signal.SIG_DFL)
with signals.Signals(on_leave=lambda: os.write(1, b"terminal")):
    threading.Timer(0.2, os.kill, (os.getpid(), {int(number)})).start()
    {HANGS[hang]}
    os.write(1, b"never")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=PATIENCE)
    assert done.returncode == 128 + number, done.stderr
    assert done.stdout == b"terminal"
    assert done.stderr.count(b"\n") <= 1
    assert b"Traceback" not in done.stderr
