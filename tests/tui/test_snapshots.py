"""Pictures of the screens.

After a change that is wanted: ``pytest tests/tui/test_snapshots.py --snapshot-update``.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from textual.pilot import Pilot

from tests.support.fakes import HINTS, train_to
from tests.support.proofs import rest_as_proofs
from tui.app import CnnApp
from tui.screens.configs.data.screen import DataScreen
from tui.screens.train.event_log import EventLog
from tui.screens.train.hints.screen import HintsScreen
from tui.screens.train.screen import TrainScreen
from tui.state.workspace import Workspace
from tui.widgets.tiles import Tiles

Compare = Callable[..., bool]


@pytest.fixture
def app(home: Path, monkeypatch: pytest.MonkeyPatch) -> CnnApp:
    """The app on a machine that has no data but what is bundled, and no clock."""
    monkeypatch.setenv("CNN_TUI_DATA", str(home / "nothing"))
    monkeypatch.setattr(
        "tui.screens.configs.summary.locate", lambda name, root: name == "mnist_mini" or None
    )
    monkeypatch.setattr("tui.state.speed.Speedometer.epoch_seconds", lambda self, config: 0.74)
    monkeypatch.setattr("tui.state.training.time", SimpleNamespace(monotonic=lambda: 0.0))
    (home / "configs" / "tiny.yaml").unlink()
    return CnnApp(Workspace.opened())


@dataclass(frozen=True)
class Shot:
    """What is done before the picture is taken."""

    name: str
    size: tuple[int, int] = (80, 24)
    keys: tuple[str, ...] = ()
    epoch: float | None = None
    phase: str = "training"
    status: str = ""
    theme: str = ""
    prepare: Callable[[CnnApp], None] = lambda app: None


def _broken(app: CnnApp) -> None:
    app.workspace.document.type(
        "dataset: mnist_mni\nmodel: lenet_mnist\ntrain:\n  lr: fast\n  epoch: 3\n"
    )


def _changed(app: CnnApp) -> None:
    app.workspace.document.set("train.lr", 0.3)


def _downloading(app: CnnApp) -> None:
    train_to(app, 0, phase="downloading")
    training = app.training
    training.started, training._what = None, "downloading train-images-idx3-ubyte.gz"
    training.session.done, training.session.total = 4_200_000, 9_912_422  # type: ignore[union-attr]


def _hinted(app: CnnApp) -> None:
    train_to(app, 6.6, hints=HINTS)


def _missing(app: CnnApp) -> None:
    from engine.errors import DataError

    _downloading(app)
    training = app.training
    training._running = False
    training.error = DataError(
        "mnist: cannot download train-images-idx3-ubyte.gz (ossci-datasets.s3.amazonaws.com: no "
        "connection); without a network, put train-images-idx3-ubyte.gz into data/raw/mnist"
    )


WIDE = (120, 40)

SHOTS = (
    Shot("configs"),
    Shot("configs_wide", WIDE, ("p",)),
    Shot("configs_yaml", keys=("p",)),
    Shot("configs_broken", prepare=_broken),
    Shot("configs_unsaved_light", WIDE, prepare=_changed, theme="cnn-light"),
    Shot("data", keys=("d",)),
    Shot("data_wide", WIDE, ("d",)),
    Shot("data_augmented_smallest", (60, 16), ("d", "down", "a")),
    Shot("edit_form", keys=("e", "down", "down", "down")),
    Shot("edit_wide", WIDE, ("e",), prepare=_changed),
    Shot("edit_errors", WIDE, ("e",), prepare=_broken),
    Shot("train_idle", keys=("2",)),
    Shot("train", keys=("2",), epoch=6.6),
    Shot("train_wide", WIDE, ("2",), epoch=6.6),
    Shot("train_smallest", (60, 16), ("2",), epoch=6.6),
    Shot("train_paused_colour_blind", WIDE, ("2",), 6.6, "paused", theme="cnn-colour-blind"),
    Shot("train_finished_light", WIDE, ("2",), 12, status="finished", theme="cnn-light"),
    Shot("train_zoomed_log", keys=("2", "z", "y"), epoch=6.6),
    Shot("train_diverged", keys=("2",), epoch=0.3, status="diverged"),
    Shot("train_stopped", keys=("2",), epoch=3.4, status="stopped"),
    Shot("train_downloading", keys=("2",), prepare=_downloading),
    Shot("train_data_missing", keys=("2",), prepare=_missing),
    Shot("train_hints", keys=("2",), prepare=_hinted),
    Shot("hints", keys=("2", "w"), prepare=_hinted),
    Shot("hints_smallest", (60, 16), ("2", "w", "down"), prepare=_hinted),
    Shot("help", keys=("2", "tab", "question_mark"), epoch=6.6),
    Shot("quit_while_training", keys=("2", "q"), epoch=6.6),
    Shot("palette", keys=("2", "ctrl+p")),
    Shot("too_small", (50, 12)),
)


@pytest.mark.parametrize("shot", rest_as_proofs(SHOTS, every=4), ids=[shot.name for shot in SHOTS])
def test_pictures(app: CnnApp, snap_compare: Compare, shot: Shot) -> None:
    if shot.theme:
        app.theme = shot.theme
    assert snap_compare(app, terminal_size=shot.size, run_before=_before(app, shot))


def _before(app: CnnApp, shot: Shot) -> Callable[[Pilot], Awaitable[None]]:
    async def run(pilot: Pilot) -> None:
        if shot.epoch is not None:
            train_to(app, shot.epoch, phase=shot.phase, status=shot.status)
        shot.prepare(app)
        await pilot.press(*shot.keys)
        await _settled(app)
        await pilot.pause()

    return run


async def _settled(app: CnnApp) -> None:
    """All pictures are there, every chart has had its turn, and the log is at its end."""
    data = next((one for one in app.screen_stack if isinstance(one, DataScreen)), None)
    while data is not None and not _is_read(data):
        await asyncio.sleep(0.02)
    screen = next((one for one in app.screen_stack if isinstance(one, TrainScreen)), None)
    if isinstance(app.screen, HintsScreen):  # it covers the charts, which are not drawn then
        return
    while screen is not None and not _is_settled(app, screen):
        await asyncio.sleep(0.02)


def _is_read(screen: DataScreen) -> bool:
    shown = [tiles for tiles in screen.query(Tiles) if tiles.region]
    return bool(shown and screen.focused) and all(len(tiles.pictures) for tiles in shown)


def _is_settled(app: CnnApp, screen: TrainScreen) -> bool:
    if app.training.session is None:
        return screen.ready
    log = screen.query_one(EventLog)
    seen = screen.ready and screen._seen is not None and not screen._stale
    return bool(seen and log._entries) and (not log.region or log.scroll_y >= log.max_scroll_y)
