"""The split of samples into those to train on and those to test with."""

import numpy as np

from engine.errors import ConfigError
from engine.rng import Purpose, stream


def split_test(
    labels: np.ndarray, fraction: float, seed: int, classes: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the samples to test with: of every class its share, at least one, and never all.

    Args:
        labels: int64, (N,).
        fraction: of the samples that are kept for testing, above 0 and below 1.
        seed: the same one chooses the same samples.
        classes: their names, for messages.

    Returns:
        Training and test indices, int64, each in ascending order.

    Raises:
        ConfigError: a class has a single sample.
    """
    rng = stream(Purpose.SPLIT, seed)
    for_test = np.zeros(len(labels), bool)
    by_class = np.argsort(labels, kind="stable")
    bounds = np.searchsorted(labels[by_class], np.arange(len(classes) + 1))
    for name, first, end in zip(classes, bounds[:-1], bounds[1:], strict=True):
        count = int(end - first)
        if count < 2:
            raise ConfigError(
                f"{name}: a class needs two images, one to train on and one to test with; it has "
                f"{count}. Add images, name others with --test-source, or leave it out of --classes"
            )
        chosen = rng.permutation(count)[: min(max(round(count * fraction), 1), count - 1)]
        for_test[by_class[first + chosen]] = True
    return np.flatnonzero(~for_test), np.flatnonzero(for_test)
