"""Reading CIFAR-10's binary version, from a folder and from the publisher's archive."""

import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.data import load, locate, verify
from engine.errors import DataError
from tests.support.data_files import CIFAR_NAMES, gzipped, member, raw_tar, tar_bytes

ARCHIVE = "cifar-10-binary.tar.gz"


def write_folder(root: Path, contents: dict[str, bytes]) -> Path:
    folder = root / "cifar-10-batches-bin"
    folder.mkdir()
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return folder


def assert_same(root: Path, contents: dict[str, bytes]) -> None:
    dataset = load("cifar10", root)
    assert dataset.image_shape == (3, 32, 32)
    for split, names in ((dataset.train, CIFAR_NAMES[:5]), (dataset.test, CIFAR_NAMES[5:])):
        data = b"".join(contents[name] for name in names)
        records = [data[i : i + 3073] for i in range(0, len(data), 3073)]
        assert split.labels.tolist() == [record[0] for record in records]
        assert split.labels.dtype == np.int64
        assert split.images.dtype == np.uint8
        assert split.images.flags.c_contiguous
        for image, record in zip(split.images, records, strict=True):
            # Planes: red, then green, then blue, each row by row.
            assert image[0, 0, 1] == record[1 + 1]
            assert image[1, 2, 0] == record[1 + 1024 + 64]
            assert image[2, 31, 31] == record[3072]


def test_reads_a_folder(tmp_path: Path, cifar_contents: dict[str, bytes]) -> None:
    folder = write_folder(tmp_path, cifar_contents)
    assert locate("cifar10", tmp_path) == folder
    assert_same(tmp_path, cifar_contents)


def test_reads_the_archive_in_place(tmp_path: Path, cifar_contents: dict[str, bytes]) -> None:
    (tmp_path / ARCHIVE).write_bytes(tar_bytes(cifar_contents))
    assert locate("cifar10", tmp_path) == tmp_path / ARCHIVE
    assert_same(tmp_path, cifar_contents)
    assert [path.name for path in tmp_path.iterdir()] == [ARCHIVE]


def test_reads_an_archive_of_the_standard_library(
    tmp_path: Path, cifar_contents: dict[str, bytes]
) -> None:
    folder = write_folder(tmp_path, cifar_contents)
    with tarfile.open(tmp_path / ARCHIVE, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.add(folder, "cifar-10-batches-bin")
    for path in folder.iterdir():
        path.unlink()
    assert_same(tmp_path, cifar_contents)


def test_the_archive_comes_before_the_folder(
    tmp_path: Path, cifar_contents: dict[str, bytes]
) -> None:
    (write_folder(tmp_path, cifar_contents) / "data_batch_3.bin").write_bytes(b"damaged")
    (tmp_path / ARCHIVE).write_bytes(tar_bytes(cifar_contents))
    assert_same(tmp_path, cifar_contents)


def test_an_incomplete_folder_names_what_is_missing(
    tmp_path: Path, cifar_contents: dict[str, bytes]
) -> None:
    folder = write_folder(tmp_path, cifar_contents)
    (folder / "data_batch_3.bin").unlink()
    assert locate("cifar10", tmp_path) is None
    with pytest.raises(DataError, match=r"^cifar10: data_batch_3\.bin not found; run "):
        load("cifar10", tmp_path)


FILE_FAULTS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda b: b"", "cut short: 0 of 18,438 bytes"),
    "one byte short": (lambda b: b[:-1], "cut short: 18,437 of 18,438 bytes"),
    "one byte more": (lambda b: b + b"\0", "bytes after its end"),
    "a record more": (lambda b: b + b[:3073], "bytes after its end"),
    "label 10": (lambda b: b[:3073] + b"\x0a" + b[3074:], "label 1 is 10, expected 0 to 9"),
    "label 255": (lambda b: b"\xff" + b[1:], "label 0 is 255, expected 0 to 9"),
}


@pytest.mark.parametrize("fault", FILE_FAULTS)
def test_a_bad_file_is_refused_and_found_by_verify(
    tmp_path: Path, cifar_contents: dict[str, bytes], fault: str
) -> None:
    change, reason = FILE_FAULTS[fault]
    folder = write_folder(tmp_path, cifar_contents)
    path = folder / "data_batch_2.bin"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=reason) as caught:
        load("cifar10", tmp_path)
    assert str(caught.value).startswith(f"{path}: ")
    bad = [file for file in verify("cifar10", tmp_path) if file.state != "ok"]
    assert [(file.path, file.state) for file in bad] == [(path, "corrupt")]
    assert str(caught.value).startswith(f"{path}: {bad[0].reason}; ")
    assert "run 'cnn-tui data fetch cifar10 --root " in str(caught.value)


Members = list[tuple[tarfile.TarInfo, bytes]]


def publisher(contents: dict[str, bytes]) -> Members:
    return [(member(f"cifar-10-batches-bin/{n}", len(d)), d) for n, d in contents.items()]


def replaced(contents: dict[str, bytes], info: tarfile.TarInfo, data: bytes = b"") -> Members:
    """The publisher's members with another in place of data_batch_1.bin."""
    return [(info, data), *publisher(contents)[1:]]


