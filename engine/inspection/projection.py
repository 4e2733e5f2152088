"""Projection of features onto the two directions in which they differ most."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Array


@dataclass(frozen=True)
class Projection:
    """Points in the plane of the first principal components.

    Attributes:
        points: (n, 2), float64, around 0.
        shares: share of the whole variance along each axis, from 0 to 1; 0 where nothing varies.
        directions: the axes, (2, features), each of length 1; 0 where there is no direction left.
    """

    points: Array
    shares: tuple[float, float]
    directions: Array


def project(features: Array, before: Array | None = None) -> Projection:
    """Principal component analysis (PCA): centre, then turn towards the largest variance.

    With the singular value decomposition X = U·S·Vᵀ of the centred features, the rows of Vᵀ are
    the eigenvectors of the covariance Xᵀ·X/(n-1) = V·(S²/(n-1))·Vᵀ, and the squares of S are to
    each other as the variances along them.

    An eigenvector is as good as its negative. So that a picture does not flip from one moment to
    the next, each points to the same side as the one before it; without one before, its largest
    entry is positive.

    Args:
        features: (n, features); numbers that are not finite count as 0.
        before: the directions of the last moment, of as many features, or None.

    Raises:
        ValueError: features are not (n, features) with one of each at least.

    Source: Pearson, 'On lines and planes of closest fit to systems of points in space', 1901;
    Bishop, 'Pattern Recognition and Machine Learning', 12.1.
    """
    if features.ndim != 2 or not features.size:
        raise ValueError(f"expected features (n, features), got {features.shape}")
    x = np.where(np.isfinite(features), features, 0).astype(np.float64)
    size = np.abs(x).max() or 1.0
    scaled = x / size
    centred = scaled - scaled.mean(axis=0)
    _, s, vt = np.linalg.svd(centred, full_matrices=False)
    # Rounding leaves a little where all samples are alike: that is no direction.
    s = np.where(s > max(x.shape) * np.finfo(np.float64).eps, s, 0.0)
    directions = np.zeros((2, x.shape[1]))
    found = min(2, int(np.count_nonzero(s)))
    directions[:found] = vt[:found]
    directions *= _signs(directions, before)[:, None]
    variance = float(np.sum(s**2))
    shares = [float(s[i] ** 2) / variance if i < found else 0.0 for i in range(2)]
    return Projection(centred @ directions.T * size, (shares[0], shares[1]), directions)


def _signs(directions: Array, before: Array | None) -> Array:
    """1 or -1 for each direction."""
    if before is not None and before.shape == directions.shape:
        agreement = np.sum(directions * before, axis=1)
    else:
        agreement = np.zeros(len(directions))
    own = directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)]
    return np.where(np.where(agreement != 0, agreement, own) < 0, -1.0, 1.0)
