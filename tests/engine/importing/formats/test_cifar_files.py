"""CIFAR's binary files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ConfigError, DataError
from engine.importing.formats.cifar_files import open_cifar
from engine.importing.source import NOBODY, ImportOptions, Source
from tests.support.data_files import gzipped, member, raw_tar, tar_bytes
from tests.support.sources import read

RNG = np.random.default_rng(12)
COARSE, FINE = ["fruit", "people"], ["apple", "baby", "boy"]


def records(count: int, labels: int) -> np.ndarray:
    values = RNG.integers(0, 256, (count, labels + 3072), dtype=np.uint8)
    values[:, 0] = np.arange(count) % 2
    values[:, labels - 1] = np.arange(count) % (3 if labels == 2 else 2)
    return values


HUNDRED = {"train.bin": records(12, 2), "test.bin": records(6, 2)}
TEN = {
    "data_batch_2.bin": records(4, 1),
    "data_batch_1.bin": records(5, 1),
    "test_batch.bin": records(6, 1),
}
NAMES = {
    "coarse_label_names.txt": "\n".join(COARSE).encode() + b"\n",
    "fine_label_names.txt": "\r\n".join(FINE).encode(),
}


def opened(path: Path, **options: Any) -> Source:
    source = open_cifar(path, ImportOptions("set", **options), NOBODY)
    assert source is not None
    return source


def contents(files: dict[str, np.ndarray], **names: bytes) -> dict[str, bytes]:
    return {name: values.tobytes() for name, values in files.items()} | names


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def assert_is(source: Source, part: str, values: np.ndarray, labels: int, column: int) -> None:
    images, found = read(source, part)
    np.testing.assert_array_equal(images.reshape(len(images), -1), values[:, labels:])
    assert found.tolist() == values[:, column].tolist()


@pytest.mark.parametrize("where", ["folder", "folder in a folder", "archive"])
@pytest.mark.parametrize(("label", "classes"), [("fine", FINE), (None, FINE), ("coarse", COARSE)])
def test_cifar100_is_read_with_either_label(
    where: str, label: str | None, classes: list[str], tmp_path: Path
) -> None:
    files = contents(HUNDRED, **NAMES)
    path = tmp_path / "cifar-100-binary.tar.gz"
    if where == "archive":
        path.write_bytes(tar_bytes(files, "cifar-100-binary/"))
    else:
        path = tmp_path if where == "folder" else tmp_path / "cifar-100-binary"
        write(path, files)
        path = tmp_path
    source = opened(path, label=label)
    assert source.kind == "CIFAR-100's binary files"
    assert source.classes == tuple(classes)
    for part in ("train", "test"):
        assert_is(source, part, HUNDRED[f"{part}.bin"], 2, 0 if label == "coarse" else 1)


@pytest.mark.parametrize("packed", [True, False])
def test_cifar10_is_read_in_the_order_of_its_batches(packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "x.tgz"
    if packed:
        path.write_bytes(tar_bytes(contents(TEN)))
    else:
        path = write(tmp_path / "x", contents(TEN))
    source = opened(path)
    train = np.concatenate([TEN["data_batch_1.bin"], TEN["data_batch_2.bin"]])
    assert_is(source, "train", train, 1, 0)
    assert_is(source, "test", TEN["test_batch.bin"], 1, 0)
    assert source.classes == ("0", "1")


def test_names_given_come_before_those_in_the_folder(tmp_path: Path) -> None:
    write(tmp_path, contents(HUNDRED, **NAMES))
    assert opened(tmp_path, classes=("a", "b", "c"), channels=1).classes == ("a", "b", "c")


def test_names_that_do_not_suffice_are_left_aside(tmp_path: Path) -> None:
    write(tmp_path, contents(HUNDRED, **{"fine_label_names.txt": b"apple\nbaby\n"}))
    assert opened(tmp_path).classes == ("0", "1", "2")


FAULTS = {
    "a byte less": ({"train.bin": HUNDRED["train.bin"].tobytes()[:-1]}, "a multiple of 3,074"),
    "empty": ({"test.bin": b""}, "its test.bin has 0 bytes, expected a multiple of 3,074"),
}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_file_is_refused(fault: str, packed: bool, tmp_path: Path) -> None:
    changes, message = FAULTS[fault]
    files = contents(HUNDRED) | changes
    path = tmp_path / "a.tar.gz"
    if packed:
        path.write_bytes(tar_bytes(files, "cifar-100-binary/"))
    else:
        path = write(tmp_path / "a", files)
    with pytest.raises(DataError, match=message) as caught:
        opened(path)
    assert str(caught.value).startswith(f"{path}: ")


ARCHIVES = {
    "no test file": (tar_bytes({"train.bin": b"x"}, "cifar-100-binary/"), "it has no test.bin"),
    "cut": (tar_bytes(contents(HUNDRED), "cifar-100-binary/")[:-3000], "cut short"),
    "a link": (
        raw_tar(
            [
                (member("cifar-100-binary/", kind=b"5"), b""),
                (member("cifar-100-binary/train.bin", kind=b"2"), b""),
            ]
        ),
        "its train.bin is not a regular file",
    ),
    "too large": (
        raw_tar(
            [
                (member("cifar-100-binary/", kind=b"5"), b""),
                (member("cifar-100-binary/train.bin", 3 << 30), b""),
            ]
        ),
        "its train.bin has 3,221,225,472 bytes",
    ),
}


@pytest.mark.parametrize("fault", ARCHIVES)
def test_a_bad_archive_is_refused(fault: str, tmp_path: Path) -> None:
    content, message = ARCHIVES[fault]
    path = tmp_path / "a.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        opened(path)
    assert "\n" not in str(caught.value)


def test_a_label_that_there_is_not_is_refused(tmp_path: Path) -> None:
    write(tmp_path, contents(HUNDRED))
    with pytest.raises(ConfigError, match="--label medium: CIFAR-100 has coarse and fine"):
        opened(tmp_path, label="medium")


def test_other_files_and_folders_are_left_to_others(tmp_path: Path) -> None:
    options = ImportOptions("set")
    write(tmp_path, {"train.bin": b"x"})
    assert open_cifar(tmp_path, options, NOBODY) is None
    for content in (b"", b"text", gzipped(b"x" * 600), tar_bytes({"cat/1.png": b"x"}, "photos/")):
        (tmp_path / "a.tar.gz").write_bytes(content)
        assert open_cifar(tmp_path / "a.tar.gz", options, NOBODY) is None
