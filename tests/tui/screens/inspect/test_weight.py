"""A weight: from the microscope to its gradient, the optimizer's arithmetic, and the next step."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from tests.support.app_pilot import Until, on_screen, seen, settled, tap
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import CONV, make_run
from tests.tui.screens.inspect.test_microscope import opened as opened_microscope
from tui.app import CnnApp
from tui.screens.inspect.microscope.screen import MicroscopeScreen
from tui.screens.inspect.microscope.weight.look import Spot
from tui.screens.inspect.microscope.weight.panes import BatchImage
from tui.screens.inspect.microscope.weight.screen import WeightScreen
from tui.state.selection import of_run

MakeApp = Callable[..., CnnApp]
ADAM = CONV.replace("lr: 0.05", "lr: 0.001, optimizer: adam")


@pytest.fixture
def conv(home: Path) -> str:
    (home / "configs" / "conv.yaml").write_text(CONV)
    return "conv"


async def opened(pilot: Pilot, until: Until, *keys: str) -> WeightScreen:
    """The weight that the microscope leads to."""
    await opened_microscope(pilot, until, *keys)
    await tap(pilot, "w")
    screen = await on_screen(pilot, WeightScreen)
    await until(pilot, lambda: fits(screen))
    return screen


def fits(screen: WeightScreen) -> bool:
    return screen.found is not None and screen.found.spot == screen.spot


def verdict(screen: WeightScreen) -> str:
    return " ".join(str(screen.query_one("#verdict", Static).render()).split())


@pytest.mark.parametrize("size", rest_as_proofs([(60, 16), (200, 60)]), ids=str)
async def test_the_products_of_a_weight_add_up_to_its_gradient(
    make_app: MakeApp, conv: str, until: Until, size: tuple[int, int]
) -> None:
    app = make_app(conv)
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot, until, "down", "down", "down")
        await settled(pilot, until)
        assert screen.spot.layer == "3"
        assert len(screen.spot.index) == 4
        assert screen.found is not None
        found = screen.found.weight.gradient
        assert found.arithmetic.difference < 1e-4
        assert found.samples.sum() == pytest.approx(found.arithmetic.network, rel=1e-3, abs=1e-7)
        numbers = re.fullmatch(r"✓ adds up to (\S+), the network has (\S+)", verdict(screen))
        assert numbers
        assert numbers[1] == numbers[2]
        await until(pilot, lambda: "largest contributions" in seen(app))
        if size[1] > 16:
            await until(pilot, lambda: "share of the 64 samples" in seen(app))
        await tap(pilot, "escape")
        await on_screen(pilot, MicroscopeScreen)


async def test_the_keys_lead_from_weight_to_weight(
    make_app: MakeApp, conv: str, until: Until
) -> None:
    app = make_app(conv)
    async with app.run_test() as pilot:
        screen = await opened(pilot, until)
        screen._go(Spot("3", "weight", (1, 2, 0, 0)))
        await tap(pilot, "right", "down", "m", "right_square_bracket")
        assert screen.spot == Spot("3", "weight", (2, 3, 1, 1))
        await until(pilot, lambda: fits(screen))
        await tap(pilot, "f")
        assert screen.found is not None
        largest = np.abs(screen.found.gradients)
        assert largest[screen.spot.index] == largest.max()
        await until(pilot, lambda: fits(screen))
        image = screen.query_one(BatchImage)
        assert screen.found.fields[0] != screen.found.fields[1]
        assert image._frame == screen.found.fields[0][1]
        await tap(pilot, "n")
        assert image._frame == screen.found.fields[1][1]
        await tap(pilot, "p")
        assert screen.spot.parameter == "bias"
        await tap(pilot, "full_stop")
        assert (screen.spot.layer, len(screen.spot.index)) == ("6", 2)
        await until(pilot, lambda: fits(screen))
        assert screen.refuse("map") is not None
        await tap(pilot, "comma", "comma", "comma")
        assert screen.spot.layer == "0", "there are no weights before the first layer's"


async def test_two_looks_at_the_same_weight_are_two_looks(
    make_app: MakeApp, conv: str, until: Until
) -> None:
    app = make_app(conv)
    async with app.run_test() as pilot:
        screen = await opened(pilot, until)
        first, screen._asked = screen.found, None
        screen.refresh_tick()
        await until(pilot, lambda: screen.found is not first)
        assert screen.found is not None
        assert screen.found.spot == screen.spot


async def test_a_layer_without_weights_leads_to_the_next_that_has_some(
    make_app: MakeApp, conv: str, until: Until
) -> None:
    app = make_app(conv)
    async with app.run_test() as pilot:
        screen = await opened(pilot, until, "down")
        assert screen.spot.layer == "3"


async def test_fresh_weights_have_an_optimizer_without_a_memory(
    make_app: MakeApp, conv: str, until: Until
) -> None:
    app = make_app(conv)
    async with app.run_test() as pilot:
        screen = await opened(pilot, until)
        await tap(pilot, "u")
        await until(pilot, lambda: "no step taken yet: moments are 0" in seen(app))
        assert screen.found is not None
        weight = screen.found.weight
        assert weight.after == pytest.approx(
            weight.before - 0.05 * weight.gradient.arithmetic.network
        )
        assert verdict(screen).startswith("before ")


async def test_a_file_of_weights_alone_says_so(make_app: MakeApp, home: Path, until: Until) -> None:
    app = make_app()
    app.choice.chosen = of_run(make_run(home / "runs"))
    async with app.run_test() as pilot:
        await opened(pilot, until)
        await tap(pilot, "u")
        await until(pilot, lambda: "this file has weights alone" in seen(app))


@pytest.mark.proof
async def test_the_next_batch_makes_of_a_live_weight_what_was_told(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    text = ADAM.replace("epochs: 3", "epochs: 500").replace("limit: 400", "limit: 4000")
    (home / "configs" / "slow.yaml").write_text(text)
    app = make_app("slow")
    async with app.run_test() as pilot:
        await tap(pilot, "r")
        await until(pilot, lambda: app.training.started)
        screen = await opened(pilot, until)
        first = screen.found
        await until(pilot, lambda: screen.found is not first and fits(screen))
        await tap(pilot, "space")
        await until(pilot, lambda: app.training.phase == "paused")  # after the batch under way
        await until(pilot, lambda: app.training.phase == "paused")
        session = app.training.session
        assert session is not None
        step = session.progress.global_step
        await tap(pilot, "s")
        await until(pilot, lambda: session.progress.global_step == step + 1)

        def seen_at(step: int) -> bool:
            return screen.found is not None and screen.found.step.optimizer.t == step

        await until(pilot, lambda: seen_at(step + 1))
        assert screen.found is not None
        told = screen.found.weight
        assert told.steps[0].value != 0
        await tap(pilot, "u")
        await until(pilot, lambda: f"{step + 1:,} steps taken" in seen(app))
        await tap(pilot, "s")
        await until(pilot, lambda: seen_at(step + 2))
        assert screen.found is not None
        change = abs(told.after - told.before)
        assert screen.found.weight.before == pytest.approx(told.after, abs=1e-2 * change + 1e-7)
        app.training.stop()
        await until(pilot, lambda: not app.training.running)
