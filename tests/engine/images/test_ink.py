"""Photographs of strokes: brought into the form of MNIST's digits, which are left as they are."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine import data
from engine.data import Dataset
from engine.images.ink import as_ink, centred
from tests.support.photographs import photograph
from tests.support.proofs import rest_as_proofs

SHAPE = (28, 28)
NEAR = 0.08
"""Mean difference of a digit's photograph to it, of 1; between two digits it is 0.15."""


@pytest.fixture(scope="module")
def mini() -> Dataset:
    return data.load("mnist_mini")


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """The mean difference, from 0 to 1."""
    return float(np.abs(one.astype(float) - other).mean() / 255)


def test_an_image_in_mnists_form_passes_unchanged(mini: Dataset) -> None:
    for image in mini.test.images[:200, 0]:
        assert as_ink(image, SHAPE) is image


@pytest.mark.parametrize(
    "options",
    rest_as_proofs(
        [{"shadow": True}, {}, {"light_ink": True}, {"thin": True}, {"side": 60}, {"side": 700}],
        every=3,
    ),
    ids=str,
)
def test_a_photograph_of_a_digit_is_near_to_the_digit(
    mini: Dataset, options: dict[str, Any]
) -> None:
    rng = np.random.default_rng(4)
    digits = mini.test.images[:5, 0]
    seen = [as_ink(photograph(digit, rng, **options), SHAPE) for digit in digits]
    assert np.median([distance(*pair) for pair in zip(seen, digits, strict=True)]) < NEAR


def test_dark_strokes_are_inverted_and_centred(mini: Dataset) -> None:
    for digit in mini.test.images[:8, 0]:
        paper = np.full((90, 120), 255, np.uint8)
        paper[50:78, 80:108] -= digit
        assert distance(as_ink(paper, SHAPE), digit) < NEAR
        assert distance(as_ink(255 - digit, SHAPE), digit) < NEAR


def test_a_sheet_on_a_table_is_cut_out(mini: Dataset) -> None:
    rng = np.random.default_rng(0)
    for digit in mini.test.images[:4, 0]:
        table = rng.normal(60, 3, (400, 500))
        table[40:370, 60:460] = rng.normal(200, 3, (330, 400))
        strokes = digit.repeat(8, axis=0).repeat(8, axis=1)
        table[90:314, 150:374] -= 0.6 * strokes
        assert distance(as_ink(table.clip(0, 255).astype(np.uint8), SHAPE), digit) < NEAR


def test_specks_and_lines_at_the_border_are_no_strokes(mini: Dataset) -> None:
    for digit in mini.test.images[:4, 0]:
        paper = np.full((280, 280), 230, np.uint8)
        paper[30:254, 30:254] -= (0.8 * digit.repeat(8, axis=0).repeat(8, axis=1)).astype(np.uint8)
        plain = as_ink(paper, SHAPE)
        paper[10:14, 20:24] = 20
        paper[268:, :] = 90
        assert distance(as_ink(paper, SHAPE), plain) < 0.02


def test_paper_without_strokes_is_black() -> None:
    grain = np.random.default_rng(0).normal(200, 3, (120, 90)).astype(np.uint8)
    assert not as_ink(grain, SHAPE).any()
    for grey in (0, 128, 255):
        assert not as_ink(np.full((5, 50), grey, np.uint8), SHAPE).any()


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_whatever_the_image_is_the_result_is_one_of_the_size(pixels: np.ndarray) -> None:
    seen = as_ink(pixels, (32, 24))
    assert seen.shape == (32, 24)
    assert seen.dtype == np.uint8


def test_other_sizes_are_in_proportion() -> None:
    ink = np.zeros((100, 60), np.float32)
    ink[10:90, 20:30] = 1
    image = centred(ink, (56, 84))
    rows = np.flatnonzero(image.any(axis=1))
    assert (rows[0], rows[-1]) == (8, 47)
    assert np.flatnonzero(image.any(axis=0)).tolist() == list(range(40, 45))


def test_thin_strokes_become_as_thick_as_mnists() -> None:
    paper = np.full((300, 300), 240, np.uint8)
    paper[50:250, 148:150] = 40
    paper[248:250, 100:200] = 40
    seen = as_ink(paper, SHAPE)
    assert 1.5 < seen[10].sum() / 255 < 3
    assert seen[10].max() > 200
