"""An app in a folder of its own, which remembers nothing and writes nowhere else."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Terminal
from textual.pilot import Pilot
from tui_support import Until, write_slow

from engine.train.estimate import Speed
from tui.app import CnnApp

TINY = Path(__file__).with_name("tiny.yaml").read_text()


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """The command line in a folder of its own."""
    return Terminal(tmp_path)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of the app, with ``configs/tiny.yaml``; runs go to ``runs/``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    # Measuring keeps the processor busy, and no two machines are equally fast.
    monkeypatch.setattr("tui.speed.measure_speed", lambda config, cancelled: Speed(5000.0, 0.0))
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "tiny.yaml").write_text(TINY)
    return tmp_path


@pytest.fixture
def make_app(home: Path) -> Callable[..., CnnApp]:
    """``make_app("tiny")``: an app that has opened a config of the working folder."""

    def make(config: str = "tiny") -> CnnApp:
        from tui.workspace import Workspace

        return CnnApp(Workspace.opened(home / "configs" / f"{config}.yaml"))

    return make


@pytest.fixture
def slow_app(home: Path, make_app: Callable[..., CnnApp]) -> CnnApp:
    """An app with a config that trains for longer than a test."""
    write_slow(home)
    return make_app("slow")


@pytest.fixture
def until() -> Until:
    """``await until(pilot, condition)``: wait for it, and fail after 20 seconds."""

    async def wait(pilot: Pilot, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, "waited for too long"
            await asyncio.sleep(0.02)  # pilot.pause would wait for an idle processor

    return wait
