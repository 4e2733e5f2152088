"""An app in a folder of its own, which remembers nothing and writes nowhere else."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tui.app import CnnApp

TINY = Path(__file__).with_name("tiny.yaml").read_text()

Until = Callable[[Pilot, Callable[[], object]], Awaitable[None]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of the app, with ``configs/tiny.yaml``; runs go to ``runs/``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("NO_COLOR", raising=False)
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
def until() -> Until:
    """``await until(pilot, condition)``: wait for it, and fail after 20 seconds."""

    async def wait(pilot: Pilot, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, "waited for too long"
            await pilot.pause(0.02)

    return wait
