"""A session reports likely mistakes in its config, and those that show only in the data."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.config import Config
from engine.data import Dataset, Split
from engine.events import Noted
from engine.train import factory
from tests.support.small_runs import PLAIN, Stop, make_config, train

SOFTMAX = PLAIN.replace("out_features: 10}\n", "out_features: 10}\n  - Softmax\n")


def test_advice_is_a_warning_at_the_start_and_after_a_resume(tmp_path: Path) -> None:
    config = make_config(tmp_path, SOFTMAX)
    cut = train(config, stop=Stop((0, 1)))
    (warning,) = cut.warnings
    assert warning.startswith("layers.4.Softmax: Softmax limits the scores to between 0 and 1")
    assert train(config, resume=cut.path).warnings == [warning]


def test_a_note_is_no_warning(tmp_path: Path) -> None:
    found = train(make_config(tmp_path, PLAIN, "train.label_smoothing=0.2", "train.epochs=1"))
    (note,) = [event for event in found.events if isinstance(event, Noted)]
    assert note.key == "train.label_smoothing"
    assert "cannot fall below" in note.message
    assert found.warnings == []


def test_an_ordinary_run_gets_no_advice(tmp_path: Path) -> None:
    found = train(make_config(tmp_path, PLAIN, "train.epochs=1"))
    assert found.warnings == []


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (lambda n: np.full(n, 7), ["training", "validation"]),
        (lambda n: np.arange(n) % 10, []),
    ],
)
def test_samples_of_a_single_class_are_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    labels: Callable[[int], np.ndarray],
    expected: list[str],
) -> None:
    real = factory.load_dataset

    def load(config: Config, **more: Any) -> Dataset:
        dataset = real(config, **more)
        images = dataset.train.images
        return replace(dataset, train=Split(images, labels(len(images)).astype(np.int64)))

    monkeypatch.setattr(factory, "load_dataset", load)
    found = train(make_config(tmp_path, PLAIN, "train.epochs=1"))
    assert len(found.warnings) == len(expected)
    for what, warning in zip(expected, found.warnings, strict=True):
        assert f"{what} samples are of class '7'" in warning


def warnings_of(labels: np.ndarray, *overrides: str) -> list[str]:
    """Of a data set with these training samples."""
    config = make_config(Path("/nowhere"), PLAIN, "data.limit=null", *overrides)
    dataset = factory.load_dataset(config)
    train = Split(dataset.train.images[: len(labels)], labels.astype(np.int64))
    return list(factory.make_sources(config, replace(dataset, train=train)).warnings(config))


EVEN = np.arange(800) % 10


def test_classes_without_samples_are_said_with_their_number_and_some_names() -> None:
    (warning,) = warnings_of(EVEN % 9)
    assert warning == (
        "no training samples of 1 of the 10 classes ('9'): they cannot be learned; add images"
    )
    (warning,) = warnings_of(EVEN % 5, "data.limit=400")
    assert "5 of the 10 classes ('5', '6', '7', ...)" in warning
    assert warning.endswith("raise data.limit")


def test_classes_that_are_not_validated_are_said_unless_there_is_advice_already() -> None:
    labels = np.concatenate([np.arange(300) % 9, np.full(6, 9)])
    overrides = "train.class_weights=balanced", "data.validation=12"
    (warning,) = warnings_of(labels, *overrides)
    assert warning == (
        "no validation samples of 1 of the 10 classes ('9'): val_acc says nothing about them; "
        "raise data.validation"
    )
    assert warnings_of(labels, overrides[0], "data.validation=9") == []
