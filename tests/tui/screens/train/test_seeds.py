"""Several seeds in the app: one run after the other, stopped, resumed, and drawn as a band."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.callbacks import Callback, Logs
from engine.config import load
from engine.errors import Diverged
from engine.runs.groups import Place, groups_in
from engine.runs.listing import list_runs
from engine.train.loop import Loop
from engine.train.session import TrainingSession
from tests.support.app_pilot import Until, on_screen, seen, tap, write_slow
from tui.app import CnnApp
from tui.screens.dialogs import Choose, Confirm
from tui.screens.train.screen import LossChart, TrainScreen

MakeApp = Callable[..., CnnApp]


class StopAfter(Callback):
    """Stops a training after so many batches."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        self.left -= 1
        if self.left == 0:
            self.run.controls.stop("test")  # type: ignore[attr-defined]


async def begin(app: CnnApp, pilot: Pilot[int], seeds: str) -> None:
    """Train the open config with so many seeds, by keyboard."""
    await tap(pilot, "2")
    await on_screen(pilot, TrainScreen)
    await tap(pilot, "S")
    dialog = await on_screen(pilot, Choose)
    numbers = [key for key, _, _ in dialog._options]
    at = numbers.index(seeds) - numbers.index("3")
    await tap(pilot, *["j" if at > 0 else "k"] * abs(at), "enter")


async def test_seeds_are_trained_one_after_the_other_with_a_band_of_those_before(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await begin(app, pilot, "3")
        words = set[str]()

        def over() -> bool:
            if app.training.seeds:
                words.add(app.training.seeds.words)
            return bool(app.seeds.result) and not app.training.running

        await until(pilot, over)
        assert words == {"seed 1 of 3", "seed 2 of 3", "seed 3 of 3"}
        (group,) = groups_in(list_runs(home / "runs"))
        assert group.seeds == [1, 2, 3]
        spread = group.spread("test_acc")
        assert spread is not None
        assert f"{spread.mean:.4f} ± {spread.std:.4f}" in app.seeds.result
        await until(pilot, lambda: "3 of 3 seeds finished" in seen(app))
        (band,) = app.screen.query_one(LossChart).picture.bands
        assert band.x.tolist() == [1.0, 2.0]
        assert (band.low < band.high).all(), "two seeds are behind the third"
        assert "val of 2 seeds" in seen(app)
        assert not app.seeds.command, "nothing is left"


async def test_a_stopped_group_is_resumed_to_its_end(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    write_slow(home)
    app = make_app("slow")
    async with app.run_test() as pilot:
        await begin(app, pilot, "2")
        await until(pilot, lambda: app.training.history)
        await until(pilot, lambda: "seed 1 of 2" in seen(app))
        await tap(pilot, "x", "y")
        await until(pilot, lambda: not app.training.running)
        (group,) = groups_in(list_runs(home / "runs"))
        assert len(group.runs) == 1, "the next seed was not begun"
        assert app.seeds.command == f"cnn-tui resume {group.id}"
        await tap(pilot, "R")
        await until(pilot, lambda: app.training.running and app.training.started)
        assert app.training.run_dir == group.runs[0].path
        assert app.training.seeds is not None
        assert app.training.seeds.runs_after == 1
        app.training.stop()
        await until(pilot, lambda: not app.training.running)
        app.shut_down()
        await until(pilot, lambda: app.exit_sequence.exit_message)
        assert app.exit_sequence.exit_message == [
            f"stopped and saved; resume with:  cnn-tui resume {group.id}"
        ]


async def test_the_next_seed_leaves_the_screen_that_is_shown(
    make_app: MakeApp, until: Until
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await tap(pilot, "S")  # on Configs too
        await on_screen(pilot, Choose)
        await tap(pilot, "k", "enter")
        await on_screen(pilot, TrainScreen)
        await tap(pilot, "1")
        await until(pilot, lambda: app.seeds.result)
        assert app.current_mode == "configs"
        await tap(pilot, "2", "r")
        await until(pilot, lambda: app.training.ended and not app.training.running)
        assert app.training.seeds is None, "r trains one run by itself"
        assert not app.seeds.result


async def test_a_cut_group_is_offered_and_goes_on(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    group = Place("seeds-0a0b0c", 1, 2)
    cut = TrainingSession(
        load(home / "configs" / "tiny.yaml"), place=group, extra_callbacks=[StopAfter(9)]
    ).run()
    record = json.loads((cut.run_dir / "run.json").read_text())
    (cut.run_dir / "run.json").write_text(json.dumps({**record, "status": "running"}))
    app = make_app()
    async with app.run_test() as pilot:
        await on_screen(pilot, Confirm)
        await until(pilot, lambda: "the other seeds" in seen(app))
        await tap(pilot, "y")
        await until(pilot, lambda: app.seeds.result)
        (found,) = groups_in(list_runs(home / "runs"))
        assert [info.status for info in found.runs] == ["finished", "finished"]
        assert found.runs[0].path.name == cut.run_dir.name


async def test_a_seed_that_diverges_is_said_and_the_next_is_trained(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop_run = Loop.run

    def diverge_once(self: Loop) -> None:
        loop_run(self)
        if self.config.seed == 1:
            raise Diverged("the loss", 0, 1, 0.1)

    monkeypatch.setattr(Loop, "run", diverge_once)
    app = make_app()
    async with app.run_test() as pilot:
        await begin(app, pilot, "2")
        await until(pilot, lambda: app.seeds.result)
        assert app.seeds.result == "1 of 2 seeds finished"
        said = [notice.message for notice in app._notifications]
        assert "seed 1 diverged; the next one is trained" in said
