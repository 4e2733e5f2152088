"""Paper: what is drawn on it, and what the network takes it for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from textual.app import App
from textual.geometry import Size
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine import data
from engine.images.ink import as_ink
from engine.inspection.activations import activations
from engine.train.weights import load_model
from tests.support.app_pilot import Until, on_screen, seen, settled, tap, training, write_slow
from tests.support.photographs import photograph
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import make_run
from tests.tui.screens.evaluate.test_screen import opened
from tui import text
from tui.app import CnnApp
from tui.screens.dialogs import AskPath
from tui.screens.evaluate.draw.brush import Drawing
from tui.screens.evaluate.draw.canvas import DrawingCanvas
from tui.screens.evaluate.draw.layer_rows import LayerRows, row_heights
from tui.screens.evaluate.draw.predictions import Predictions
from tui.screens.evaluate.draw.screen import DrawScreen, LayerMaps, NetworkInput
from tui.screens.evaluate.screen import EvaluateScreen
from tui.screens.help import HelpScreen
from tui.state.selection import of_run

MakeApp = Callable[..., CnnApp]
PLACE = st.tuples(st.floats(-5, 33), st.floats(-5, 33))


@given(st.lists(st.tuples(PLACE, PLACE, st.booleans()), max_size=6))
def test_ink_stays_ink_whatever_is_drawn(
    strokes: list[tuple[tuple[float, float], tuple[float, float], bool]],
) -> None:
    drawing = Drawing(28, 28)
    for start, end, erase in strokes:
        drawing.stroke(start, end, erase=erase)
    for image in (drawing.ink, drawing.as_digit()):
        assert image.shape == (28, 28)
        assert image.dtype == np.float32
        assert 0 <= image.min() <= image.max() <= 1.0001


def test_a_stroke_is_connected_and_can_be_taken_away() -> None:
    drawing = Drawing(28, 28)
    drawing.stroke((4, 4), (4, 20))
    assert (drawing.ink[4, 4:21] == 1).all()
    assert not drawing.ink[8:].any()
    drawing.stroke((4, 4), (4, 20), erase=True)
    assert not drawing.ink[4, 4:21].any()
    drawing.clear()
    assert drawing.is_empty


def test_a_digit_fills_a_box_of_20_around_its_mass() -> None:
    """Small in a corner or large: it comes out alike."""
    images = []
    for top, left, size in ((1, 1, 8), (14, 16, 8), (2, 4, 22)):
        drawing = Drawing(28, 28)
        drawing.stroke((top, left), (top, left + size / 2))
        drawing.stroke((top, left + size / 2), (top + size, left))
        images.append(drawing.as_digit())
    for image in images:
        rows = np.flatnonzero(image.any(axis=1))
        assert rows[-1] - rows[0] + 1 == 20
        mass = np.indices(image.shape).reshape(2, -1) @ image.ravel() / image.sum()
        assert np.abs(mass - 14).max() <= 1
    np.testing.assert_array_equal(images[0], images[1])


def test_digits_of_the_test_set_are_left_much_as_they_are() -> None:
    split = data.load("mnist_mini").test
    for image in split.images[:20, 0] / np.float32(255):
        drawing = Drawing(28, 28)
        drawing.ink[:] = image
        assert np.abs(drawing.as_digit() - image).mean() < 0.05


# -- the screen ------------------------------------------------------------------------------------


async def drawing_on(app: CnnApp, pilot: Pilot, until: Until, run: Path) -> DrawScreen:
    app.choice.chosen = of_run(run)
    await opened(app, pilot, until)
    return await paper(app, pilot, until)


async def paper(app: CnnApp, pilot: Pilot, until: Until) -> DrawScreen:
    await tap(pilot, "d")
    await on_screen(pilot, DrawScreen)
    screen = await on_screen(pilot, DrawScreen)
    await until(pilot, lambda: not app.jobs)
    return screen


def guesses(screen: DrawScreen) -> str:
    return str(screen.query_one(Predictions).render())


async def test_drawn_from_the_keyboard(make_app: MakeApp, home: Path, until: Until) -> None:
    run = make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await drawing_on(app, pilot, until, run)
        pad = screen.query_one(DrawingCanvas)
        assert "space" in guesses(screen)
        assert "centred and scaled" in screen.help_text()
        await tap(pilot, "right", "down")
        assert pad.drawing.is_empty
        await tap(pilot, "space", *["down"] * 6, "space", "right", "right")
        row, column = pad.cursor
        assert (pad.drawing.ink[row - 6 : row + 1, column - 2] == 1).all()
        assert pad.drawing.ink[row, column] < 0.2
        await until(pilot, lambda: guesses(screen).count("%") == 10)
        await tap(pilot, *["up"] * 40)
        assert pad.cursor[0] == 0
        await tap(pilot, "x")
        assert pad.drawing.is_empty
        await until(pilot, lambda: "%" not in guesses(screen))
        await tap(pilot, "escape")
        await on_screen(pilot, EvaluateScreen)


async def test_of_many_classes_the_ten_most_probable_are_shown_first() -> None:
    names = tuple(f"猫 number {i} of many classes" for i in range(100))
    shares = np.full(100, 0.002)
    shares[[41, 7]] = 0.6, 0.204
    app = App[None]()
    async with app.run_test(size=(50, 24)) as pilot:
        predictions = Predictions()
        await app.mount(predictions)
        await pilot.pause()
        predictions.show(names, shares)
        lines = str(predictions.render()).splitlines()
        assert len({text.cell_len(line) for line in lines}) == 1
        assert text.cell_len(lines[0]) <= 50
        assert [line.split()[2] for line in lines[:4]] == ["41", "7", "0", "1"]
        assert [lines[i].split()[-1] for i in (0, 1, 9)] == ["60%", "20%", "0%"]
        assert lines[10].split()[:2] == ["90", "others"]
        assert lines[10].endswith(" 18%")
        assert len(lines) == 11
        predictions.show(("cat", "dog"), np.array([0.25, 0.75]))
        lines = str(predictions.render()).splitlines()
        assert [line.split()[0] for line in lines] == ["cat", "dog"]


@pytest.mark.parametrize("size", rest_as_proofs([(80, 24), (200, 60)]))
async def test_drawn_with_the_mouse(
    make_app: MakeApp, home: Path, until: Until, size: tuple[int, int]
) -> None:
    run = make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=size) as pilot:
        screen = await drawing_on(app, pilot, until, run)
        pad = screen.query_one(DrawingCanvas)
        await settled(pilot, until)  # its place depends on the layout of a large terminal
        left, top, zoom = pad._place
        start = (left + 5 * zoom, top + 3 * zoom)
        await pilot.mouse_down(DrawingCanvas, offset=start)
        for step in range(1, 7):
            await pilot.hover(DrawingCanvas, offset=(left + (5 + step) * zoom, start[1]))
        await pilot.mouse_up(DrawingCanvas, offset=(left + 11 * zoom, start[1]))
        ink = pad.drawing.ink
        assert ink[5:8, 5].max() > 0.5
        await pilot.hover(DrawingCanvas, offset=(left + 20 * zoom, top + 10 * zoom))
        assert not ink[:, 15:].any(), "the button is up"


async def test_images_of_the_test_set_can_be_drawn_on(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    run = make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await drawing_on(app, pilot, until, run)
        assert "esc, then e evaluates" in str(screen.refuse("sample"))
        await tap(pilot, "escape")
        evaluate = await on_screen(pilot, EvaluateScreen)
        await tap(pilot, "e")
        await until(pilot, lambda: evaluate.found and not evaluate.running)
        screen = await paper(app, pilot, until)
        await tap(pilot, "n", "n", "N")
        assert evaluate.found is not None
        expected = evaluate.found.test.images[0, 0] / np.float32(255)
        np.testing.assert_array_equal(screen.query_one(DrawingCanvas).drawing.ink, expected)


async def test_why_nothing_can_be_drawn(make_app: MakeApp, until: Until) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, until)
        assert screen.refuse("draw") == "there is no trained network yet; 2 trains one"
        await tap(pilot, "d")
        assert app.screen is screen


async def test_weights_that_are_gone_are_said(make_app: MakeApp, home: Path, until: Until) -> None:
    run = make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.choice.chosen = of_run(run)
        screen = await opened(app, pilot, until)
        selection = screen.selection
        assert selection is not None
        assert selection.weights is not None
        selection.weights.unlink()
        await tap(pilot, "d")
        await until(pilot, lambda: app.screen is screen and app._notifications)


# -- image files -----------------------------------------------------------------------------------

COLOUR = """\
dataset: cifar10
layers: [Flatten, {Dense: {out_features: 10}}]
train: {epochs: 1, batch_size: 10, lr: 0.1}
"""


async def asked_for(pilot: Pilot, path: Path | str) -> AskPath:
    """The dialog, once a path was entered in it."""
    await tap(pilot, "o")
    dialog = await on_screen(pilot, AskPath)
    dialog.query_one(Input).value = str(path)
    await tap(pilot, "enter")
    return dialog


def problem(dialog: AskPath) -> str:
    return str(dialog.query_one(".problem", Static).render())


async def test_a_photograph_is_put_where_the_drawing_is(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    run = make_run(home / "runs")
    picture = photograph(data.load("mnist_mini").test.images[0, 0], np.random.default_rng(0))
    Image.fromarray(picture).save(home / "photo.png")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await drawing_on(app, pilot, until, run)
        await asked_for(pilot, home / "photo.png")
        pad = screen.query_one(DrawingCanvas)
        await until(pilot, lambda: app.screen is screen and not pad.drawing.is_empty)
        expected = as_ink(picture, (28, 28)) / np.float32(255)
        np.testing.assert_array_equal(pad.drawing.ink, expected)
        await until(pilot, lambda: guesses(screen).count("%") == 10)
        await until(pilot, lambda: "photo.png" in seen(app))
        before = guesses(screen)
        await tap(pilot, "space", *["down"] * 9, "space")
        await until(pilot, lambda: guesses(screen) != before)
        assert (pad.drawing.ink >= expected).all(), "it can be drawn on"
        await tap(pilot, "x")
        await until(pilot, lambda: "photo.png" not in seen(app) and "space" in guesses(screen))


async def test_what_cannot_be_opened_is_said_in_the_dialog(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    run = make_run(home / "runs")
    (home / "text.png").write_text("no image")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await drawing_on(app, pilot, until, run)
        await tap(pilot, "space", "space")
        drawn = screen.query_one(DrawingCanvas).drawing.ink.copy()
        dialog = await asked_for(pilot, "")
        assert problem(dialog) == "type the path of an image file"
        await tap(pilot, "escape")
        await on_screen(pilot, DrawScreen)
        dialog = await asked_for(pilot, home / "gone.png")
        assert problem(dialog).endswith("gone.png: no such file")
        await tap(pilot, "escape")
        await on_screen(pilot, DrawScreen)
        first = await asked_for(pilot, home / "text.png")
        await until(pilot, lambda: isinstance(app.screen, AskPath) and app.screen is not first)
        dialog = await on_screen(pilot, AskPath)
        await until(
            pilot, lambda: problem(dialog).startswith("text.png: not an image of a known format")
        )
        assert dialog.query_one(Input).value == str(home / "text.png")
        await tap(pilot, "escape")
        await on_screen(pilot, DrawScreen)
        np.testing.assert_array_equal(screen.query_one(DrawingCanvas).drawing.ink, drawn)


@pytest.mark.parametrize("size", rest_as_proofs([(80, 24), (60, 16)]))
async def test_colour_images_are_opened(
    make_app: MakeApp, home: Path, until: Until, size: tuple[int, int]
) -> None:
    run = make_run(home / "runs", config=COLOUR)
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:20, :, 0] = 255
    Image.fromarray(pixels).save(home / "red.png")
    app = make_app()
    async with app.run_test(size=size) as pilot:
        screen = await drawing_on(app, pilot, until, run)
        assert "colour images" in str(screen.refuse("pen"))
        assert "opens an image file" in guesses(screen)
        for key in ("space", "down", "x"):
            app.clear_notifications()
            await tap(pilot, key)
            await until(
                pilot, lambda: any("o opens a file" in n.message for n in app._notifications)
            )
        assert "cannot be drawn here" in screen.help_text()
        assert "raw something" not in screen.help_text()
        await asked_for(pilot, home / "red.png")
        await until(pilot, lambda: guesses(screen).count("%") == 10)
        shown = screen.query_one(NetworkInput).pictures
        assert shown.shape == (1, 32, 32, 3)
        assert shown[0, :10, :, 0].min() > 0.9
        assert not shown[..., 1:].any()
        await tap(pilot, "x")
        await until(pilot, lambda: "%" not in guesses(screen))


GREY = """\
dataset: fashion_mnist
layers: [Flatten, {Dense: {out_features: 10}}]
train: {epochs: 1, batch_size: 10, lr: 0.1}
"""


async def test_the_help_speaks_of_digits_only_where_drawings_become_such(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    run = make_run(home / "runs", config=GREY)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await drawing_on(app, pilot, until, run)
        await tap(pilot, "question_mark")
        await on_screen(pilot, HelpScreen)
        await until(pilot, lambda: "Draw something" in seen(app))
        assert "MNIST" not in screen.help_text()


# -- what every layer makes of it ------------------------------------------------------------------


def test_rows_share_the_lines_and_the_largest_give_way_first() -> None:
    assert row_heights([14, 7, 5, 1], 40) == [14, 7, 5, 1]
    assert row_heights([14, 7, 5, 1], 16) == [5, 5, 5, 1]
    assert row_heights([14, 7, 5, 1], 2) == [1, 1, 1, 1]
    assert row_heights([], 9) == []


async def test_a_stroke_before_the_rows_are_laid_out_is_shown_when_they_are(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=(200, 60)) as pilot:
        screen = await drawing_on(app, pilot, until, run)
        rows = screen.query_one(LayerRows)
        with monkeypatch.context() as patch:
            patch.setattr(LayerRows, "size", Size(0, 0))
            await tap(pilot, "space", "down")
            await until(pilot, lambda: "━" in guesses(screen))
            assert not rows._layers
        await until(pilot, lambda: rows._layers)


async def test_a_stroke_is_followed_by_the_maps_of_all_layers(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    run = make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=(200, 60)) as pilot:
        screen = await drawing_on(app, pilot, until, run)
        network, rows = screen._network, screen.query_one(LayerRows)
        assert network is not None
        assert not rows._layers
        await tap(pilot, "space", "down")
        await until(pilot, lambda: len(rows._layers) == len(network.places))
        await until(
            pilot, lambda: all(f"{p.name} {p.kind}"[:17] in seen(app) for p in network.places)
        )
        await tap(pilot, "right", "right", "right")
        await until(pilot, lambda: not screen._stale)
        model = load_model(of_run(run).config, of_run(run).weights)  # type: ignore[arg-type]
        digit = screen.query_one(DrawingCanvas).drawing.as_digit()
        info = of_run(run).config.dataset_info
        x = data.Normalisation(info.mean, info.std)(255 * digit[None, None])
        for name, output in activations(model, x).items():
            shown = next(gallery for place, gallery in rows._layers if place.name == name)
            np.testing.assert_allclose(
                shown.pictures.ravel()[: output.size], output.ravel(), rtol=1e-5, atol=1e-6
            )
        await tap(pilot, "x")
        await until(pilot, lambda: not rows._layers)


@pytest.mark.parametrize("size", rest_as_proofs([(60, 16), (80, 24)]))
async def test_in_a_small_terminal_m_shows_a_layer_at_a_time(
    make_app: MakeApp, home: Path, until: Until, size: tuple[int, int]
) -> None:
    run = make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=size) as pilot:
        screen = await drawing_on(app, pilot, until, run)
        tiles = screen.query_one(LayerMaps)
        assert "m shows the maps" in str(screen.refuse("layer"))
        await tap(pilot, "space", "down", "m")
        await until(pilot, lambda: tiles.display and len(tiles.pictures))
        assert not screen.query_one(Predictions).display
        first = tiles.pictures.shape
        await tap(pilot, "right_square_bracket", "right_square_bracket")
        await until(pilot, lambda: tiles.pictures.shape != first)
        await tap(pilot, "left_square_bracket", "left_square_bracket")
        await until(pilot, lambda: tiles.pictures.shape == first)
        await tap(pilot, "m")
        await until(pilot, lambda: screen.query_one(Predictions).display)


@pytest.mark.proof
async def test_the_network_of_a_training_is_followed(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    write_slow(home)
    app = make_app("slow")
    async with training(app, until) as pilot:
        await tap(pilot, "6")
        await on_screen(pilot, EvaluateScreen)
        await tap(pilot, "d")
        screen = await on_screen(pilot, DrawScreen)
        network = screen._network
        assert network is not None
        await until(pilot, lambda: "live" in network.what)
        await tap(pilot, "n")
        image = np.zeros((1, 28, 28), np.float32)
        first, step = network.forward(image)[0].copy(), network.what
        await until(pilot, lambda: network.what != step)
        assert not np.array_equal(network.forward(image)[0], first)
