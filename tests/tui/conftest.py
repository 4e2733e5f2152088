"""An app in a folder of its own, which remembers nothing and writes nowhere else."""

import logging
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from textual._context import active_app
from textual._wait import wait_for_idle as waits_for_idle
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

from engine import resources
from engine.config import Config, load
from engine.inspection.estimate import Speed
from tests.support import TINY_CONFIG, app_pilot
from tests.support.app_pilot import Until, write_slow
from tests.support.command_line import Terminal
from tui.app import CnnApp

TINY = TINY_CONFIG.read_text()


@pytest.fixture(autouse=True)
def busy_machines_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that a test presses have done their work when it continues, however busy the machine."""

    async def wait_for_idle(*seconds: float) -> None:
        await waits_for_idle(*seconds)
        await app_pilot.let_messages_through(active_app.get())

    for module in ("textual.app", "textual.pilot"):
        monkeypatch.setattr(f"{module}.wait_for_idle", wait_for_idle)


@pytest.fixture(autouse=True)
def the_log_stays_as_it_was() -> Iterator[None]:
    """A test that opens the app's log file does not take the log away from the tests after it."""
    log, raises = logging.getLogger("cnn_tui"), logging.raiseExceptions
    before = log.propagate, log.level, log.handlers[:]
    yield
    log.propagate, level, handlers = before
    log.setLevel(level)
    for handler in log.handlers[:]:
        if handler not in handlers:
            log.removeHandler(handler)
            handler.close()
    logging.raiseExceptions = raises


@pytest.fixture(scope="session", autouse=True)
def apps_share_what_they_read() -> Iterator[None]:
    """Style sheets and the configs that ship are read by the first of hundreds of apps.

    Both are half of what an app takes to start. A config of the working folder is read each time.
    Nothing is animated: what scrolls is there at once.
    """
    parse, sheets = Stylesheet._parse_rules, dict[tuple[object, ...], list[RuleSet]]()

    def parse_once(sheet: Stylesheet, *source: Any, **options: Any) -> list[RuleSet]:
        key = (*source, *options.items(), *sheet._variables.items())
        if key not in sheets:
            sheets[key] = parse(sheet, *source, **options)
        return sheets[key]

    load_once = cache(load)

    def load_config(path: Path) -> Config:
        ships = path.parent == resources.shipped("configs")
        return load_once(path) if ships else load(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("textual.constants.TEXTUAL_ANIMATIONS", "none")
        patch.setattr(Stylesheet, "_parse_rules", parse_once)
        patch.setattr("tui.screens.configs.config_list.load", load_config)
        yield


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
    monkeypatch.setattr(
        "tui.state.speed.measure_speed", lambda config, cancelled: Speed(5000.0, 0.0)
    )
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "tiny.yaml").write_text(TINY)
    return tmp_path


@pytest.fixture
def make_app(home: Path) -> Callable[..., CnnApp]:
    """``make_app("tiny")``: an app that has opened a config of the working folder."""

    def make(config: str = "tiny") -> CnnApp:
        from tui.state.workspace import Workspace

        return CnnApp(Workspace.opened(home / "configs" / f"{config}.yaml"))

    return make


@pytest.fixture
def slow_app(home: Path, make_app: Callable[..., CnnApp]) -> CnnApp:
    """An app with a config that trains for longer than a test."""
    write_slow(home)
    return make_app("slow")


@pytest.fixture
def until() -> Until:
    """The wait for a condition: give it the pilot and a function."""
    return app_pilot.until
