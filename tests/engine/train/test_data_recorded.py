"""The samples that a run uses are a part of its record."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import data
from engine.checkpoints import checkpoint
from engine.data import Dataset, Split
from engine.services.verify import verify
from engine.train import factory
from tests.support.small_runs import Stop, make_config, train

LIMIT = 200
"""Training samples that the small runs use."""


def swap(split: Split, one: int, other: int, *, images: bool, labels: bool) -> Split:
    """Exchange the images, the labels or both of two samples."""
    pair, turned = [one, other], [other, one]
    new_images, new_labels = split.images.copy(), split.labels.copy()
    if images:
        new_images[pair] = new_images[turned]
    if labels:
        new_labels[pair] = new_labels[turned]
    return Split(new_images, new_labels)


def different(split: Split, start: int) -> tuple[int, int]:
    """Two samples of different classes from an index on."""
    other = start + int(np.flatnonzero(split.labels[start:] != split.labels[start])[0])
    return start, other


def change_pixel(dataset: Dataset) -> Dataset:
    images = dataset.train.images.copy()
    images[3, 0, 9, 9] ^= 1
    return replace(dataset, train=Split(images, dataset.train.labels))


def swap_in(name: str, start: int, *, images: bool, labels: bool) -> Callable[[Dataset], Dataset]:
    def change(dataset: Dataset) -> Dataset:
        split = getattr(dataset, name)
        swapped = swap(split, *different(split, start), images=images, labels=labels)
        changes: dict[str, Any] = {name: swapped}
        return replace(dataset, **changes)

    return change


CHANGES = {
    "labels exchanged": (swap_in("train", 0, images=False, labels=True), ["train"]),
    "images exchanged": (swap_in("train", 0, images=True, labels=False), ["train"]),
    "another order": (swap_in("train", 0, images=True, labels=True), ["train"]),
    "one pixel": (change_pixel, ["train"]),
    "test labels exchanged": (swap_in("test", 0, images=False, labels=True), ["test"]),
    "samples that are not used": (swap_in("train", LIMIT, images=False, labels=True), []),
    "nothing": (lambda dataset: dataset, []),
}


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Dataset], Dataset]], None]:
    """``exchange(change)``: from now on the data set on the disk is another one."""

    def do(change: Callable[[Dataset], Dataset]) -> None:
        changed = change(data.load("mnist_mini"))
        monkeypatch.setattr(factory, "load_dataset", lambda *_, **__: changed)

    return do


@pytest.mark.parametrize(("change", "names"), CHANGES.values(), ids=CHANGES)
def test_data_that_changed_are_said_when_a_run_is_resumed(
    tmp_path: Path,
    exchange: Callable[[Callable[[Dataset], Dataset]], None],
    change: Callable[[Dataset], Dataset],
    names: list[str],
) -> None:
    cut = train(make_config(tmp_path), stop=Stop((1, 1)))
    exchange(change)
    again = train(make_config(tmp_path), resume=cut.path)
    assert [warning.split()[1] for warning in again.warnings] == names
    parts = json.loads((cut.path / "run.json").read_text())["provenance"]["parts"]
    assert len(parts) == (2 if names else 1)


@pytest.mark.parametrize("change", ["labels exchanged", "another order"])
def test_verify_names_the_data_that_differ(
    tmp_path: Path,
    exchange: Callable[[Callable[[Dataset], Dataset]], None],
    change: str,
) -> None:
    run = train(make_config(tmp_path))
    exchange(CHANGES[change][0])
    verdict = verify(run.path)
    assert not verdict.verified
    assert [fact.fact for fact in verdict.differs] == ["train samples"]


def test_the_record_names_the_samples_from_the_start(tmp_path: Path) -> None:
    run = train(make_config(tmp_path), stop=Stop("start"))
    recorded = json.loads((run.path / "run.json").read_text())["data"]
    dataset = data.load("mnist_mini")
    assert recorded == {
        "train": dataset.train.digest(LIMIT),
        "test": dataset.test.digest(),
    }


def test_a_run_that_recorded_no_data_is_resumed_without_a_word(tmp_path: Path) -> None:
    cut = train(make_config(tmp_path), stop=Stop((1, 1)))
    (path,) = (cut.path / "checkpoints").glob("step-*6.npz")
    saved = checkpoint.load(path)
    for part in saved.meta["provenance"]["parts"]:
        del part["data"]
    checkpoint.save(path, saved.arrays, saved.meta)
    assert train(make_config(tmp_path), resume=cut.path).warnings == []
