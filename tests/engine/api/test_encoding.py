"""How arrays become the input of a network, and labels the indices of its classes."""

import numpy as np
import pytest

from engine.api.encoding import Encoding
from engine.data import Normalisation
from engine.errors import DataError


def encoding(x: np.ndarray) -> Encoding:
    return Encoding.of(x, np.arange(len(x)) % 2)


def test_floats_are_scaled_and_not_rounded(rng: np.random.Generator) -> None:
    x = rng.normal(3, 2, (4, 3, 5, 5))
    found = encoding(x)
    assert (found.low, found.high) == (x.min(), x.max())
    pixels = found.pixels(x)
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels / 255 * (x.max() - x.min()) + x.min(), x, atol=1e-6)


def test_the_network_gets_channels_with_mean_0_and_deviation_1(rng: np.random.Generator) -> None:
    for x in (rng.integers(0, 256, (1100, 2, 4, 4), np.uint8), rng.random((1100, 2, 4, 4)) - 7):
        found = encoding(x)
        y = Normalisation(found.mean, found.std)(found.pixels(x))
        np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-3)
        np.testing.assert_allclose(y.std(axis=(0, 2, 3)), 1, atol=1e-3)


def test_pixels_of_any_whole_type_are_pixels(rng: np.random.Generator) -> None:
    x = rng.integers(0, 256, (4, 5, 5), np.uint8)
    for same in (x, x.astype(np.int64), x.astype(np.uint16), x[:, None]):
        assert encoding(same).pixels(same).dtype == np.uint8
        assert encoding(same).mean == encoding(x).mean
    wide = x.astype(np.int64) * 4 - 100
    assert (encoding(wide).low, encoding(wide).high) == (wide.min(), wide.max())
    flags = x > 127
    assert encoding(flags).pixels(flags).max() == 255


def test_labels_are_found_in_classes_of_any_order() -> None:
    known = Encoding((1, 2, 2), np.array(["ox", "ant", "bee"]), 0, 255, (0.0,), (1.0,))
    assert known.labels(["ant", "ox", "bee", "ant"]).tolist() == [1, 0, 2, 1]
    assert known.labels(np.array(["ant", "ox"], object)).tolist() == [1, 0]
    assert known.labels([2, 0]).tolist() == [2, 0]
    for wrong in ([3], [-1], ["cow"], ["zebra"]):
        with pytest.raises(DataError, match=r"is none of the 3 classes .*: ox, ant, bee"):
            known.labels(wrong)
    numbers = Encoding((1, 2, 2), np.array([2, 4]), 0, 255, (0.0,), (1.0,))
    assert numbers.labels(np.array([4.0, 2.0])).tolist() == [1, 0]
    with pytest.raises(DataError, match="'4' is none of the 2 classes"):
        numbers.labels(["4"])
