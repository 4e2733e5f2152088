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
    for place, strange in {(3, 1): np.nan, (5, 0): np.inf, (7, 4): -np.inf}.items():
        features[place], zeros[place] = strange, 0
    np.testing.assert_array_equal(project(features).points, project(zeros).points)


def test_single_precision_is_computed_in_double() -> None:
    features = cloud(2).astype(np.float32)
    np.testing.assert_array_equal(
        project(features).points, project(features.astype(np.float64)).points
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_enormous_and_tiny_features_are_like_others(sign: int) -> None:
    features = cloud(3)
    expected = project(features * sign)
    for scale in (1e290, 1e-290):
        found = project(features * scale * sign)
        np.testing.assert_allclose(found.points / scale, expected.points, atol=1e-9)
        assert found.shares == pytest.approx(expected.shares)
    one = np.array([[0.0, -3e300], [0, -1e300], [0, -2e300]])
    np.testing.assert_allclose(project(one).points[:, 0] / 1e300, [-1, 1, 0], atol=1e-12)


def test_what_rounding_leaves_of_equal_samples_is_no_direction() -> None:
    for n, count in ((200, 3), (3, 200)):
        rng = np.random.default_rng(n)
        features = np.tile(rng.normal(size=count), (n, 1))
        features[0] *= 1 + np.finfo(np.float64).eps
        assert project(features).shares == (0.0, 0.0)


def test_shares_are_numbers_of_python() -> None:
    assert [type(share) for share in project(cloud(0)).shares] == [float, float]
    assert [type(share) for share in project(np.ones((2, 2))).shares] == [float, float]


def test_a_direction_keeps_the_side_on_which_most_of_it_was() -> None:
    features = np.array([[3.0, 1.0], [-3.0, -1.0]])
    before = np.array([[-0.1, -1.0], [0.0, 0.0]])  # 3·-0.1 + 1·-1 < 0
    assert (project(features, before).directions[0] < 0).all()
    before = np.array([[-0.3, 1.0], [0.0, 0.0]])  # the sum of products is above 0, of shares not
    assert (project(features, before).directions[0] > 0).all()
    before = np.array([[0.01, -1.0], [0.0, 0.0]])
    assert (project(features, before).directions[0] < 0).all()


@pytest.mark.parametrize("shape", [(4,), (0, 3), (3, 0), (2, 2, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected features"):
        project(np.zeros(shape))
