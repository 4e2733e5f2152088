"""Augmentation, batches and the validation split, number by number from the same generators."""

import copy
import math
from typing import Any

import numpy as np
import pytest

from engine.data import Augmentation, Batches, Split, split_validation
from engine.data.normalisation import statistics
from engine.errors import ConfigError
from engine.rng import Purpose, stream

FILL = np.array([33, 77, 150], np.uint8).reshape(3, 1, 1)
SHAPE = (40, 3, 7, 10)


def outside(image: np.ndarray, v: int, u: int, border: str) -> np.ndarray:
    """The pixel at a place, which may be outside."""
    height, width = image.shape[1:]
    if border == "reflect":
        v, u = (height - 1 - abs(height - 1 - abs(v))), (width - 1 - abs(width - 1 - abs(u)))
    if 0 <= v < height and 0 <= u < width:
        return image[:, v, u]
    return np.zeros(len(image))


def plain_warp(images: np.ndarray, augment: Augmentation, rng: Any) -> np.ndarray:
    """Each pixel of the result is looked for where it was."""
    n, _, height, width = images.shape
    turns = np.deg2rad(rng.uniform(-augment.rotate, augment.rotate, n))
    sizes = rng.uniform(1 - augment.zoom, 1 + augment.zoom, n)
    reach = augment.shift + 0.5 if augment.shift else 0
    downs, rights = rng.uniform(-reach, reach, (2, n))
    middle = (height - 1) / 2, (width - 1) / 2
    out = np.empty_like(images)
    for i in range(n):
        for y in range(height):
            for x in range(width):
                p = complex(x - middle[1] - rights[i], y - middle[0] - downs[i])
                q = p * complex(math.cos(turns[i]), -math.sin(turns[i])) / sizes[i]
                far = min(height, width) // 2
                v = min(max(q.imag + middle[0], -far), height - 1 + far)
                u = min(max(q.real + middle[1], -far), width - 1 + far)
                top, left = math.floor(v), math.floor(u)
                total = np.zeros(images.shape[1])
                for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
                    share = (1 - abs(top + a - v)) * (1 - abs(left + b - u))
                    total += share * outside(images[i], top + a, left + b, augment.border)
                out[i, :, y, x] = np.rint(total)
    return out


