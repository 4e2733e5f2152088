"""MixUp, number by number: what is drawn, what is mixed, and who gets to know of it."""

import numpy as np
import pytest

from engine.data import Augmentation, Batches, Split
from engine.data.mixing import mixed
from engine.losses import LOSSES
from engine.rng import Purpose, stream

LABELS = np.array([0, 3, 1, 2, 2, 0, 1])


def plain_mix(
    images: np.ndarray, alpha: float, rng: np.random.Generator
) -> tuple[np.ndarray, list[int], list[float]]:
    """Image by image; what is drawn, and in which order, is part of what a seed means."""
    order = rng.permutation(len(images)).tolist()
    shares = [max(share, 1 - share) for share in rng.beta(alpha, alpha, len(images)).tolist()]
    out = [shares[i] * images[i] + (1 - shares[i]) * images[j] for i, j in enumerate(order)]
    return np.array(out), order, shares


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_every_number_and_every_draw(alpha: float, rng: np.random.Generator) -> None:
    images = rng.standard_normal((7, 3, 2, 4)).astype(np.float32)
    before = images.copy()
    own, twin = np.random.default_rng(1), np.random.default_rng(1)
    found, mix = mixed(images, LABELS, alpha, own)
    expected, order, shares = plain_mix(before.astype(np.float64), alpha, twin)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(mix.labels, LABELS[order])
    np.testing.assert_array_equal(mix.shares, shares)
    np.testing.assert_array_equal(images, before)
    assert own.bit_generator.state == twin.bit_generator.state  # nothing else was drawn


def test_alpha_says_how_much_is_mixed(rng: np.random.Generator) -> None:
    images, labels = np.zeros((4000, 1, 1, 1), np.float32), np.zeros(4000, np.int64)
    means = [mixed(images, labels, alpha, rng)[1].shares.mean() for alpha in (1e-9, 0.2, 1.0, 50.0)]
    assert means[0] == 1.0
    assert means[1] == pytest.approx(0.9, abs=0.02)
    assert means[2] == pytest.approx(0.75, abs=0.02)
    assert means[3] == pytest.approx(0.54, abs=0.02)


def test_one_image_alone_stays_as_it_is(rng: np.random.Generator) -> None:
    image = rng.standard_normal((1, 1, 3, 3)).astype(np.float32)
    found, mix = mixed(image, np.array([5]), 1.0, rng)
    np.testing.assert_allclose(found, image, rtol=1e-6)
    assert mix.labels.tolist() == [5]
    nothing, _ = mixed(image[:0], np.zeros(0, np.int64), 1.0, rng)
    assert nothing.shape == (0, 1, 3, 3)


def make_batches(augment: Augmentation | None) -> Batches:
    rng = np.random.default_rng(0)
    split = Split(rng.integers(0, 256, (20, 1, 4, 5), dtype=np.uint8), rng.integers(0, 4, 20))
    return Batches(
        split, range(20), 10, seed=3, shuffle=True, mean=(0.5,), std=(0.25,), augment=augment
    )


def test_batches_are_mixed_behind_all_other_changes_and_only_for_training() -> None:
    plain, batches = (
        make_batches(Augmentation(shift=1, flip=True, mixup=alpha)) for alpha in (0.0, 0.4)
    )
    indices, where = np.arange(6), (Purpose.AUGMENT, 3, 0, 1, 0)
    rng = stream(*where)
    before, labels = plain.load(indices, rng, 0)
    expected, mix = mixed(before, labels, 0.4, rng)  # with the draws behind those of the others
    images, own, found = batches.load_mixed(indices, stream(*where), 0)
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(own, labels)
    assert found is not None
    np.testing.assert_array_equal(found.labels, mix.labels)
    np.testing.assert_array_equal(found.shares, mix.shares)
    np.testing.assert_array_equal(batches.load(indices, stream(*where), 0)[0], expected)
    # Without a generator, or without mixing, there is no mix.
    images, _, found = batches.load_mixed(indices, None, 0)
    assert found is None
    np.testing.assert_array_equal(images, make_batches(None).load(indices)[0])
    assert plain.load_mixed(indices, stream(*where), 0)[2] is None
    assert make_batches(None).load_mixed(indices, stream(*where), 0)[2] is None


@pytest.mark.parametrize("name", LOSSES)
def test_targets_are_mixed_as_the_images_are(name: str, rng: np.random.Generator) -> None:
    images = np.eye(4, dtype=np.float32)[LABELS].reshape(7, 4, 1, 1)  # as one-hot rows
    found, mix = mixed(images, LABELS, 1.0, rng)
    target = LOSSES[name]().target(LABELS, 4, np.float32, mix)
    assert target.dtype == np.float32
    np.testing.assert_allclose(target, found.reshape(7, 4), rtol=0, atol=1e-7)
    np.testing.assert_allclose(target.sum(axis=1), 1.0, rtol=1e-6)
    assert (target.argmax(axis=1) == LABELS).all()
