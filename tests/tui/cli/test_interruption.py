"""Signals while a command shows its progress."""

import subprocess
import sys

import pytest

from tests.support.patience import PATIENCE
from tests.support.proofs import rest_as_proofs

COMMANDS = {
    "bench": ("engine.services.benchmark.benchmark", "bench(out)"),
    "data": ("engine.data.fetch", "fetch_dataset('mnist', None, out)"),
    "evaluate": ("engine.services.evaluation.evaluate.measure", "evaluate(None, None, out)"),
    "gradcheck": ("engine.services.gradcheck.run_check", "gradcheck(None, out)"),
}
"""What does the work of a command, and how it is called."""


@pytest.mark.parametrize("name", rest_as_proofs(COMMANDS))
def test_a_second_ctrl_c_gives_the_terminal_back(name: str) -> None:
    work, call = COMMANDS[name]
    code = f"""
import os, signal
from unittest import mock
from tui.cli.commands.{name} import *
from tui.cli.output import NoProgress, Output
class Bar(NoProgress):
    def abandon(self):
        os.write(1, b"terminal")
def work(*arguments, **options):
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGINT)
    os.write(1, b"never")
signal.signal(signal.SIGINT, signal.default_int_handler)
out = Output(progress=Bar())
with mock.patch("{work}", work):
    {call}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (130, b"terminal"), done.stderr
