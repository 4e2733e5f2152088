"""A run's film in Inspect, in the learned space and in Draw: one replay for all of them."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from engine.films import film
from tests.support.app_pilot import Until, on_screen, seen, settled, tap, training, write_slow
from tests.support.patience import PATIENCE
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import add_film, make_run
from tui.app import CnnApp
from tui.screens.evaluate.draw.predictions import Predictions
from tui.screens.evaluate.draw.screen import DrawScreen
from tui.screens.evaluate.screen import EvaluateScreen
from tui.screens.inspect.screen import InspectScreen
from tui.screens.inspect.space.screen import SpaceScreen
from tui.state.network_inspector import NetworkInspector
from tui.state.selection import of_run

MakeApp = Callable[..., CnnApp]


async def inspected(app: CnnApp, pilot: Pilot, until: Until) -> InspectScreen:
    await tap(pilot, "3")
    screen = await on_screen(pilot, InspectScreen)
    await until(pilot, lambda: screen.inspector.inspection)
    await settled(pilot, until)
    return screen


def said(app: CnnApp, words: str) -> bool:
    return any(words in message.message for message in app._notifications)


def scale(screen: InspectScreen) -> float:
    """How large the weights are that are shown."""
    inspection = screen.inspector.inspection
    assert inspection is not None
    return float(np.abs(inspection.layers["0"].weights["weight"]).max())


@pytest.mark.parametrize("size", rest_as_proofs([(60, 16), (200, 60)]))
async def test_inspect_and_the_learned_space_follow_the_film(
    make_app: MakeApp, home: Path, until: Until, size: tuple[int, int]
) -> None:
    run = make_run(home / "runs")
    add_film(run)
    app = make_app()
    app.choice.chosen = of_run(run)
    async with app.run_test(size=size) as pilot:
        screen = await inspected(app, pilot, until)
        own = scale(screen)
        await tap(pilot, "less_than_sign", "full_stop")
        await until(pilot, lambda: np.isclose(scale(screen), 2 * own))
        await until(pilot, lambda: "film 2/4: in epoch 1 of 3, step 1, acc 12.5%" in seen(app))
        beside = "predicted" in seen(app).splitlines()[1]
        assert beside or size[0] < 80, "what the network says of the image"
        context = screen.inspector.context
        assert context is not None
        assert context.start is not None, "bars downwards are those before the first step"

        await tap(pilot, "w")
        space = await on_screen(pilot, SpaceScreen)
        await until(pilot, lambda: space.follower.space)
        version = space.follower.version
        await tap(pilot, "greater_than_sign")
        await until(pilot, lambda: space.follower.version > version)
        await until(pilot, lambda: "film 4/4: epoch 2 of 3" in seen(app))
        await tap(pilot, "escape")
        await on_screen(pilot, InspectScreen)
        await until(pilot, lambda: np.isclose(scale(screen), 4 * own))

        await tap(pilot, "full_stop")
        await until(pilot, lambda: "finished weights" in seen(app))
        await until(pilot, lambda: np.isclose(scale(screen), own))
        await tap(pilot, "comma")
        app.choice.forget(run)
        assert app.choice.frame is None


async def test_the_same_drawing_is_shown_to_the_network_of_every_moment(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    run = make_run(home / "runs")
    frames = add_film(run)
    app = make_app()
    app.choice.chosen = of_run(run)
    async with app.run_test(size=(80, 24)) as pilot:
        await tap(pilot, "6")
        await on_screen(pilot, EvaluateScreen)
        await tap(pilot, "d")
        screen = await on_screen(pilot, DrawScreen)
        await tap(pilot, "space", *["down"] * 6, "space")
        await settled(pilot, until)

        def answer() -> str:
            return str(screen.query_one(Predictions).render())

        await until(pilot, lambda: answer().count("%") == 10)
        own = answer()
        await tap(pilot, "comma")
        await until(pilot, lambda: "film 4/4: epoch 2 of 3" in seen(app))
        await until(pilot, lambda: answer() != own)
        assert answer().count("%") == 10, "the drawing is still there"

        frames[2].write_bytes(b"damaged")
        shown = answer()
        await tap(pilot, "comma")
        await until(pilot, lambda: said(app, "not a cnn-tui checkpoint"))
        assert app.screen is screen
        assert answer() == shown
        await tap(pilot, "full_stop", "full_stop")
        await until(pilot, lambda: "finished weights" in seen(app))
        await until(pilot, lambda: answer() == own)


async def test_a_damaged_frame_is_one_line_and_the_next_one_is_shown(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    run = make_run(home / "runs")
    frames = add_film(run)
    frames[0].write_bytes(b"damaged")
    app = make_app()
    app.choice.chosen = of_run(run)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await inspected(app, pilot, until)
        await tap(pilot, "less_than_sign")
        await until(pilot, lambda: "✗" in seen(app) and "damaged" in seen(app))
        await tap(pilot, "full_stop")
        await until(pilot, lambda: screen.inspector.inspection)
        await until(pilot, lambda: "film 2/4" in seen(app))


async def test_without_a_film_the_keys_say_why(make_app: MakeApp, home: Path, until: Until) -> None:
    run = make_run(home / "runs", overrides=("train.film=false",))
    app = make_app()
    app.choice.chosen = of_run(run)
    async with app.run_test(size=(80, 24)) as pilot:
        await inspected(app, pilot, until)
        await tap(pilot, "comma")
        await until(pilot, lambda: said(app, "this run kept no film: train.film is off"))
        assert app.choice.frame is None


@pytest.mark.proof
async def test_a_training_is_replayed_while_it_goes_on_and_followed_again(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    write_slow(home)
    app = make_app("slow")
    async with training(app, until) as pilot:
        run = app.training.run_dir
        assert run is not None
        await until(pilot, lambda: len(film.frames(run)) > 2)
        screen = await inspected(app, pilot, until)
        await tap(pilot, "less_than_sign")
        await until(pilot, lambda: "before epoch 1 of 500, step 0" in seen(app))
        await until(pilot, lambda: screen.inspector.inspection.step is None)  # type: ignore[union-attr]
        await tap(pilot, "space")
        assert said(app, "the film is shown"), "the training is not paused unseen"
        step = app.training.session.progress.global_step  # type: ignore[union-attr]
        await until(
            pilot,
            lambda: app.training.session.progress.global_step > step,  # type: ignore[union-attr]
        )
        await tap(pilot, "comma")
        assert app.choice.live
        await until(pilot, lambda: (screen.inspector.inspection.step or 0) > step)  # type: ignore[union-attr]


async def test_a_key_that_is_held_inspects_one_frame_at_a_time_and_ends_at_the_last(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(home / "runs")
    frames = add_film(run, epochs=12)
    gate, begun = threading.Event(), 0
    real = NetworkInspector._inspect_still

    def held_up(*arguments: Any) -> Any:
        nonlocal begun
        begun += 1
        assert gate.wait(PATIENCE)
        return real(*arguments)

    app = make_app()
    app.choice.chosen = of_run(run)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await inspected(app, pilot, until)
        own = scale(screen)
        monkeypatch.setattr(NetworkInspector, "_inspect_still", held_up)
        await tap(pilot, *["full_stop"] * len(frames))
        gate.set()
        await until(pilot, lambda: np.isclose(scale(screen), len(frames) * own))
        assert begun == 2, "the first one, and the last one that was wanted meanwhile"
