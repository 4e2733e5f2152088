"""Runs the command line as users do, in a folder of its own."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.patience import PATIENCE
from tui.cli.main import main

ROOT = Path(__file__).parents[2]

# Whoever runs the tests may have them ignore signals (nohup, a job in the background).
_START = """
import os, resource, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
{setup}
os.execv(sys.executable, [sys.executable, "-m", "tui", *sys.argv[1:]])
"""

SMALL = ["--set", "train.epochs=1", "--set", "data.limit=500"]
"""The quickstart in a moment."""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int | str | None
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        return self.err.splitlines()


@dataclass
class Terminal:
    """A folder to type commands in.

    No network is ever reached: the proxy is a port that nobody listens to.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of its commands."""
        nobody = "http://127.0.0.1:9"
        proxies = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
        own = {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "CNN_TUI_DATA": "", "PYTHONUNBUFFERED": ""}
        return own | dict.fromkeys(proxies, nobody) | self.environment

    def start(self, *arguments: str, setup: str = "", **options: Any) -> "subprocess.Popen[str]":
        """Start ``cnn-tui``; ``setup`` is Python that runs in its process before."""
        streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        streams["stdin"] = subprocess.DEVNULL
        return subprocess.Popen(
            [sys.executable, "-c", _START.format(setup=setup), *arguments],
            cwd=self.folder,
            env=os.environ | self.variables,
            text=True,
            **{**streams, **options},
        )

    def run(self, *arguments: str, **options: Any) -> Done:
        """Run ``cnn-tui`` to its end, in a process of its own."""
        return self.finish(self.start(*arguments, **options))

    def run_here(self, *arguments: str) -> Done:
        """Run ``cnn-tui`` in this process, where the process is not what is tested."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.folder)
            for name, value in self.variables.items():
                patch.setenv(name, value)
            try:
                code: int | str | None = main(arguments)
            except SystemExit as end:
                code = end.code
        return Done(code, out.getvalue(), err.getvalue())

    def finish(self, process: "subprocess.Popen[str]") -> Done:
        try:
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        return Done(process.returncode, out or "", err or "")

    def python(self, code: str) -> Done:
        """Run Python in a process that can import the project."""
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.folder,
            env=os.environ | self.variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    @property
    def only_run(self) -> Path:
        (path,) = self.folder.glob("runs/*")
        return path

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())
