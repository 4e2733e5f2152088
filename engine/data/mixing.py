"""MixUp: images that are each a little of another one."""

from typing import NamedTuple

import numpy as np


class Mix(NamedTuple):
    """What was mixed into the images of a micro-batch.

    Attributes:
        labels: classes of the images that were mixed in, int64, (n,).
        shares: how much of an image is its own, float64, (n,), from 0.5 to 1.
    """

    labels: np.ndarray
    shares: np.ndarray


def mixed(
    images: np.ndarray, labels: np.ndarray, alpha: float, rng: np.random.Generator
) -> tuple[np.ndarray, Mix]:
    """Images as weighted means of themselves and others: λ·x_i + (1 − λ)·x_j.

    The other image, j, is drawn without replacement, and may be i itself. λ is drawn for each i
    from Beta(α, α); of λ and 1 − λ the larger is its own share, as in MixMatch, so that its own
    class stays the likeliest answer. With α near 0 there is hardly any mixing, with 1 all shares
    are equally likely.

    Args:
        images: normalised, float32, (n, C, H, W); left as they are.
        labels: their classes, int64, (n,).
        alpha: α, above 0.
        rng: the generator of all random choices.

    Source: Zhang et al., 'mixup: beyond empirical risk minimization', 2018; Berthelot et al.,
    'MixMatch', 2019 (the larger share).
    """
    n = len(images)
    order = rng.permutation(n)
    shares = rng.beta(alpha, alpha, n)
    shares = np.maximum(shares, 1 - shares)
    own = shares.astype(images.dtype).reshape(-1, 1, 1, 1)
    return own * images + (1 - own) * images[order], Mix(labels[order], shares)
