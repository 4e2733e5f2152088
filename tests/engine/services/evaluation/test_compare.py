"""Two networks on the same test set, image by image and cell by cell."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.data import Split
from engine.errors import ConfigError, DataError
from engine.metrics import confusion_matrix, per_class
from engine.services.evaluation.compare import check_comparable, compare
from engine.services.evaluation.evaluate import Measurement
from engine.train.results import Evaluation
from tests.support.command_runs import make_config

LABELS = np.array([0, 0, 0, 1, 1, 2])


def measured(*predictions: int) -> Measurement:
    predicted, ones = np.array(predictions), np.ones(6)
    confusion = confusion_matrix(LABELS, predicted, 3)
    acc = float((predicted == LABELS).mean())
    return Measurement(
        Evaluation(0.5, acc, predicted, LABELS, 1.0, ones, ones),
        ("a", "b", "c"),
        confusion,
        per_class(confusion),
        Split(np.zeros((6, 1, 2, 2), np.uint8), LABELS),
        (0.5,),
        (0.25,),
        "",
    )


def test_each_image_and_each_cell_is_counted() -> None:
    found = compare(measured(0, 0, 1, 1, 0, 2), measured(0, 1, 1, 1, 1, -1))
    assert (found.both, found.only_first, found.only_second, found.neither) == (2, 2, 1, 1)
    assert found.difference.tolist() == [[-1, 1, 0], [-1, 1, 0], [0, 0, -1]]
    assert found.changed() == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)]
    assert found.changed(2) == [(0, 0), (0, 1)]


def test_the_largest_change_comes_first() -> None:
    found = compare(measured(1, 1, 1, 1, 1, 2), measured(0, 0, 0, 1, 0, 2))
    assert found.changed() == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [int(found.difference[cell]) for cell in found.changed()] == [3, -3, 1, -1]


def test_a_network_does_not_differ_from_itself() -> None:
    found = compare(measured(0, 1, 0, 1, 0, 2), measured(0, 1, 0, 1, 0, 2))
    assert found.changed() == []
    assert (found.only_first, found.only_second) == (0, 0)


def test_other_data_or_other_classes_are_refused(tmp_path: Path) -> None:
    first = measured(0, 1, 0, 1, 0, 2)
    labels = Split(first.test.images, LABELS[::-1].copy())
    images = Split(first.test.images + np.uint8(1), LABELS)
    for other in (
        replace(first, test=labels), replace(first, test=images), replace(first, classes=("a",)),
    ):  # fmt: skip
        with pytest.raises(DataError, match="test sets hold other images"):
            compare(first, other)
    with pytest.raises(ConfigError, match="one is of mnist_mini, the other of fashion_mnist"):
        check_comparable(make_config(tmp_path), make_config(tmp_path, "dataset=fashion_mnist"))
    check_comparable(make_config(tmp_path), make_config(tmp_path, "train.lr=1"))
