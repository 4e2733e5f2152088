"""How long a run takes: one figure, wherever it is shown."""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.inspection.estimate import FORWARD_SHARE, split_sizes
from engine.train.run_state import Progress
from tests.support.app_pilot import Until, on_screen
from tests.support.fakes import train_to
from tui import text
from tui.app import CnnApp
from tui.messages import progress_view
from tui.screens.configs.edit_screen import EditScreen
from tui.screens.configs.overview import time_words, total_words
from tui.state.speed import _key
from tui.state.workspace import Workspace

MakeApp = Callable[..., CnnApp]
SAMPLE = 0.008 / 32  # seconds, in the training that ``train_to`` shows


@pytest.mark.parametrize(
    ("epoch", "step", "left"), [(0, 0, 2.0), (0, 5, 1.5), (1, 0, 1.0), (1, 9, 0.1), (2, 0, 0.0)]
)
def test_the_time_left_is_the_share_that_is_left(epoch: int, step: int, left: float) -> None:
    session: Any = SimpleNamespace(
        progress=Progress(epoch=epoch, step=step, samples=step, epoch_seconds=1.0),
        steps_per_epoch=10,
        done=0,
        total=0,
    )
    view = progress_view("training", session, epochs=2, last={}, epoch_seconds=30.0, lr=0.1)
    if epoch < 2:
        assert view.eta_total == pytest.approx(30 * left)
        assert view.eta_epoch == pytest.approx(30 * (1 - step / 10))


async def test_all_screens_show_the_duration_of_one_figure(home: Path, until: Until) -> None:
    app = CnnApp(Workspace.opened())
    async with app.run_test(size=(140, 40)) as pilot:
        config = app.workspace.document.config
        assert config is not None
        train_to(app, 2.5)
        train, validation = split_sizes(config)
        epoch = SAMPLE * (train + validation * FORWARD_SHARE)
        total = text.duration(epoch * config.train.epochs)

        def words(selector: str) -> str:
            return str(app.screen.query_one(selector).render())

        await until(pilot, lambda: f"{total} in all" in words("#overview-text"))
        await pilot.press("e")
        await on_screen(pilot, EditScreen)
        await until(pilot, lambda: f"about {total}" in words("#fine"))
        left = app.training.view().eta_total
        assert left == pytest.approx(epoch * (config.train.epochs - 2.5), rel=0.02)
        await pilot.press("escape")
        app.training._running = False
        app.training._clear(None, None)  # what was learnt is kept
        await until(pilot, lambda: f"about {total}" in words("#go"))


async def test_a_run_tells_more_than_a_measurement_before_it(home: Path) -> None:
    app = CnnApp(Workspace.opened())
    async with app.run_test():
        config = app.workspace.document.config
        assert config is not None
        app.speed._known = {_key(config): 99.0}
        before = app.speed.epoch_seconds(config)
        assert before is not None
        train_to(app, 0.0)
        assert app.speed.epoch_seconds(config) == before
        train_to(app, 0.5)
        assert app.speed.epoch_seconds(config) == pytest.approx(before / 99.0 * SAMPLE)
        app.training._clear(None, None)


async def test_the_words_of_a_duration(make_app: MakeApp) -> None:
    config = make_app().workspace.document.config
    assert config is not None
    assert time_words(config, 4.0) == "about 4.0 s an epoch, 8.0 s in all"
    assert total_words(config, 4.0) == "about 8.0 s"
    assert (time_words(config, None), total_words(config, None)) == ("measuring ...", "")
    nan = float("nan")
    assert (time_words(config, nan), total_words(config, nan)) == ("unknown", "")


async def test_no_shipped_config_promises_another_duration(make_app: MakeApp) -> None:
    app = make_app()
    shipped = [path for path in app.workspace.paths if path.stem != "tiny"]
    assert shipped
    for path in shipped:
        assert not re.search(r"(?i)\b(second|minute|hour)s?\b", path.read_text()), path
