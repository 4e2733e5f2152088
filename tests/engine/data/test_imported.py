"""Imported data sets: found by name, mapped from their file, refused when damaged."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from engine.config import ConfigProblems, loads
from engine.data import (
    DATASETS,
    Split,
    describe,
    find,
    load,
    locate,
    names,
    processed_folder,
    verify,
)
from engine.data.imported import MANIFEST, read_manifest
from engine.errors import DataError
from engine.train.factory import config_of, load_dataset
from tests.support.imported_sets import CLASSES, make_set
from tests.support.small_runs import train

TEXT = """\
name: pets
dataset: pets
layers: [Flatten, {Dense: {out_features: 3}}]
train: {epochs: 2, batch_size: 10, lr: 0.1, workers: 1}
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the data set ``pets``, where a user would have it."""
    monkeypatch.delenv("CNN_TUI_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    make_set(Path("data", "raw"))
    return tmp_path / "data" / "raw"


def test_where_they_lie() -> None:
    assert processed_folder(Path("x", "raw")) == Path("x", "processed")
    assert processed_folder(Path("x")) == Path("x", "processed")


def test_an_imported_set_is_found_by_its_name(root: Path) -> None:
    assert names() == (*DATASETS, "pets")
    info = find("pets")
    assert info is not None
    assert (info.classes, info.image_shape, info.train_size, info.test_size) == (
        CLASSES, (1, 8, 8), 60, 12
    )  # fmt: skip
    assert locate("pets") == Path("data", "processed", "pets")
    assert find("pets", root / "other") is None
    assert all(file.state == "ok" for file in verify("pets"))


def test_its_images_are_those_that_were_written(root: Path) -> None:
    dataset = load("pets")
    assert dataset.classes == CLASSES
    assert dataset.train.labels.tolist()[:4] == [0, 1, 2, 0]
    assert (dataset.train.images[1, 0, 1] == 250).all()
    assert not dataset.train.images.flags.writeable
    pixels = dataset.train.images / 255
    assert dataset.mean == (round(float(pixels.mean()), 4),)
    assert dataset.std == (round(float(pixels.std()), 4),)


def test_a_constant_channel_has_the_std_1(root: Path) -> None:
    info = make_set(root, "dark", shape=(3, 1, 1), classes=("a", "b"))
    assert info.mean == pytest.approx((250 / 255,) * 3, abs=1e-4)
    assert info.std == (1.0,) * 3


def test_a_config_is_checked_against_it(root: Path) -> None:
    assert loads(TEXT).dataset_info.classes == CLASSES
    with pytest.raises(ConfigProblems, match="one score for each class of pets"):
        loads(TEXT.replace("3}", "4}"))
    with pytest.raises(ConfigProblems, match=r"got 'pest'; .*Did you mean 'pets'"):
        loads(TEXT.replace("dataset: pets", "dataset: pest"))
    with pytest.raises(ConfigProblems, match="expected a data set"):
        loads(TEXT.replace("dataset: pets", "dataset: ../pets"))


def test_data_root_says_where_to_look(root: Path, tmp_path: Path) -> None:
    make_set(tmp_path / "other", "birds", classes=("a", "b"))
    text = TEXT.replace("dataset: pets", "dataset: birds").replace("3}", "2}")
    with pytest.raises(ConfigProblems, match="expected a data set"):
        loads(text)
    assert loads(text + "data: {root: other}\n").dataset_info.classes == ("a", "b")


def test_a_network_learns_it(root: Path) -> None:
    run = train(loads(TEXT.replace("epochs: 2", "epochs: 20")))
    assert run.ended.test["test_acc"] == 1.0


def test_its_digest_is_that_of_the_same_images_in_memory(root: Path) -> None:
    split = load("pets").train
    assert split.digest(50) == Split(np.array(split.images), split.labels).digest(50)


def test_worker_processes_learn_the_same(root: Path) -> None:
    runs = [train(loads(TEXT, overrides=[f"train.workers={n}"])) for n in (1, 2)]
    assert runs[0].weights == runs[1].weights


def test_a_file_that_changes_under_its_reader_is_named(root: Path) -> None:
    split = load("pets").train
    path = processed_folder(root) / "pets" / "train-images.npy"
    content = path.read_bytes()
    assert (split.take(np.array([59, 1]))[1] == split.images[1]).all()
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match="cut short"):
        split.take(np.array([59]))
    path.with_name("new").write_bytes(content)
    path.with_name("new").replace(path)
    with pytest.raises(DataError, match="replaced"):
        split.take(np.array([1]))
    path.unlink()
    with pytest.raises(DataError, match="No such file"):
        split.take(np.array([1]))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("train-images.npy", b"", "EOF"),
        ("train-images.npy", b"\x93NUMPY\x01\x00" + b"x" * 200, "header"),
        ("test-labels.npy", None, "No such file"),
    ],
)
def test_a_damaged_file_is_named(root: Path, name: str, content: bytes | None, reason: str) -> None:
    path = processed_folder(root) / "pets" / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: .*(?i:{reason})") as caught:
        load("pets")
    assert "\n" not in str(caught.value)
    assert [file.path.name for file in verify("pets") if file.state != "ok"] == [name]


def test_a_label_beyond_the_classes_is_refused(root: Path) -> None:
    path = processed_folder(root) / "pets" / "test-labels.npy"
    labels = np.load(path)
    labels[3] = -1
    np.save(path, labels)
    with pytest.raises(DataError, match="label 3 is -1, expected 0 to 2"):
        load("pets")


@pytest.mark.parametrize(
    ("key", "value"),
    [("classes", ["a"]), ("train", 10**12), ("image_shape", [1, 8]), ("name", "x")],
)
def test_a_forged_manifest_makes_no_data_set(root: Path, key: str, value: object) -> None:
    path = processed_folder(root) / "pets" / MANIFEST
    content = json.loads(path.read_text())
    content["description"][key] = value
    path.write_text(json.dumps(content))
    assert "pets" not in names()
    assert locate("pets") is None
    with pytest.raises(DataError, match=r"manifest\.json: "):
        load("pets")
    with pytest.raises(ConfigProblems, match=r":2:10: dataset: .*manifest\.json: "):
        loads(TEXT)


def test_a_run_knows_its_set_wherever_it_is_resumed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(loads(TEXT)).path.resolve()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    config = config_of(run)
    assert describe(config.dataset_info) == describe(find("pets", root) or config.dataset_info)
    assert load_dataset(config).classes == CLASSES
    make_again = processed_folder(root) / "pets"
    make_again.rename(make_again.with_name("gone"))
    config = config_of(run)  # the network is known, though the data is not there
    with pytest.raises(DataError, match=r"pets: not found in .*; import it again"):
        load_dataset(config)
    make_set(root, classes=("a", "b"))
    with pytest.raises(DataError, match="imported again with other classes"):
        load_dataset(config_of(run))


@pytest.mark.parametrize("name", ["../../pipe", "x\0.npy", "x\n.npy"])
def test_a_manifest_names_no_files_elsewhere(root: Path, name: str) -> None:
    path = processed_folder(root) / "pets" / MANIFEST
    content = json.loads(path.read_text())
    content["files"] = {name: {"bytes": 0, "sha256": 64 * "0"}}
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"manifest\.json: files") as caught:
        read_manifest(path.parent)
    assert str(caught.value).isprintable()
    assert "pets" not in names()


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(root: Path) -> None:
    path = processed_folder(root) / "pets" / "train-images.npy"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DataError, match=r"train-images\.npy: not a regular file"):
        load("pets")


def test_a_spread_that_is_none_is_refused(root: Path) -> None:
    path = processed_folder(root) / "pets" / MANIFEST
    content = json.loads(path.read_text())
    content["description"]["std"] = [1e-320]
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"manifest\.json: description\.std"):
        read_manifest(path.parent)
