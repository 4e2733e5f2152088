"""Each class over the epochs: the numbers of the frames, evaluated one by one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.checkpoints import checkpoint
from engine.config import Config, load
from engine.data import Dataset, Split
from engine.errors import Cancelled, CheckpointError
from engine.films import film
from engine.services.evaluation.class_history import ClassHistory, class_history
from engine.services.evaluation.evaluate import measure
from engine.train import factory
from tests.support.run_makers import add_film, make_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a film of four frames: before it, in epoch 1, after epochs 1 and 2."""
    run = make_run(tmp_path)
    add_film(run)
    return run


def config_of(run: Path) -> Config:
    return load(run / "config.yaml")


def retake(frame: Path, seed: int) -> None:
    """Give a frame other weights, drawn at random; its moment stays."""
    taken = checkpoint.load(frame)
    rng = np.random.default_rng(seed)
    drawn = {
        name: rng.normal(0, 0.1, array.shape).astype(array.dtype)
        for name, array in taken.arrays.items()
    }
    checkpoint.save(frame, drawn, taken.meta)


def test_the_numbers_are_those_of_the_frames_between_epochs(run: Path) -> None:
    frames = film.frames(run)
    for seed, frame in enumerate(frames):  # frames that differ in scale alone predict the same
        retake(frame, seed)
    found = class_history(config_of(run), run)
    assert len({tuple(row) for row in found.recall.tolist()}) == len(found.epochs)
    assert found.epochs == (0, 1, 2)
    for row, frame in enumerate([frames[0], *frames[2:]]):
        one = measure(config_of(run), frame)
        assert found.classes == one.classes
        assert found.acc[row] == one.result.acc
        np.testing.assert_array_equal(found.recall[row], one.scores.recall)


def test_a_class_without_test_images_has_no_recall_at_any_moment(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_dataset = factory.load_dataset

    def without_threes(config: Config, **options: Any) -> Dataset:
        dataset = load_dataset(config, **options)
        kept = dataset.test.labels != 3
        test = Split(dataset.test.images[kept], dataset.test.labels[kept])
        return replace(dataset, test=test)

    monkeypatch.setattr(factory, "load_dataset", without_threes)
    found = class_history(config_of(run), run)
    assert np.isnan(found.recall[:, 3]).all()
    assert not np.isnan(np.delete(found.recall, 3, axis=1)).any()
    assert found.worst_first()[-1] == 3


def test_it_says_how_far_it_is_and_stops(run: Path) -> None:
    told: list[tuple[str, int, int]] = []
    with pytest.raises(Cancelled, match="was cancelled"):
        class_history(
            config_of(run),
            run,
            progress=lambda *one: told.append(one),
            cancelled=lambda: bool(told) and told[-1][0] == "evaluating epoch 1",
        )
    assert told[-1] == ("evaluating epoch 1", 1, 3)


def test_a_frame_that_the_training_removes_meanwhile_is_passed_over(run: Path) -> None:
    gone = film.frames(run)[2]
    found = class_history(
        config_of(run), run, progress=lambda label, *_: gone.unlink(missing_ok=True)
    )
    assert found.epochs == (0, 2)
    assert len(found.recall) == len(found.acc) == 2


def test_a_run_without_a_film_says_what_to_do(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with pytest.raises(CheckpointError, match=r"kept no film.*train\.film: true"):
        class_history(config_of(run), run)


def test_a_damaged_frame_is_named(run: Path) -> None:
    frame = film.frames(run)[-1]
    content = bytearray(frame.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    frame.write_bytes(content)
    with pytest.raises(CheckpointError, match=frame.name):
        class_history(config_of(run), run)


def test_the_worst_at_the_end_comes_first_and_a_class_without_images_last() -> None:
    nan = float("nan")
    recall = np.array([[0.5, nan, 0.25, 0.5], [0.75, nan, 0.5, 0.25], [0.75, nan, 0.25, 0.25]])
    found = ClassHistory(("a", "b", "c", "d"), (0, 1, 2), recall, np.array([0.4, 0.5, 0.4]))
    assert found.worst_first() == [2, 3, 0, 1]
    assert [found.best(label) for label in range(4)] == [1, None, 1, 0]
