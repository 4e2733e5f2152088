"""The whitening layer: what its filters do to the images that they were computed from."""

import numpy as np
import pytest

from engine.layers import Whitening2D


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    """Images in which neighbours are alike, as in photographs, and channels too."""
    x = rng.standard_normal((30, 2, 9, 8))
    x[:, 1] += 2 * x[:, 0]
    x[..., 1:] += 0.8 * x[..., :-1]
    return x.astype(np.float32)


def test_patches_become_uncorrelated_and_as_large_in_every_direction(
    images: np.ndarray, rng: np.random.Generator
) -> None:
    layer = Whitening2D(2, [2, 3], eps=1e-9, bias=False).initialise(rng)
    layer.learn_from(images)
    out = layer.forward(images)
    np.testing.assert_allclose(out[:, 12:], -out[:, :12], atol=1e-5)
    rows = out[:, :12].transpose(1, 0, 2, 3).reshape(12, -1).astype(np.float64)
    np.testing.assert_allclose(rows @ rows.T / rows.shape[1], np.eye(12), atol=1e-4)


def test_filters_are_eigenvectors_by_size_with_a_sign_of_their_own(
    images: np.ndarray, rng: np.random.Generator
) -> None:
    layer = Whitening2D(2, eps=0.5).initialise(rng, np.float64)
    layer.learn_from(images)
    patches = np.concatenate(
        [
            np.stack(
                [image[:, y : y + 2, x : x + 2].reshape(-1) for y in range(8) for x in range(7)]
            )
            for image in images
        ]
    ).astype(np.float64)
    moments = patches.T @ patches / len(patches)
    filters = layer.weight[:8].reshape(8, 8)
    values = []
    for vector in filters:
        unit = vector / np.linalg.norm(vector)
        value = unit @ moments @ unit
        np.testing.assert_allclose(moments @ unit, value * unit, atol=1e-9)
        assert np.linalg.norm(vector) == pytest.approx(1 / np.sqrt(value + 0.5))
        assert vector[np.abs(vector).argmax()] > 0
        values.append(value)
    assert values == sorted(values, reverse=True)
    np.testing.assert_array_equal(layer.weight[8:], -layer.weight[:8])


def test_eps_has_bounds_and_so_have_sizes() -> None:
    for eps in (1e-12, 1.0):
        assert Whitening2D(1, eps=eps).eps == eps
    for eps in (0.9e-12, 1.1):
        with pytest.raises(ValueError, match="eps"):
            Whitening2D(1, eps=eps)


def test_only_the_bias_is_trained_and_the_filters_are_saved(rng: np.random.Generator) -> None:
    layer = Whitening2D(3).initialise(rng)
    assert layer.named_parameters().keys() == {"bias"}
    assert layer.state_dict().keys() == {"weight", "bias"}
    assert layer.weight.shape == (24, 3, 2, 2)
    assert layer.count_parameters() == 24
    assert not layer.params["bias"].any()


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-5)])
@pytest.mark.parametrize("eps", [5e-4, 1.0])
def test_what_each_filter_stands_for_is_its_eigenvalue_s_share(
    images: np.ndarray, rng: np.random.Generator, eps: float, dtype: type, tolerance: float
) -> None:
    layer = Whitening2D(2, [2, 1], eps=eps).initialise(rng, dtype)
    assert layer.variance_shares(layer.weight, eps) is None, "the filters are random"
    layer.learn_from(images)
    pairs = np.stack([images[:, :, :-1], images[:, :, 1:]], axis=2).astype(np.float64)
    patches = np.moveaxis(pairs, (1, 2), (0, 1)).reshape(4, -1)
    values = np.linalg.eigvalsh(patches @ patches.T)[::-1]
    shares = layer.variance_shares(layer.weight, eps)
    assert shares is not None
    np.testing.assert_allclose(shares[:4], values / values.sum(), atol=tolerance)
    np.testing.assert_array_equal(shares[4:], shares[:4])
    assert shares[:4].sum() == pytest.approx(1)


def test_filters_of_nothing_stand_for_nothing() -> None:
    """As those of a damaged file, and those of images that are all alike."""
    one = np.array([[1.0, 0.0], [0.0, 2.0]])
    nothing = np.zeros((2, 2))
    for filters in (nothing, np.stack([one[0], nothing[0]])):
        weight = np.concatenate([filters, -filters]).reshape(4, 2, 1, 1)
        assert Whitening2D.variance_shares(weight, 5e-4) is None
    half = np.concatenate([one, -one]).reshape(4, 2, 1, 1)
    assert Whitening2D.variance_shares(half, 1.0) is None  # variances 0 and below
    shares = Whitening2D.variance_shares(half, 0.125)
    assert shares is not None
    assert shares.tolist() == [0.875, 0.125] * 2
    half[2] = 1.0
    assert Whitening2D.variance_shares(half, 0.125) is None
