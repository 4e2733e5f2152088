"""Why: the heat map of an image of the evaluation, by several methods and for every class."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine import saliency
from engine.data import Normalisation
from engine.train.weights import load_model
from tests.support.app_pilot import Until, on_screen, settled, tap, training, write_slow
from tests.support.run_makers import make_run
from tests.tui.screens.evaluate.test_screen import opened
from tui.app import CnnApp
from tui.screens.evaluate.screen import EvaluateScreen
from tui.screens.inspect.screen import InspectScreen
from tui.screens.inspect.why.screen import Heat, WhyScreen

MakeApp = Callable[..., CnnApp]


async def test_the_map_is_that_of_the_engine_for_each_method_and_class(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        evaluate = await opened(app, pilot, until)
        await tap(pilot, "e")
        await until(pilot, lambda: evaluate.found is not None and not app.jobs)
        await settled(pilot, until)
        await tap(pilot, "w")
        why = await on_screen(pilot, WhyScreen)
        await until(pilot, lambda: why.found is not None)
        selection = why._image.selection
        assert selection.weights is not None
        info = selection.config.dataset_info
        model = load_model(selection.config, selection.weights)
        x = Normalisation(info.mean, info.std)(why._test.images[why._index][None])
        assert why.found is not None
        target = why.found.target
        assert target == int(model.eval().forward(x).argmax())
        for key, name in (
            ("]", "integrated_gradients"),
            ("m", "gradient_input"),
            ("m", "occlusion"),
        ):
            before = why.found
            await tap(pilot, {"]": "right_square_bracket"}.get(key, key))
            await until(
                pilot, lambda before=before: why.found is not None and why.found is not before
            )
            target = (target + 1) % 10 if key == "]" else target
            expected = saliency.explain(model, x, target, name).values
            assert np.allclose(why.query_one(Heat).pictures[0], expected, rtol=1e-4, atol=1e-6)
        index = why._index
        for key in ("m", "n", "N"):  # faster than the answers come: the last one counts
            await pilot.press(key)
        await tap(pilot, "n")
        await until(
            pilot, lambda: why.found is not None and why.found.subject.name == f"#{index + 1}"
        )
        await tap(pilot, "escape")
        await on_screen(pilot, EvaluateScreen)


async def test_the_map_follows_the_network_that_trains(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    write_slow(home)
    app = make_app("slow")
    async with training(app, until) as pilot:
        await tap(pilot, "3")
        inspect = await on_screen(pilot, InspectScreen)
        await until(pilot, lambda: inspect.refuse("why") is None and inspect.image() is not None)
        await tap(pilot, "y")
        why = await on_screen(pilot, WhyScreen)
        await until(pilot, lambda: why.found is not None)
        before, what = why.found, why._image.selection.what
        await until(pilot, lambda: why.found is not before and why._image.selection.what != what)
        assert why.refuse("newest") == "these are the newest weights that there are"
