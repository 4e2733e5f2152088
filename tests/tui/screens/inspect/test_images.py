"""From an image to its feature maps, its numbers and the reasons, wherever it was chosen."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.app_pilot import Until, on_screen, seen, tap, training
from tests.support.run_makers import CONV, make_run
from tests.tui.screens.evaluate.test_screen import evaluated
from tests.tui.screens.inspect.test_space import space_of
from tui.app import CnnApp
from tui.screens.evaluate.cell_images import CellPane
from tui.screens.evaluate.screen import EvaluateScreen
from tui.screens.inspect.images import ShownImage
from tui.screens.inspect.microscope.screen import MicroscopeScreen
from tui.screens.inspect.screen import InspectScreen
from tui.screens.inspect.space.scatter import Scatter
from tui.screens.inspect.space.screen import SpaceScreen
from tui.screens.inspect.why.screen import WhyScreen
from tui.state.selection import of_run

MakeApp = Callable[..., CnnApp]


async def test_one_key_each_leads_on_from_an_image_of_the_matrix(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    run = make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await space_of(app, pilot, until)  # is left open over Inspect
        evaluate = await evaluated(app, pilot, until)
        index = evaluate.query_one(CellPane).index
        await tap(pilot, "u")
        microscope = await on_screen(pilot, MicroscopeScreen)
        await until(pilot, lambda: microscope.found is not None)
        await until(pilot, lambda: f"image #{index}" in seen(app))
        await tap(pilot, "escape")
        await on_screen(pilot, EvaluateScreen)
        await until(pilot, lambda: app.choice.chosen is None)  # Inspect follows what it did
        await tap(pilot, "y")
        why = await on_screen(pilot, WhyScreen)
        await until(pilot, lambda: why.found is not None)
        assert why.found is not None
        assert why.found.subject.name == f"#{index}"
        assert app.choice.chosen is None
        await tap(pilot, "escape")
        await on_screen(pilot, EvaluateScreen)
        await tap(pilot, "i")
        inspect = await on_screen(pilot, InspectScreen)
        assert (inspect.inspector.sample, inspect.wants_maps) == (index, True)
        assert app.choice.current == of_run(run)


async def test_one_key_each_leads_on_from_a_point_of_the_learned_space(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    run = make_run(home / "runs")
    app = make_app()
    app.choice.chosen = of_run(run)
    async with app.run_test(size=(80, 24)) as pilot:
        space = await space_of(app, pilot, until)
        scatter = space.query_one(Scatter)
        await tap(pilot, "right", "down")
        assert scatter.space is not None
        index = int(scatter.space.indices[scatter.cursor])
        await tap(pilot, "u")
        microscope = await on_screen(pilot, MicroscopeScreen)
        await until(pilot, lambda: microscope.found is not None)
        await until(pilot, lambda: f"image #{index}" in seen(app))
        await tap(pilot, "escape")
        await on_screen(pilot, SpaceScreen)
        await tap(pilot, "y")
        why = await on_screen(pilot, WhyScreen)
        await until(pilot, lambda: why.found is not None)
        assert why.found is not None
        assert why.found.subject.name == f"#{index}"
        await tap(pilot, "escape")
        await on_screen(pilot, SpaceScreen)
        await tap(pilot, "i")
        inspect = await on_screen(pilot, InspectScreen)
        assert (inspect.inspector.sample, inspect.wants_maps) == (index, True)


async def test_the_sample_of_inspect_is_explained_with_fresh_weights_too(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    (home / "configs" / "conv.yaml").write_text(CONV)
    app = make_app("conv")
    async with app.run_test(size=(80, 24)) as pilot:
        await tap(pilot, "3")
        inspect = await on_screen(pilot, InspectScreen)
        await until(pilot, lambda: inspect.image() is not None)
        await tap(pilot, "n", "y")
        why = await on_screen(pilot, WhyScreen)
        await until(pilot, lambda: why.found is not None)
        assert why.found is not None
        assert why.found.subject.name == "#1"
        await until(pilot, lambda: "fresh weights" in seen(app))


@pytest.mark.proof
async def test_the_weights_of_a_training_are_those_that_inspect_shows(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    (home / "configs" / "slow.yaml").write_text(re.sub(r"epochs: \d+", "epochs: 500", CONV))
    app = make_app("slow")
    async with training(app, until) as pilot:
        await tap(pilot, "3")
        inspect = await on_screen(pilot, InspectScreen)
        await until(pilot, lambda: inspect.image() is not None)
        image = inspect.image()
        assert isinstance(image, ShownImage)
        assert image.layers is not None
        own = dict(image.network().model.named_layers())
        weights = {layer.name: layer.weights["weight"] for layer in image.layers if layer.weights}
        assert weights
        for name, weight in weights.items():
            assert np.array_equal(own[name].params["weight"], weight)
        await tap(pilot, "y")
        why = await on_screen(pilot, WhyScreen)
        await until(pilot, lambda: why.found is not None)
        await until(pilot, lambda: "its weights after step" in seen(app))


@pytest.mark.parametrize("key", ["i", "u", "y"])
async def test_without_an_image_a_key_says_what_to_do(
    make_app: MakeApp, home: Path, until: Until, key: str
) -> None:
    make_run(home / "runs")
    app = make_app()
    async with app.run_test() as pilot:
        await tap(pilot, "6")
        screen = await on_screen(pilot, EvaluateScreen)
        await until(pilot, lambda: screen.ready and not app.jobs)
        await tap(pilot, key)
        assert app.screen is screen
        assert any("press e to evaluate" in n.message for n in app._notifications)
