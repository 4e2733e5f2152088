"""Filters and maps as pictures: which, how large, in which colours."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from textual.app import App, ComposeResult

from engine.layers import Whitening2D
from engine.models import build
from engine.numbers import percent, short
from engine.train.snapshot import weights_snapshot
from tui.charts import colours, layer_images
from tui.charts.scales import tick_label
from tui.screens.inspect.gallery import words_of
from tui.screens.inspect.histogram import _count, axis_words, distribution, nice
from tui.widgets.tiles import Tiles, lay_out, shrunk

SPECS: list[Any] = [
    {"Conv2D": {"out_channels": 4, "kernel_size": 3}},
    "BatchNorm2D",
    "ReLU",
    "Flatten",
    {"Dense": {"out_features": 7}},
    {"Dense": {"out_features": 3}},
]
PLACES = layer_images.places(
    build(SPECS, (2, 6, 6)).initialise(np.random.default_rng(0)), (2, 6, 6)
)


# -- colours ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dark", "light", "grey"])
def test_there_are_at_most_24_different_colours(kind: str) -> None:
    assert len(set(colours.diverging(kind))) == colours.STEPS <= 24


def test_levels_are_symmetrical_and_end_at_the_limit() -> None:
    values = np.array([-9.0, -1.0, -0.5, 0.0, 0.5, 1.0, 9.0, np.nan, np.inf, -np.inf])
    found = colours.levels(values, 1.0).tolist()
    assert found == [0, 0, 5, 11, 17, 22, 22, 11, 22, 0]
    assert (colours.levels(values, 0.0) == colours.ZERO).all()
    assert (colours.levels(values, math.nan) == colours.ZERO).all()


def test_ink_can_be_read_on_every_colour() -> None:
    assert colours.text_colour("#000000") == "#ffffff"
    assert colours.text_colour("#ffffff") == "#000000"


def test_images_are_greys_or_a_cube_of_colours() -> None:
    grey = colours.image_levels(np.array([[[0.0, 1.0, 2.0]]]))
    assert [colours.image_colours(False)[i] for i in grey[0, 0]] == [
        "#080808",
        "#f8f8f8",
        "#f8f8f8",
    ]
    red = colours.image_levels(np.array([[[[1.0, 0.0, 0.0]]]]))
    assert colours.image_colours(True)[red[0, 0, 0]] == "#ff0000"


# -- layout -------------------------------------------------------------------------------------


def test_small_pictures_are_enlarged_as_far_as_all_fit() -> None:
    grid = lay_out(6, 5, 5, (80, 30))
    assert (grid.zoom, grid.shrink) == (5, 1)
    assert grid.columns * (grid.width + 1) <= 81
    assert -(-6 // grid.columns) * grid.lines <= 30


def test_many_pictures_are_not_enlarged_but_scrolled() -> None:
    grid = lay_out(500, 5, 5, (40, 10))
    assert (grid.zoom, grid.shrink, grid.columns) == (1, 1, 6)


def test_large_pictures_are_shrunk_until_one_fits() -> None:
    for height, width in ((200, 50), (50, 200), (300, 300)):
        grid = lay_out(1, height, width, (40, 10))
        assert grid.width <= 40
        assert grid.lines <= 10


def test_large_pictures_are_halved_to_see_several() -> None:
    assert lay_out(20, 28, 28, (78, 18)).shrink == 2
    assert lay_out(20, 28, 28, (120, 40)).shrink == 1
    assert lay_out(1, 28, 28, (78, 18)).shrink == 1


@pytest.mark.parametrize("space", [(0, 0), (1, 1), (3, 2)])
def test_there_is_a_layout_for_any_space(space: tuple[int, int]) -> None:
    grid = lay_out(10, 28, 28, space)
    assert grid.columns >= 1
    assert grid.lines >= 2


def test_shrinking_keeps_what_stands_out() -> None:
    picture = np.zeros((1, 4, 5))
    picture[0, 0, 1], picture[0, 3, 4] = -3.0, 2.0
    assert shrunk(picture, 2).tolist() == [[[-3.0, 0.0, 0.0], [0.0, 0.0, 2.0]]]
    assert shrunk(np.ones((1, 4, 4, 3)), 2, mean=True).shape == (1, 2, 2, 3)
    assert shrunk(np.ones((1, 4, 4)), 4, mean=True).tolist() == [[[1.0]]]


# -- which pictures -----------------------------------------------------------------------------


def test_every_layer_has_its_place() -> None:
    assert [(p.name, p.kind, p.out_shape, p.parameters) for p in PLACES] == [
        ("0", "Conv2D", (4, 4, 4), 76),
        ("1", "BatchNorm2D", (4, 4, 4), 8),
        ("2", "ReLU", (4, 4, 4), 0),
        ("3", "Flatten", (64,), 0),
        ("4", "Dense", (7,), 455),
        ("5", "Dense", (3,), 24),
    ]
    assert [p.image_shape for p in PLACES] == [None, None, None, None, (4, 4, 4), None]


def test_filters_by_kind_of_layer() -> None:
    model = build(SPECS, (2, 6, 6)).initialise(np.random.default_rng(0))
    layers = weights_snapshot(model).layers
    conv, norm, relu, _, first, second = (
        layer_images.filters(place, layer, 1) for place, layer in zip(PLACES, layers, strict=True)
    )
    assert conv is not None
    np.testing.assert_array_equal(conv.pictures, layers[0].weights["weight"][:, 1])
    assert (len(conv.views), conv.captions) == (2, ("0", "1", "2", "3"))
    assert norm is not None
    assert norm.pictures.size == 4
    assert relu is None
    assert first is not None
    assert first.pictures.shape == (7, 4, 4), "a dense layer behind a flattening sees pixels"
    assert len(first.views) == 4
    assert second is not None
    assert second.pictures.shape == (1, 3, 7)


def test_filters_that_see_a_colour_image_are_in_colour() -> None:
    specs = [{"Conv2D": {"out_channels": 4, "kernel_size": 3}}] * 2
    model = build(specs, (3, 8, 8)).initialise(np.random.default_rng(0))
    seeing, second = layer_images.places(model, (3, 8, 8))
    assert (seeing.sees_colours, second.sees_colours) == (True, False)
    layer = weights_snapshot(model).layers[0]
    weight = layer.weights["weight"]
    shown = layer_images.filters(seeing, layer, 0)
    assert shown is not None
    assert shown.in_colour
    assert shown.views == ("in colour", *(f"input channel {i}/3" for i in (1, 2, 3)))
    np.testing.assert_array_equal(shown.pictures, weight.transpose(0, 2, 3, 1))
    for i in range(3):
        one = layer_images.filters(seeing, layer, 1 + i)
        assert one is not None
        assert not one.in_colour
        np.testing.assert_array_equal(one.pictures, weight[:, i])
    grey = layer_images.filters(second, weights_snapshot(model).layers[1], 0)
    assert grey is not None
    assert not grey.in_colour


def test_filters_of_a_whitening_layer_say_what_they_stand_for() -> None:
    model = build(["Whitening2D", *SPECS[:1]], (1, 8, 8)).initialise(np.random.default_rng(0))
    white, conv = layer_images.places(model, (1, 8, 8))
    assert (white.whitening_eps, conv.whitening_eps) == (5e-4, None)
    fresh = layer_images.filters(white, weights_snapshot(model).layers[0], 0)
    assert fresh is not None
    assert fresh.notes == ()
    first = model[0]
    assert isinstance(first, Whitening2D)
    first.learn_from(np.random.default_rng(1).standard_normal((5, 1, 8, 8)))
    layer, other = weights_snapshot(model).layers
    shown, plain = layer_images.filters(white, layer, 0), layer_images.filters(conv, other, 0)
    assert shown is not None
    assert plain is not None
    shares = first.variance_shares(first.weight, 5e-4)
    assert shares is not None
    assert shown.notes == tuple(f"{percent(share)} of the variance" for share in shares.tolist())
    assert plain.notes == ()


def test_no_weight_is_grey_and_the_strongest_are_full_colours() -> None:
    pictures = np.array([0.0, 2.0, -2.0, 1.0, 9.0, np.nan]).reshape(1, 1, 2, 3)
    shown = layer_images.Gallery(pictures, ("",), 2.0, "")
    assert layer_images.as_colours(shown).ravel().tolist() == [0.5, 1.0, 0.0, 0.75, 1.0, 0.5]
    nothing = layer_images.Gallery(np.zeros((1, 1, 1, 3)), ("",), 0.0, "")
    assert layer_images.as_colours(nothing).ravel().tolist() == [0.5] * 3


def test_a_channel_beyond_the_last_is_the_last() -> None:
    model = build(SPECS, (2, 6, 6)).initialise(np.random.default_rng(0))
    layer = weights_snapshot(model).layers[0]
    shown = layer_images.filters(PLACES[0], layer, 99)
    assert shown is not None
    np.testing.assert_array_equal(shown.pictures, layer.weights["weight"][:, 1])


def test_maps_of_images_and_of_features() -> None:
    assert layer_images.maps(PLACES[0], np.ones((4, 4, 4))).pictures.shape == (4, 4, 4)
    features = layer_images.maps(PLACES[4], np.arange(1.0, 8.0))
    assert features.pictures.shape[0] == 1
    assert features.pictures.reshape(-1)[:7].tolist() == list(range(1, 8))


def test_one_outlier_does_not_dim_the_rest() -> None:
    output = np.full((1, 30, 30), 0.1)
    output[0, 0, 0] = 1000.0
    assert layer_images.maps(PLACES[0], output).limit == pytest.approx(0.1)
    lonely = np.zeros((1, 30, 30))
    lonely[0, 0, 0] = 5.0
    assert layer_images.maps(PLACES[0], lonely).limit == 5.0
    assert layer_images.maps(PLACES[0], np.full((1, 2, 2), np.nan)).limit == 0.0


def test_numbers_are_shown_where_there_is_room() -> None:
    picture = np.array([[1.0, -0.5], [0.25, 0.0]])
    assert layer_images.numbers(picture, 13, 2) == [" 1.000 -0.500", " 0.250      0"]
    assert layer_images.numbers(picture, 12, 2) is None
    assert layer_images.numbers(picture, 13, 1) is None


@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_every_number_of_a_picture_stands_whole_in_its_column(picture: np.ndarray) -> None:
    lines = layer_images.numbers(picture, 40, 3)
    assert lines is not None
    for line, row in zip(lines, picture.tolist(), strict=True):
        assert words_of(line) == [f"{short(value):>6}" for value in row]


# -- the widget ---------------------------------------------------------------------------------


class TilesApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Tiles()


@pytest.mark.parametrize("size", [(40, 12), (1, 1), (7, 3)])
async def test_nothing_breaks_it(size: tuple[int, int]) -> None:
    async with TilesApp().run_test(size=size) as pilot:
        tiles = pilot.app.query_one(Tiles)
        for pictures, limit in (
            (np.zeros((0, 1, 1)), 0.0),
            (np.full((3, 5, 5), np.nan), 1.0),
            (np.full((3, 5, 5), np.inf), np.inf),
            (np.full((1, 1, 1), 1e308), 1e308),
            (np.ones((3000, 28, 28), np.float32), 1.0),
            (np.ones((2, 400, 3)), 1.0),
            (np.ones((2, 8, 8, 3)), None),
        ):
            tiles.show(pictures, [str(i) for i in range(len(pictures))], limit)
            await pilot.pause()
            for y in range(size[1]):
                tiles.render_line(y)


async def test_pictures_are_chosen_with_arrows_and_clicks() -> None:
    async with TilesApp().run_test(size=(40, 12)) as pilot:
        tiles = pilot.app.query_one(Tiles)
        tiles.show(np.ones((30, 5, 5)), [f"no{i}" for i in range(30)], 1.0)
        await pilot.pause()
        columns = 6
        await pilot.press("right", "down", "l", "j", "j", "left")
        assert tiles.cursor == 3 * columns + 1
        assert tiles.scroll_offset.y > 0, "the chosen one is in sight"
        await pilot.press("home", "left", "up")
        assert tiles.cursor == 0
        await pilot.click(Tiles, offset=(7, 1))
        assert tiles.cursor == 1
        caption = tiles.render_line(3).text
        assert "▴no1" in caption


async def test_without_colours_the_lightness_tells_the_sign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with TilesApp().run_test(size=(40, 12)) as pilot:
        assert pilot.app.query_one(Tiles).palette == "grey"
    light = [int(colour[1:3], 16) for colour in colours.diverging("grey")]
    assert light == sorted(light)


# -- histograms ---------------------------------------------------------------------------------


def test_both_are_counted_into_the_same_bins_around_zero() -> None:
    found = distribution(np.array([-1.0, 1.0]), np.array([2.0, 2.0, -2.0, -2.0]), 8)
    assert found.limit == 5.0
    assert found.now is not None
    assert found.start is not None
    assert found.now.sum() == found.start.sum() == 1.0
    assert found.now.tolist() == found.now[::-1].tolist()


@pytest.mark.parametrize("fall", [1.0, 10.0, 100.0, 1e6])
def test_the_scale_follows_the_present(fall: float) -> None:
    """Gradients that became small are a bell, not a spike; those of the start are farther out."""
    before = np.random.default_rng(0).standard_normal(1000)
    found = distribution(before / fall, before, 40)
    assert found.now is not None
    assert 8 <= (found.now > 0).sum() <= 40
    assert found.start is not None
    assert found.start.sum() == pytest.approx(1)
    assert found.limit == pytest.approx(nice(4 / fall), rel=0.5)


@pytest.mark.parametrize("limit", [1.0, 0.003, 1.5e-7, 70000.0])
@pytest.mark.parametrize("width", range(8, 81))
def test_zero_stands_under_its_bin(width: int, limit: float) -> None:
    counts = _count(np.zeros(1), limit, width)
    assert counts is not None
    axis = axis_words(limit, width)
    assert len(axis) == width
    assert axis[int(counts.argmax())] == "0"
    if width >= 20:
        assert axis.startswith(f"-{tick_label(limit)}─")
        assert axis.endswith(f"─{tick_label(limit)}")


def test_what_is_far_out_counts_in_the_last_bar() -> None:
    values = np.zeros(1000)
    values[0] = 50.0
    found = distribution(values, None, 10)
    assert found.limit < 50
    assert found.now is not None
    assert len(found.now) == 10
    assert found.now[-1] == pytest.approx(0.001)
    assert found.start is None


@pytest.mark.parametrize(
    "values", [np.array([]), np.array([np.nan, np.inf]), np.zeros(5), np.array([1e308, -1e308])]
)
def test_odd_numbers_make_no_trouble(values: np.ndarray) -> None:
    found = distribution(values, values, 10)
    assert 0 < found.limit < math.inf


def test_the_axis_rarely_changes() -> None:
    assert [nice(v) for v in (0.9, 1.0, 1.2, 2.1, 6.9, 7.5, 0.0, math.nan)] == [
        1.0, 1.0, 1.5, 3.0, 7.0, 10.0, 1.0, 1.0,
    ]  # fmt: skip
