"""The projection onto two axes: beside NumPy's eigenvectors, and where nothing varies."""

import numpy as np
import pytest

from engine.inspection.projection import project


def cloud(seed: int, n: int = 60, features: int = 7) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (
        rng.normal(3, 1, (n, features))
        * np.arange(features, 0, -1)
        @ rng.normal(size=(features, features))
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_axes_are_the_eigenvectors_of_the_covariance(seed: int) -> None:
    features = cloud(seed)
    found = project(features)
    values, vectors = np.linalg.eigh(np.cov(features.T))
    for axis in range(2):
        expected = vectors[:, -1 - axis]
        assert abs(found.directions[axis] @ expected) == pytest.approx(1)
        assert found.shares[axis] == pytest.approx(values[-1 - axis] / values.sum())
        assert found.points[:, axis].var(ddof=1) == pytest.approx(values[-1 - axis])
    np.testing.assert_allclose(
        found.points, (features - features.mean(axis=0)) @ found.directions.T, atol=1e-9
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_largest_entry_of_a_direction_is_positive(seed: int) -> None:
    features = cloud(seed)
    for side in (features, -features):
        directions = project(side).directions
        assert (directions.max(axis=1) == np.abs(directions).max(axis=1)).all()


def test_pictures_do_not_flip_beside_the_one_before() -> None:
    features = cloud(0)
    before = project(features)
    turned = project(features, -before.directions)
    np.testing.assert_allclose(turned.directions, -before.directions)
    np.testing.assert_allclose(turned.points, -before.points)
    other = project(cloud(1, features=3), before.directions)  # another network
    assert other.directions.shape == (2, 3)


def test_constant_features_lie_in_one_point() -> None:
    for features in (
        np.full((9, 5), 0.1),
        np.full((9, 5), 1e300),
        np.zeros((4, 3)),
        np.ones((1, 6)),
    ):
        found = project(features)
        assert found.points.shape == (len(features), 2)
        assert not found.points.any()
        assert found.shares == (0.0, 0.0)


def test_one_feature_fills_one_axis() -> None:
    found = project(np.array([[1.0], [2.0], [6.0]]))
    np.testing.assert_allclose(found.points, [[-2, 0], [-1, 0], [3, 0]])
    assert found.shares == (1.0, 0.0)


def test_numbers_that_are_not_finite_count_as_zero() -> None:
    features = cloud(2).astype(np.float32)
    zeros = features.copy()
    features[3, 1], features[5, 0], zeros[3, 1], zeros[5, 0] = np.nan, np.inf, 0, 0
    np.testing.assert_array_equal(project(features).points, project(zeros).points)


@pytest.mark.parametrize("shape", [(4,), (0, 3), (2, 2, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected features"):
        project(np.zeros(shape))
