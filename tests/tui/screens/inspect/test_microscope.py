"""The microscope: from a feature map to the arithmetic of one of its numbers."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from engine.microscope.arithmetic import Arithmetic, Step, Term
from tests.support.app_pilot import Until, on_screen, seen, settled, tap
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import CONV, make_run
from tui.app import CnnApp
from tui.screens.inspect.gallery import Pictures
from tui.screens.inspect.microscope import words
from tui.screens.inspect.microscope.calculation import Calculation
from tui.screens.inspect.microscope.look import Frame, carried, strongest
from tui.screens.inspect.microscope.pixels import FeatureMap, FramedPicture
from tui.screens.inspect.microscope.screen import MicroscopeScreen
from tui.screens.inspect.screen import InspectScreen
from tui.state.selection import of_run
from tui.widgets.table import Table

MakeApp = Callable[..., CnnApp]


@pytest.fixture
def conv(home: Path) -> str:
    (home / "configs" / "conv.yaml").write_text(CONV)
    return "conv"


async def opened(pilot: Pilot, until: Until, *keys: str) -> MicroscopeScreen:
    """The microscope, opened from Inspect, with something found."""
    await tap(pilot, "3")
    inspect = await on_screen(pilot, InspectScreen)
    await until(pilot, lambda: inspect.inspector.inspection and inspect.query_one(Table).rows)
    await tap(pilot, *keys, "e")
    screen = await on_screen(pilot, MicroscopeScreen)
    await until(pilot, lambda: screen.found)
    return screen


async def looked_at(
    pilot: Pilot, until: Until, screen: MicroscopeScreen, layer: str, index: tuple[int, ...]
) -> None:
    await until(
        pilot,
        lambda: screen.found and (screen.found.place.name, screen.found.index) == (layer, index),
    )


def shown(app: CnnApp) -> tuple[str, str]:
    """What the steps add up to, and what the network has, as they are on the screen."""
    verdict = app.screen.query_one("#verdict", Static)
    assert verdict.region.height >= len(str(verdict.render())) / verdict.region.width
    assert "adds up to" in seen(app)
    found = re.search(r"adds up to (\S+), the network has (\S+)", str(verdict.render()))
    assert found, seen(app)
    return found[1], found[2]


# -- the screen ---------------------------------------------------------------------------------


async def test_it_opens_where_inspect_is_and_its_numbers_add_up(
    make_app: MakeApp, conv: str, until: Until
) -> None:
    app = make_app(conv)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, until, "down", "down", "down")
        assert screen.found is not None
        assert screen.found.place.name == "3"
        assert screen.found.arithmetic.difference < 1e-4
        maps = screen._inspector.inspection.maps  # type: ignore[union-attr]
        assert screen.index == strongest(maps["3"], 0)  # type: ignore[index]
        await settled(pilot, until)
        adds, has = shown(app)
        assert adds == has
        assert float(has) == pytest.approx(float(maps["3"][screen.index]), abs=1e-4)  # type: ignore[index]
        await tap(pilot, "escape")
        await on_screen(pilot, InspectScreen)


async def test_enter_on_a_feature_map_opens_it_at_that_map(
    make_app: MakeApp, conv: str, until: Until
) -> None:
    app = make_app(conv)
    async with app.run_test() as pilot:
        await tap(pilot, "3")
        inspect = await on_screen(pilot, InspectScreen)
        await until(pilot, lambda: inspect.inspector.inspection and inspect.query_one(Table).rows)
        await tap(pilot, "m")
        await until(pilot, lambda: inspect.query_one(Pictures).pictures.shape == (4, 12, 12))
        await tap(pilot, "enter", "right", "right", "enter")
        screen = await on_screen(pilot, MicroscopeScreen)
        await until(pilot, lambda: screen.found)
        assert screen.found is not None
        assert screen.found.index[0] == 2


async def test_the_cursor_the_map_and_the_layer_are_moved(
    make_app: MakeApp, conv: str, until: Until
) -> None:
    app = make_app(conv)
    async with app.run_test() as pilot:
        screen = await opened(pilot, until)
        screen.index = (0, 5, 5)
        screen.refresh_tick()
        await tap(pilot, "right", "down", "l")
        await looked_at(pilot, until, screen, "0", (0, 6, 7))
        assert screen.found is not None
        assert screen.found.field == Frame(12, 17, 14, 19), "5 by 5 pixels, 2 apart"
        await tap(pilot, "m")
        await looked_at(pilot, until, screen, "0", (1, 6, 7))
        await tap(pilot, "full_stop", "full_stop")
        await looked_at(pilot, until, screen, "2", (1, 3, 3))
        await tap(pilot, "full_stop", "full_stop", "full_stop")
        await looked_at(pilot, until, screen, "5", (1 * 16 + 2 * 4 + 2,))
        await tap(pilot, "comma")
        await looked_at(pilot, until, screen, "4", (1, 2, 2))
        await tap(pilot, *["full_stop"] * 4)
        assert screen.place is not None
        assert screen.place.name == "loss", "there is nothing behind it"


async def test_brackets_show_another_input_channel(
    make_app: MakeApp, conv: str, until: Until
) -> None:
    app = make_app(conv)
    async with app.run_test(size=(100, 40)) as pilot:
        screen = await opened(pilot, until)
        assert screen.refuse("channel") is not None, "the image has one channel"
        await tap(pilot, *["full_stop"] * 3)
        await until(pilot, lambda: screen.found and screen.found.place.name == "3")
        assert screen.found is not None
        heaviest = words.heaviest_channel(screen.found.arithmetic)
        await until(pilot, lambda: f"channel {heaviest} adds up to" in seen(app))
        await tap(pilot, "right_square_bracket")
        await until(pilot, lambda: f"channel {(heaviest + 1) % 4} adds up to" in seen(app))


async def test_g_shows_the_gradient_of_the_number_and_what_it_comes_from(
    make_app: MakeApp, conv: str, until: Until
) -> None:
    app = make_app(conv)
    async with app.run_test() as pilot:
        screen = await opened(pilot, until, "down", "down")
        await tap(pilot, "g")
        await until(pilot, lambda: screen.found and screen.found.gradient)
        assert screen.found is not None
        found = screen.found.arithmetic
        assert len(found.terms) > 6, "each of the 6 filters behind it reads it more than once"
        assert found.difference < 1e-4
        await until(pilot, lambda: "the gradient of" in seen(app))
        await settled(pilot, until)
        adds, has = shown(app)
        assert adds == has
        assert float(has) == pytest.approx(found.network, rel=1e-2)
        await tap(pilot, "g")
        await until(pilot, lambda: screen.found and not screen.found.gradient)


async def test_another_sample_is_looked_at_at_the_same_place(
    make_app: MakeApp, conv: str, until: Until
) -> None:
    app = make_app(conv)
    async with app.run_test() as pilot:
        screen = await opened(pilot, until)
        first = screen.found
        await tap(pilot, "n")
        await until(pilot, lambda: screen.found is not first and "image #1" in seen(app))
        assert first is not None
        assert screen.found is not None
        assert screen.found.index == first.index


async def test_behind_the_last_layer_is_the_loss_of_the_true_class(
    make_app: MakeApp, conv: str, until: Until
) -> None:
    app = make_app(conv)
    async with app.run_test(size=(80, 40)) as pilot:
        screen = await opened(pilot, until)
        await tap(pilot, *["full_stop"] * 7)
        await until(pilot, lambda: screen.found and screen.found.place.name == "loss")
        assert screen.found is not None
        context, inspection, maps = screen._known
        label = context.samples.label(inspection.sample)  # type: ignore[union-attr]
        loss = -np.log(maps["loss"][label])
        assert screen.found.arithmetic.value == pytest.approx(loss, rel=1e-4)
        await until(pilot, lambda: "minus its logarithm" in seen(app))
        adds, has = shown(app)
        assert adds == has
        await tap(pilot, "g")
        await until(pilot, lambda: screen.found and screen.found.gradient)
        assert screen.index is not None
        own = float(maps["loss"][screen.index]) - (screen.index == (label,))
        assert screen.found.arithmetic.network == pytest.approx(own, abs=1e-6)


async def test_a_residual_block_has_a_place_behind_its_branches(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    block = "Residual: {body: [Conv2D: {out_channels: 4, kernel_size: 3, padding: same}, ReLU]}"
    (home / "configs" / "block.yaml").write_text(CONV.replace("- ReLU\n", f"- {block}\n", 1))
    app = make_app("block")
    async with app.run_test(size=(80, 40)) as pilot:
        screen = await opened(pilot, until)
        names = []
        for _ in range(3):
            await tap(pilot, "full_stop")
            names.append(screen.place.name)  # type: ignore[union-attr]
        assert names == ["1.body.0", "1.body.1", "1"]
        await until(pilot, lambda: screen.found and screen.found.place.name == "1")
        await settled(pilot, until)
        assert screen.index is not None
        maps = screen._known[2]  # type: ignore[index]
        both = maps["1.body.1"][screen.index] + maps["0"][screen.index]
        assert screen.found.arithmetic.value == pytest.approx(both, abs=1e-5)  # type: ignore[union-attr]
        await until(pilot, lambda: "through the shortcut" in seen(app))
        await tap(pilot, "g")
        await until(pilot, lambda: "shortcut each get it" in seen(app))
        await tap(pilot, *["comma"] * 3)
        await until(pilot, lambda: screen.found and screen.found.place.name == "0")
        await until(pilot, lambda: "through the body" in seen(app))  # the gradient, both ways


@pytest.mark.parametrize("size", rest_as_proofs([(60, 16), (80, 24), (200, 60)]), ids=str)
async def test_image_map_and_verdict_are_seen_in_every_size(
    make_app: MakeApp, conv: str, until: Until, size: tuple[int, int]
) -> None:
    app = make_app(conv)
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot, until)
        await settled(pilot, until)
        assert shown(app)
        await until(pilot, lambda: "0 Conv2D" in seen(app))
        for kind in (FramedPicture, FeatureMap):
            lines = [screen.query_one(kind).render_line(y).text for y in range(5)]
            assert "▄" in lines[0], "the ruler shows the columns of the frame"
        pane = screen.query_one(Calculation)
        await tap(pilot, "pagedown")
        await until(
            pilot, lambda: pane.scroll_offset.y == min(pane.size.height - 1, pane.max_scroll_y)
        )


@pytest.mark.proof
async def test_it_follows_a_training(make_app: MakeApp, home: Path, until: Until) -> None:
    text = CONV.replace("epochs: 3", "epochs: 500").replace("limit: 400", "limit: 4000")
    (home / "configs" / "slow.yaml").write_text(text)
    app = make_app("slow")
    async with app.run_test() as pilot:
        await tap(pilot, "r")
        await until(pilot, lambda: app.training.started)
        screen = await opened(pilot, until)
        first = screen.found
        assert first is not None
        await until(
            pilot,
            lambda: screen.found and screen.found.arithmetic.network != first.arithmetic.network,
        )
        assert screen.found is not None
        assert screen.found.arithmetic.difference < 1e-4
        await tap(pilot, "space")
        await until(pilot, lambda: app.training.paused)
        app.training.stop()
        await until(pilot, lambda: not app.training.running)


async def test_it_works_on_the_weights_of_a_run(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    app = make_app()
    app.choice.chosen = of_run(make_run(home / "runs"))
    async with app.run_test() as pilot:
        screen = await opened(pilot, until)
        assert screen.found is not None
        assert screen.found.arithmetic.difference < 1e-4


async def test_without_the_data_set_it_says_why_it_does_not_open(
    make_app: MakeApp, home: Path, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    (home / "configs" / "far.yaml").write_text(CONV.replace("mnist_mini", "mnist"))
    app = make_app("far")
    async with app.run_test() as pilot:
        await tap(pilot, "3")
        inspect = await on_screen(pilot, InspectScreen)
        await until(pilot, lambda: inspect.inspector.inspection and inspect.query_one(Table).rows)
        await tap(pilot, "e")
        assert app.screen is inspect
    assert "the data set is not downloaded" in caplog.text


# -- places -------------------------------------------------------------------------------------


def test_a_place_is_carried_to_the_same_part_of_the_image() -> None:
    assert carried((3, 5, 6), (4, 12, 12), (2, 6, 6)) == (1, 2, 3)
    assert carried((1, 2, 3), (2, 6, 6), (4, 12, 12)) == (1, 5, 7)
    assert carried((1, 2, 2), (6, 4, 4), (96,)) == (26,)
    assert carried((26,), (96,), (6, 4, 4)) == (1, 2, 2)
    assert carried((5,), (10,), (20,)) is None


def test_the_strongest_number_may_be_below_zero_and_is_never_nan() -> None:
    output = np.zeros((2, 3, 3))
    output[0, 0, 0], output[0, 1, 1], output[1, 2, 0] = np.nan, 1, -2
    assert strongest(output) == (1, 2, 0)
    assert strongest(output, 0) == (0, 1, 1)
    assert strongest(np.array([1.0, -3.0]), 0) == (1,)


# -- the lines ----------------------------------------------------------------------------------


def lines_of(arithmetic: Arithmetic, width: int = 40, channel: int = 0) -> list[str]:
    return [line.plain for line in words.written(arithmetic, channel, width)]


def test_patch_kernel_and_products_are_written_as_numbers() -> None:
    patch = np.array([[[1.0, 2.0], [0.5, -1.0]], [[1.0, 1.0], [1.0, 1.0]]])
    kernel = np.array([[[0.5, 0.25], [2.0, 1.0]], [[-1.0, -1.0], [-1.0, -1.0]]])
    value = float((patch * kernel).sum())
    found = Arithmetic("a number", (), (), value, value, patch, kernel, (0, 0, 0))
    text = "\n".join(lines_of(found, 76))
    assert words.heaviest_channel(found) == 1
    assert re.search(r" 1\.000 +2\.000 +0\.500 +0\.250 +0\.500 +0\.500", text)
    assert re.search(r" 0\.500 -1\.000 +2\.000 +1\.000 +1\.000 -1\.000", text)
    assert re.search(r"channel 0 adds up to +1\.0000", text)
    assert re.search(r"channel 1 .*-4\.0000", text)
    assert re.search(r"all channels +-3\.0000", text)


def test_the_winner_of_a_pool_has_a_star() -> None:
    patch = np.array([[[1.0, 4.0], [2.0, 3.0]]])
    terms = tuple(
        Term(
            "x",
            (float(patch[0, r, c]),),
            float(patch[0, r, c]),
            (5, 2 + r, 6 + c),
            (r, c) == (0, 1),
        )
        for r in range(2)
        for c in range(2)
    )
    text = "\n".join(lines_of(Arithmetic("", terms, (), 4.0, 4.0, patch, None, (5, 2, 6))))
    assert "4.000*" in text
    assert text.count("*") == 2, "beside the number, and in the line that explains it"


def test_the_largest_terms_come_first_and_the_others_are_summed_up() -> None:
    terms = tuple(Term(f"x[{i}] · w[0, {i}]", (1.0, float(-i)), float(-i)) for i in range(20))
    lines = lines_of(Arithmetic("", terms, (), -190.0, -190.0), 60)
    assert "x[19]" in lines[1]
    assert re.search(r"1\.000 × \(-19\.00\) = -19\.0000$", lines[1])
    assert re.search(r"the 12 others +-66\.0000$", lines[-1])


def test_every_step_has_its_words_its_formula_and_its_result() -> None:
    step = Step("plus the bias", "1.5 + 0.25", 1.75)
    lines = lines_of(Arithmetic("", (), (step,), 1.75, 1.75))
    assert re.fullmatch(r"plus the bias +1\.7500", lines[0])
    assert lines[1] == "  1.5 + 0.25"
    long = Step("more words than there is room for in a line of forty", "", 2.0)
    lines = lines_of(Arithmetic("", (), (long,), 2.0, 2.0))
    assert " ".join(" ".join(lines).split()) == f"{long.words} 2.0000", "nothing is cut off"


@pytest.mark.parametrize("width", [30, 34, 44, 76])
def test_no_line_is_wider_than_there_is_room(width: int) -> None:
    rng = np.random.default_rng(0)
    patch, kernel = 1000 * rng.standard_normal((2, 9, 7, 7))
    terms = tuple(Term("x[0, 12, 13] · w[7, 0, 1, 1]", (1e-9, -5e6), -5e-3) for _ in range(3))
    steps = (
        Step("a few words that are longer than twenty", "1 + 2 + 3 + 4 + 5 + 6 + 7 + 8", 36.0),
    )
    for found in (
        Arithmetic("", terms, steps, 1.0, 1.0, patch, kernel, (0, 0, 0)),
        Arithmetic("", terms, steps, 1.0, 1.0),
    ):
        assert max(map(len, lines_of(found, width))) <= width


def test_a_difference_is_not_passed_over() -> None:
    assert words.verdict(Arithmetic("", (), (), 1.0, 1.0000001)).plain.startswith("✓")
    assert words.verdict(Arithmetic("", (), (), 1.0, 1.5)).plain.startswith("≠")
    nan = float("nan")
    assert words.verdict(Arithmetic("", (), (), nan, nan)).plain.startswith("✓")