HOSTILE: dict[str, tuple[Callable[[dict[str, bytes]], Members], str]] = {
    "symbolic link": (
        lambda c: replaced(c, member("x/data_batch_1.bin", kind=tarfile.SYMTYPE)),
        "its data_batch_1.bin is not a regular file",
    ),
    "hard link": (
        lambda c: replaced(c, member("x/data_batch_1.bin", kind=tarfile.LNKTYPE)),
        "its data_batch_1.bin is not a regular file",
    ),
    "device": (
        lambda c: replaced(c, member("x/data_batch_1.bin", kind=tarfile.CHRTYPE)),
        "its data_batch_1.bin is not a regular file",
    ),
    "wrong size": (
        lambda c: replaced(c, member("x/data_batch_1.bin", 3073), bytes(3073)),
        "its data_batch_1.bin has 3,073 bytes, expected 18,438",
    ),
    "label out of range": (
        lambda c: replaced(c, member("x/data_batch_1.bin", 18438), b"\x0a" * 18438),
        "its data_batch_1.bin: label 0 is 10",
    ),
    "twice": (
        lambda c: [*publisher(c), publisher(c)[0]],
        "it has data_batch_1.bin twice",
    ),
    "missing": (lambda c: publisher(c)[1:], "it has no data_batch_1.bin"),
    "nothing at all": (lambda c: [], "it has no data_batch_1.bin, data_batch_2.bin"),
    "size beyond the end": (
        lambda c: [(member("notes", 1 << 70), b""), *publisher(c)],
        "cut short",
    ),
    "negative size": (
        lambda c: [(member("notes", -512), b""), *publisher(c)],
        "negative size",
    ),
    "bomb": (
        lambda c: [(member("notes", 30_000_000), bytes(30_000_000)), *publisher(c)],
        "decompresses to more than it should",
    ),
    "bomb at the end": (
        lambda c: [*publisher(c), (member("notes", 30_000_000), bytes(30_000_000))],
        "decompresses to more than it should",
    ),
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_a_hostile_archive_is_refused(
    tmp_path: Path, cifar_contents: dict[str, bytes], attack: str
) -> None:
    make, reason = HOSTILE[attack]
    (tmp_path / ARCHIVE).write_bytes(raw_tar(make(cifar_contents)))
    with pytest.raises(DataError, match=reason) as caught:
        load("cifar10", tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / ARCHIVE}: ")
    assert "\n" not in str(caught.value)
    assert "; run 'cnn-tui data fetch " in str(caught.value)


def test_a_path_out_of_the_folder_leads_nowhere(
    tmp_path: Path, cifar_contents: dict[str, bytes]
) -> None:
    root = tmp_path / "a" / "b"
    root.mkdir(parents=True)
    evil = member("../../evil", 4), b"evil"
    climbing = member("../../data_batch_1.bin", 18438), cifar_contents["data_batch_1.bin"]
    (root / ARCHIVE).write_bytes(raw_tar([evil, climbing, *publisher(cifar_contents)[1:]]))
    assert_same(root, cifar_contents)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", ARCHIVE]


ARCHIVE_FAULTS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "not an archive": (lambda b: b"<html>not found</html>" * 100, "not a tar archive"),
    "half": (lambda b: b[: len(b) // 2], "cut short"),
    "no checksum": (lambda b: b[:-8], "cut short"),
    "wrong checksum": (lambda b: b[:-8] + bytes([b[-8] ^ 1]) + b[-7:], "incorrect data check"),
    "bytes after it": (lambda b: b + b"x", "bytes after its gzip stream"),
    "damaged": (lambda b: b[:9000] + bytes(50) + b[9050:], "Error -3|not a tar archive"),
    "packed twice": (gzipped, "not a tar archive"),
}


@pytest.mark.parametrize("fault", ARCHIVE_FAULTS)
def test_a_damaged_archive_is_refused_and_found_by_verify(
    tmp_path: Path, cifar_contents: dict[str, bytes], fault: str
) -> None:
    change, reason = ARCHIVE_FAULTS[fault]
    (tmp_path / ARCHIVE).write_bytes(change(tar_bytes(cifar_contents)))
    with pytest.raises(DataError, match=f"{reason}.*; run 'cnn-tui data fetch cifar10"):
        load("cifar10", tmp_path)
    (status,) = verify("cifar10", tmp_path)
    assert status.state == "corrupt"
    assert status.reason.startswith("it has SHA-256 ")


def test_verify_the_archive_and_nothing(tmp_path: Path, cifar_contents: dict[str, bytes]) -> None:
    assert [file.state for file in verify("cifar10", tmp_path)] == ["missing"]
    (tmp_path / ARCHIVE).write_bytes(tar_bytes(cifar_contents))
    assert [file.state for file in verify("cifar10", tmp_path)] == ["ok"]
    write_folder(tmp_path, cifar_contents)
    assert [file.state for file in verify("cifar10", tmp_path)] == ["ok"] * 7


@pytest.mark.parametrize("fault", ARCHIVE_FAULTS)
def test_a_broken_archive_does_not_hide_a_good_folder(
    tmp_path: Path, cifar_contents: dict[str, bytes], fault: str
) -> None:
    change, _ = ARCHIVE_FAULTS[fault]
    (tmp_path / ARCHIVE).write_bytes(change(tar_bytes(cifar_contents)))
    folder = write_folder(tmp_path, cifar_contents)
    assert_same(tmp_path, cifar_contents)
    (told,) = load("cifar10", tmp_path).passed_over
    assert told.startswith(f"{tmp_path / ARCHIVE}: ")
    assert told.endswith(f"; {folder} was read instead")


def test_the_files_may_lie_in_the_root(tmp_path: Path, cifar_contents: dict[str, bytes]) -> None:
    for name, data in cifar_contents.items():
        (tmp_path / name).write_bytes(data)
    assert locate("cifar10", tmp_path) == tmp_path
    assert_same(tmp_path, cifar_contents)
    assert [file.state for file in verify("cifar10", tmp_path)] == ["ok"] * 6
