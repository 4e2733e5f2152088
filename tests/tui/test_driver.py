"""A driver that is told to continue at the worst of all moments."""

import errno
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tui.driver import hangup_safe


class Textuals:
    """What Textual's driver does with a terminal, in words; SIGCONT may come in the middle."""

    fileno = -1

    def __init__(self) -> None:
        self.done: list[str] = []
        self.continued_while_stopping = False
        self._must_signal_resume = False
        self.callbacks: list[Callable[[], None]] = []
        self._loop = SimpleNamespace(call_soon_threadsafe=self.callbacks.append)

    def run_loop(self) -> None:
        while self.callbacks:
            self.callbacks.pop(0)()

    def start_application_mode(self) -> None:
        self.done.append("take")

    def stop_application_mode(self) -> None:
        self.done.append("give")
        if self.continued_while_stopping:
            self._sigcont_application()
            self.run_loop()
        self.done.append("given")

    def suspend_application_mode(self) -> None:
        self.stop_application_mode()

    def _sigtstp_application(self, *arguments: Any) -> None:
        self.suspend_application_mode()

    def _sigcont_application(self, *arguments: Any) -> None:
        self.start_application_mode()

    def run_input_thread(self) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def make() -> Any:
    kind: Any = hangup_safe(Textuals)  # type: ignore[arg-type]
    driver = kind()
    draw = driver.done.append
    driver._app = SimpleNamespace(call_later=lambda *_, **__: draw("draw"), refresh=None)
    return driver


def test_a_terminal_that_cannot_be_read_is_gone_though_it_still_looks_like_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    master, slave = os.openpty()
    monkeypatch.setattr(Textuals, "fileno", slave)
    driver = make()
    assert not driver.is_gone
    driver.run_input_thread()
    assert os.isatty(slave)
    assert driver.is_gone
    os.close(master)
    os.close(slave)


def test_any_other_error_while_it_reads_is_an_internal_error_of_the_app() -> None:
    driver = make()
    driver._app._handle_exception = "end"
    driver._app.call_later = lambda *call: driver.done.append(call)
    driver.run_input_thread()
    ((what, error),) = driver.done
    assert (what, error.errno) == ("end", errno.EIO)
    assert not driver.is_gone


def test_continued_while_it_gives_the_terminal_back_it_does_not_take_it_again() -> None:
    driver = make()
    driver.start_application_mode()
    driver.continued_while_stopping = True
    driver.stop_application_mode()
    driver._sigcont_application()
    driver.run_loop()
    assert driver.done == ["take", "give", "given"]


@pytest.mark.parametrize("handler", ["_sigtstp_application", "_sigcont_application"])
def test_a_signal_touches_the_terminal_only_between_two_events(handler: str) -> None:
    """It may come while the app holds the lock of what is written."""
    driver = make()
    driver.start_application_mode()
    getattr(driver, handler)(20, None)
    assert driver.done == ["take"]
    driver.run_loop()
    assert driver.done[:3] == ["take", "give", "given"]


def test_a_signal_after_the_last_event_is_dropped() -> None:
    driver = make()
    driver.start_application_mode()

    def closed(callback: object) -> None:
        raise RuntimeError("Event loop is closed")

    driver._loop.call_soon_threadsafe = closed
    driver._sigcont_application(18, None)
    assert driver.done == ["take"]


def test_continued_at_work_it_gives_it_back_first() -> None:
    driver = make()
    driver.start_application_mode()
    driver._sigcont_application()
    driver.run_loop()
    assert driver.done == ["take", "give", "given", "take", "draw"]


def test_continued_after_a_suspension_it_takes_it_again() -> None:
    driver = make()
    driver.start_application_mode()
    driver.suspend_application_mode()
    driver._must_signal_resume = True
    driver._sigcont_application()
    driver.run_loop()
    assert driver.done == ["take", "give", "given", "take", "draw"]


def test_a_driver_that_cannot_be_suspended_just_starts() -> None:
    driver = make()
    del driver._must_signal_resume
    driver.start_application_mode()
    assert driver.done == ["take"]
