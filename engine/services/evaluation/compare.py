"""Compare two trained networks on the same test set: what the second does otherwise."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Array
from engine.config import Config
from engine.errors import ConfigError, DataError
from engine.sanitize import printable
from engine.services.evaluation.evaluate import Measurement


@dataclass(frozen=True)
class Comparison:
    """Two networks on the same images.

    Attributes:
        first, second: what came of evaluating each.
        difference: confusion matrix of the second minus that of the first, (C, C).
        both, only_first, only_second, neither: images that are predicted right by these.
    """

    first: Measurement
    second: Measurement
    difference: Array
    both: int
    only_first: int
    only_second: int
    neither: int

    def changed(self, most: int = 200) -> list[tuple[int, int]]:
        """Rows and columns of the cells that differ, the largest difference first."""
        rows, columns = np.nonzero(self.difference)
        order = np.argsort(-np.abs(self.difference[rows, columns]), kind="stable")[:most]
        return list(zip(rows[order].tolist(), columns[order].tolist(), strict=True))


def check_comparable(first: Config, second: Config) -> None:
    """Check that two networks can be compared, before anything is computed.

    Raises:
        ConfigError: they are of other data sets, or of other classes.
    """
    one, other = first.dataset_info, second.dataset_info
    if one.name != other.name:
        raise ConfigError(
            f"the two cannot be compared: one is of {printable(one.name)}, the other of "
            f"{printable(other.name)}; choose two of the same data set"
        )
    if one.classes != other.classes:
        raise ConfigError(
            f"the two cannot be compared: their classes of {printable(one.name)} differ; train "
            "both on the data set as it is now"
        )


def compare(first: Measurement, second: Measurement) -> Comparison:
    """Compare two evaluations.

    Raises:
        DataError: they are not of the same images and classes.
    """
    one, other = first.test, second.test
    if (
        first.classes != second.classes
        or not np.array_equal(one.labels, other.labels)
        or not np.array_equal(one.images, other.images)
    ):
        raise DataError(
            "the two cannot be compared: their test sets hold other images; evaluate both with the "
            "same data.root"
        )
    right, also = (found.result.predictions == found.result.labels for found in (first, second))
    return Comparison(
        first,
        second,
        second.confusion - first.confusion,
        both=int((right & also).sum()),
        only_first=int((right & ~also).sum()),
        only_second=int((~right & also).sum()),
        neither=int((~right & ~also).sum()),
    )
