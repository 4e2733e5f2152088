"""Augmentation: what may change in an image, and that it does change."""

import numpy as np
import pytest

from engine.data import Augmentation

FILL = np.array([33, 77, 150], np.uint8).reshape(3, 1, 1)


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    """64 colour images, 9×12, without a zero and without the colours of FILL."""
    pixels = rng.integers(1, 256, (64, 3, 9, 12), dtype=np.uint8)
    return np.where(pixels == FILL, FILL + 1, pixels).astype(np.uint8)


def shifted(image: np.ndarray, dy: int, dx: int) -> np.ndarray:
    """The image moved down by dy and right by dx, zeros where nothing was."""
    out = np.zeros_like(image)
    height, width = image.shape[1:]
    for y in range(height):
        for x in range(width):
            if 0 <= y - dy < height and 0 <= x - dx < width:
                out[:, y, x] = image[:, y - dy, x - dx]
    return out


@pytest.mark.parametrize(
    "augment", [Augmentation(2), Augmentation(0, True), Augmentation(0, False, 4)]
)
def test_the_generator_decides_and_the_argument_stays(
    images: np.ndarray, augment: Augmentation
) -> None:
    before = images.copy()
    one = augment.apply(images, np.random.default_rng(1), FILL)
    same = augment.apply(images, np.random.default_rng(1), FILL)
    other = augment.apply(images, np.random.default_rng(2), FILL)
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, images)
    assert one.dtype == np.uint8
    assert one.shape == images.shape
    assert one.flags.c_contiguous


def test_nothing_asked_nothing_changed(images: np.ndarray, rng: np.random.Generator) -> None:
    out = Augmentation().apply(images, rng, FILL)
    np.testing.assert_array_equal(out, images)
    assert not np.shares_memory(out, images)


def test_shift_moves_every_image_by_its_own_offset(
    images: np.ndarray, rng: np.random.Generator
) -> None:
    found = []
    offsets = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)]
    for image, moved in zip(images, Augmentation(shift=2).apply(images, rng, FILL), strict=True):
        matches = [o for o in offsets if np.array_equal(shifted(image, *o), moved)]
        assert len(matches) == 1
        found += matches
    assert {dy for dy, _ in found} == {dx for _, dx in found} == set(range(-2, 3))
    assert len(set(found)) > 12


def test_flip_mirrors_about_half_of_the_images(
    images: np.ndarray, rng: np.random.Generator
) -> None:
    out = Augmentation(flip=True).apply(images, rng, FILL)
    mirrored = [np.array_equal(o, i[:, :, ::-1]) for i, o in zip(images, out, strict=True)]
    kept = [np.array_equal(o, i) for i, o in zip(images, out, strict=True)]
    assert all(m != k for m, k in zip(mirrored, kept, strict=True))
    assert 16 < sum(mirrored) < 48


@pytest.mark.parametrize("side", [1, 3, 4])
def test_cutout_paints_one_square_of_the_mean(
    images: np.ndarray, rng: np.random.Generator, side: int
) -> None:
    sizes, places = [], set()
    for image, out in zip(images, Augmentation(cutout=side).apply(images, rng, FILL), strict=True):
        painted = np.all(out == FILL, axis=0)
        np.testing.assert_array_equal(out[:, ~painted], image[:, ~painted])
        rows, columns = np.flatnonzero(painted.any(1)), np.flatnonzero(painted.any(0))
        # A full rectangle, smaller than the square only at the border.
        assert painted.sum() == len(rows) * len(columns)
        assert 1 <= len(rows) <= side
        assert 1 <= len(columns) <= side
        assert len(rows) == side or rows[0] == 0 or rows[-1] == 8
        assert len(columns) == side or columns[0] == 0 or columns[-1] == 11
        sizes.append(painted.sum())
        places.add((rows[0], columns[0]))
    assert max(sizes) == side * side
    assert len(places) > 20


def test_erasing_paints_one_rectangle_of_noise_on_some_images(rng: np.random.Generator) -> None:
    images = np.full((400, 3, 20, 20), 7, np.uint8)
    out = Augmentation(erase=0.25).apply(images, rng, FILL)
    changed = [image for image in out if (image != 7).any()]
    assert 60 < len(changed) < 140
    for image in changed:
        painted = (image != 7).any(0)  # a pixel of noise is 7 in all channels once in 16 million
        rows, columns = np.flatnonzero(painted.any(1)), np.flatnonzero(painted.any(0))
        high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert painted.sum() == high * wide
        assert 0.01 <= high * wide / 400 <= 0.45
        assert 0.25 <= high / wide <= 4


def test_all_together_keep_shape_and_type(images: np.ndarray, rng: np.random.Generator) -> None:
    out = Augmentation(shift=8, flip=True, cutout=8).apply(images, rng, FILL)
    assert out.shape == images.shape
    assert out.dtype == np.uint8
    empty = Augmentation(2, True, 2).apply(images[:0], rng, FILL)
    assert empty.shape == (0, 3, 9, 12)
