"""The history of a training: arrays, plain lists, and curves for a notebook."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from engine import History

ROWS: list[dict[str, float | None]] = [
    {"loss": 1.0, "val_loss": 1.5, "acc": 0.2, "val_acc": 0.25},
    {"loss": 0.5, "val_loss": None, "acc": 0.6, "val_acc": 0.5},
    {"loss": 0.25, "val_loss": 0.75, "acc": 0.8, "val_acc": 0.75},
]


def test_metrics_are_arrays_by_name() -> None:
    history = History(ROWS, notes=["uneven"])
    assert history.epochs == 3
    assert list(history) == ["loss", "val_loss", "acc", "val_acc"]
    np.testing.assert_array_equal(history["val_loss"], [1.5, np.nan, 0.75])
    assert json.loads(json.dumps(history.to_dict()))["acc"] == [0.2, 0.6, 0.8]
    with pytest.raises(KeyError, match="no metric 'accuracy'; there are loss, val_loss, acc"):
        _ = history["accuracy"]


def test_a_notebook_shows_training_solid_and_validation_dashed() -> None:
    shown = ElementTree.fromstring(History(ROWS, "stopped <early>")._repr_html_())
    lines = list(shown.iter("polyline"))
    assert ["stroke-dasharray" in line.attrib for line in lines] == [False, True, False, True]
    points = [[float(v) for v in p.split(",")] for p in lines[0].attrib["points"].split()]
    assert [x for x, _ in points] == [8, 140, 272]
    assert points[0][1] < points[1][1] < points[2][1] == lines_bottom(lines)
    assert len(lines[1].attrib["points"].split()) == 2  # the one that is no number is left out
    assert "stopped <early>" in "".join(shown.itertext())


def lines_bottom(lines: list[ElementTree.Element]) -> float:
    return max(float(p.split(",")[1]) for p in lines[0].attrib["points"].split())


def test_one_epoch_is_a_dot_and_none_is_no_picture() -> None:
    assert "<circle" in History(ROWS[:1])._repr_html_()
    empty = History([], "interrupted after batch 1 of 9 in epoch 1")
    assert "<svg" not in empty._repr_html_()
    assert repr(empty) == "History(0 epochs; interrupted after batch 1 of 9 in epoch 1)"