def plain_augment(
    images: np.ndarray, augment: Augmentation, rng: Any, fill: np.ndarray
) -> np.ndarray:
    """Pixel by pixel; what is drawn, and in which order, is part of what a seed means."""
    n, _, height, width = images.shape
    s, side = augment.shift, augment.cutout
    out = images.copy()
    if augment.rotate or augment.zoom:
        out = plain_warp(images, augment, rng)
    elif s:
        tops, lefts = rng.integers(0, 2 * s + 1, n), rng.integers(0, 2 * s + 1, n)
        out[...] = 0
        for i in range(n):
            for y in range(height):
                for x in range(width):
                    v, u = y + tops[i] - s, x + lefts[i] - s
                    out[i, :, y, x] = outside(images[i], v, u, augment.border)
    if augment.flip:
        before, chances = out.copy(), rng.random(n)
        for i in range(n):
            for x in range(width):
                if chances[i] < 0.5:
                    out[i, :, :, x] = before[i, :, :, width - 1 - x]
    if augment.erase:
        for i in np.flatnonzero(rng.random(n) < augment.erase).tolist():
            area = rng.uniform(0.02, 0.4) * height * width
            ratio = math.exp(rng.uniform(math.log(0.3), math.log(1 / 0.3)))
            high = min(max(round(math.sqrt(area * ratio)), 1), height)
            wide = min(max(round(math.sqrt(area / ratio)), 1), width)
            top, left = rng.integers(0, height - high + 1), rng.integers(0, width - wide + 1)
            noise = rng.integers(0, 256, (3, high, wide), np.uint8)
            for y in range(high):
                for x in range(wide):
                    out[i, :, top + y, left + x] = noise[:, y, x]
    if side:
        centres = rng.integers(0, height, n), rng.integers(0, width, n)
        for i in range(n):
            for y in range(height):
                for x in range(width):
                    top, left = (int(c[i]) - side // 2 for c in centres)
                    if top <= y < top + side and left <= x < left + side:
                        out[i, :, y, x] = fill[:, 0, 0]
    return out


@pytest.mark.parametrize(
    "augment",
    [
        Augmentation(),
        Augmentation(shift=2),
        Augmentation(flip=True),
        Augmentation(cutout=1),
        Augmentation(cutout=4),
        Augmentation(cutout=5),
        Augmentation(3, True, 3),
        Augmentation(shift=2, border="reflect"),
        Augmentation(shift=1, flip=True, rotate=15, zoom=0.2),
        Augmentation(rotate=90),
        Augmentation(flip=True, erase=0.5),
        Augmentation(zoom=0.3, cutout=2),
        Augmentation(shift=1, rotate=9, border="reflect"),
        Augmentation(zoom=0.9, border="reflect"),
    ],
    ids=str,
)
def test_every_pixel_and_every_draw(augment: Augmentation) -> None:
    images = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    rng, twin = np.random.default_rng(1), np.random.default_rng(1)
    found = augment.apply(images, rng, FILL)
    expected = plain_augment(images, augment, twin, FILL)
    if augment.rotate or augment.zoom:  # a half may be rounded either way
        assert np.abs(found.astype(int) - expected).max() <= 1
        assert (found == expected).mean() > 0.99
    else:
        np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.uint8
    assert rng.bit_generator.state == twin.bit_generator.state  # nothing else was drawn


def test_of_a_small_image_one_pixel_at_least_is_erased() -> None:
    images = np.full((60, 3, 2, 2), 9, np.uint8)
    augment = Augmentation(erase=1.0)
    found = augment.apply(images, np.random.default_rng(1), FILL)
    expected = plain_augment(images, augment, np.random.default_rng(1), FILL)
    np.testing.assert_array_equal(found, expected)


def test_images_of_the_same_epoch_can_be_named_to_be_mirrored() -> None:
    images = np.arange(24, dtype=np.uint8).reshape(2, 1, 3, 4)
    rng = np.random.default_rng(1)
    found = Augmentation(flip=True).apply(images, rng, FILL[:1], np.array([False, True]))
    np.testing.assert_array_equal(found[0], images[0])
    np.testing.assert_array_equal(found[1], images[1, :, :, ::-1])


def test_half_is_not_mirrored() -> None:
    class Half(np.random.Generator):
        def random(self, *_: Any, **__: Any) -> Any:
            return np.full(2, 0.5)

    images = np.arange(24, dtype=np.uint8).reshape(2, 1, 3, 4)
    augment = Augmentation(flip=True, erase=0.5)
    found = augment.apply(images, Half(np.random.PCG64(0)), FILL[:1])
    np.testing.assert_array_equal(found, images)


@pytest.mark.parametrize("image", [(3, 9, 12), (3, 12, 9)])
def test_the_shorter_side_bounds_what_is_done_to_an_image(image: tuple[int, int, int]) -> None:
    Augmentation(shift=8, cutout=8).check(image)
    for augment in (Augmentation(shift=9), Augmentation(cutout=9)):
        with pytest.raises(ConfigError, match=r"got 9, expected 0 to 8 for images of (9×12|12×9)$"):
            augment.check(image)


# -- batches ---------------------------------------------------------------------------------------


def split_of(n: int, shape: tuple[int, int, int] = (2, 4, 6)) -> Split:
    rng = np.random.default_rng(3)
    return Split(rng.integers(0, 256, (n, *shape), dtype=np.uint8), 3 * (np.arange(n) % 5))


def batches_of(n: int, size: int, **options: Any) -> Batches:
    given: dict[str, Any] = {"seed": 5, "shuffle": True, "mean": (0.2, 0.6), "std": (0.4, 0.5)}
    given |= options
    indices = given.pop("indices", np.arange(n))
    return Batches(split_of(n), indices, size, **given)


@pytest.mark.parametrize(
    ("n", "size", "least", "sizes"),
    [
        (10, 4, 1, [4, 4, 2]),
        (10, 4, 2, [4, 4, 2]),
        (10, 4, 3, [4, 6]),
        (9, 4, 2, [4, 5]),
        (8, 4, 2, [4, 4]),
        (2, 4, 2, [2]),
        (4, 4, 4, [4]),
    ],
)
def test_sizes_of_batches_by_hand(n: int, size: int, least: int, sizes: list[int]) -> None:
    batches = batches_of(n, size, least=least, shuffle=False)
    assert batches.steps_per_epoch == len(sizes)
    assert batches.samples_per_epoch == n
    found = [batches.batch_indices(0, step).tolist() for step in range(len(sizes))]
    assert [len(part) for part in found] == sizes
    assert [i for part in found for i in part] == list(range(n))


def test_an_epoch_is_the_permutation_of_its_own_stream() -> None:
    chosen = np.array([9, 2, 7, 11, 3])
    for epoch in (1, 0, 3):  # a fresh one each time: the first epoch asked for may be any
        expected = stream(Purpose.SHUFFLE, 5, epoch).permutation(chosen)
        found = batches_of(12, 5, indices=chosen).batch_indices(epoch, 0)
        np.testing.assert_array_equal(found, expected)


def test_what_batches_say_of_themselves() -> None:
    batches = batches_of(12, 5, indices=[0, 3, 1, 8])
    assert batches.image_shape == (2, 4, 6)
    assert batches.class_counts(11).tolist() == [1, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0]
    assert batches.batch_size == 5
    assert batches.indices.tolist() == [0, 3, 1, 8]


@pytest.mark.parametrize("least", [1, 3])
def test_every_sample_is_in_the_batch_that_is_said(least: int) -> None:
    batches = batches_of(10, 4, least=least)
    for epoch in (0, 2):
        for step in range(batches.steps_per_epoch):
            for sample in batches.batch_indices(epoch, step).tolist():
                assert batches.step_of(sample, epoch) == step
    with pytest.raises(IndexError, match="sample 10 is in no batch"):
        batches.step_of(10, 0)


@pytest.mark.parametrize("step", [-1, 2, 3])
def test_there_is_no_other_step(step: int) -> None:
    with pytest.raises(IndexError, match=f"got step {step}, expected 0 to 1"):
        batches_of(10, 4, least=3).batch_indices(0, step)


@pytest.mark.parametrize("pixel", [0, 1, 51, 128, 254, 255])
def test_a_pixel_is_normalised_with_its_channels_mean_and_deviation(pixel: int) -> None:
    images = np.full((2, 2, 3, 3), pixel, np.uint8)
    split = Split(images, np.zeros(2, np.int64))
    batches = Batches(split, [0, 1], 2, seed=0, shuffle=False, mean=(0.2, 0.6), std=(0.4, 0.5))
    x, _ = batches.load(np.array([0, 1]))
    for c, (mean, std) in enumerate(((0.2, 0.4), (0.6, 0.5))):
        np.testing.assert_allclose(x[:, c], (pixel / 255 - mean) / std, rtol=1e-5, atol=2e-7)
        # As one multiplication and one addition, in float32.
        scale, offset = np.float32(1 / (255 * std)), np.float32(-mean / std)
        np.testing.assert_array_equal(x[:, c], np.float32(pixel) * scale + offset)


def test_cutout_paints_with_the_mean_which_is_about_zero() -> None:
    images = np.full((8, 2, 3, 3), 255, np.uint8)
    split = Split(images, np.zeros(8, np.int64))
    batches = Batches(
        split, range(8), 8, seed=0, shuffle=False, mean=(0.21, 0.617), std=(0.4, 0.5),
        augment=Augmentation(cutout=1),
    )  # fmt: skip
    x, _ = batches.load(np.arange(8), np.random.default_rng(0))
    painted = x[x < np.float32((1 - 0.617) / 0.5 - 0.1)].reshape(8, 2)
    expected = [(round(255 * m) / 255 - m) / s for m, s in ((0.21, 0.4), (0.617, 0.5))]
    np.testing.assert_allclose(painted, [expected] * 8, atol=1e-6)


def test_an_augmentation_is_checked_against_height_and_width() -> None:
    with pytest.raises(ConfigError, match=r"got 4, expected 0 to 3 for images of 4×6"):
        batches_of(4, 2, augment=Augmentation(shift=4))


# -- the validation split --------------------------------------------------------------------------


def plain_split(labels: np.ndarray, count: int, seed: int) -> tuple[list[int], list[int]]:
    """Whole shares first, then one more to the largest remainders; lower classes where tied."""
    n = len(labels)
    members = {c: [i for i in range(n) if labels[i] == c] for c in sorted(set(labels.tolist()))}
    shares = {c: count * len(own) // n for c, own in members.items()}
    remainder = {c: count * len(own) % n for c, own in members.items()}
    for c in sorted(members, key=lambda c: -remainder[c])[: count - sum(shares.values())]:
        shares[c] += 1
    rng, held = stream(Purpose.SPLIT, seed), set()
    for c, own in members.items():
        held |= set(rng.permutation(own)[: shares[c]].tolist())
    return [i for i in range(n) if i not in held], sorted(held)


@pytest.mark.parametrize(
    "sizes",
    [(5, 5, 5), (1, 9, 4), (7, 3, 11, 2, 6), (20,), (3, 3, 3, 3, 3), (3, 5, 4) * 14],
    ids=str,
)
@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.85])
def test_every_class_gives_its_share_and_the_largest_remainders_the_rest(
    sizes: tuple[int, ...], share: float
) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    count = max(1, math.floor(share * len(labels)))
    before = copy.copy(labels)
    train, held_out = split_validation(labels, count, 7)
    np.testing.assert_array_equal(labels, before)
    assert (train.tolist(), held_out.tolist()) == plain_split(labels, count, 7)


def test_mean_and_deviation_follow_from_the_sums_of_pixels_and_of_their_squares() -> None:
    pixels = np.array([[30, 90, 200, 12, 77], [1, 2, 3, 250, 0], [9, 9, 9, 9, 9]])
    means, deviations = statistics(pixels.sum(axis=1), (pixels**2).sum(axis=1), 5)
    assert means == tuple((pixels / 255).mean(axis=1).round(4).tolist())
    # Where nothing differs there is nothing to divide by.
    assert deviations == (*(pixels[:2] / 255).std(axis=1).round(4).tolist(), 1.0)


def test_a_variance_that_rounding_made_negative_is_none() -> None:
    means, deviations = statistics(np.array([3.0]), np.array([8.99]), 1)
    assert (means, deviations) == ((0.0118,), (1.0,))


def test_a_small_variance_counts() -> None:
    _, deviations = statistics(np.array([4.0]), np.array([8.5]), 2)
    assert deviations == (round(math.sqrt(0.25) / 255, 4),)
