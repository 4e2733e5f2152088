"""IDX files of sets that are not built in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ConfigError, DataError
from engine.importing.formats.idx_files import open_idx_files
from engine.importing.source import NOBODY, ImportOptions, Source
from tests.support.data_files import gzipped, idx_bytes
from tests.support.sources import read

RNG = np.random.default_rng(6)
TRAIN = RNG.integers(0, 256, (8, 5, 4), dtype=np.uint8)
TEST = RNG.integers(0, 256, (4, 5, 4), dtype=np.uint8)
LABELS, TEST_LABELS = np.array([0, 1, 2, 0, 1, 2, 2, 0]), np.array([2, 1, 0, 0])
ARRAYS = {
    ("train", "images"): TRAIN,
    ("train", "labels"): LABELS,
    ("test", "images"): TEST,
    ("test", "labels"): TEST_LABELS,
}


def opened(path: Path, **options: Any) -> Source:
    source = open_idx_files(path, ImportOptions("set", **options), NOBODY)
    assert source is not None
    return source


def name_of(part: str, kind: str, form: str) -> str:
    return form.format(part=part, kind=kind, axes=3 if kind == "images" else 1)


PLAIN = "{part}-{kind}-idx{axes}-ubyte"


def write(folder: Path, form: str = PLAIN, add: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    for (part, kind), array in ARRAYS.items():
        content = idx_bytes(array + add if kind == "labels" else array)
        packed = gzipped(content) if form.endswith(".gz") else content
        (folder / name_of(part, kind, form)).write_bytes(packed)
    return folder


FORMS = [
    PLAIN,
    f"{PLAIN}.gz",
    "kmnist-{part}-{kind}-idx{axes}-ubyte.gz",
    "{part}-{kind}.idx{axes}-ubyte",
]


@pytest.mark.parametrize("form", FORMS)
def test_a_folder_is_read(form: str, tmp_path: Path) -> None:
    source = opened(write(tmp_path, form))
    assert source.kind == "IDX files"
    assert source.classes == ("0", "1", "2")
    for part, images, labels in (("train", TRAIN, LABELS), ("test", TEST, TEST_LABELS)):
        np.testing.assert_array_equal(read(source, part)[0][:, 0], images)
        assert read(source, part)[1].tolist() == labels.tolist()


def test_mnists_name_of_the_test_part_is_known(tmp_path: Path) -> None:
    for path in write(tmp_path).glob("test-*"):
        path.rename(path.with_name(path.name.replace("test", "t10k")))
    assert list(opened(tmp_path).parts) == ["train", "test"]


def test_emnist_is_transposed_and_named_by_its_mapping(tmp_path: Path) -> None:
    folder = write(tmp_path, f"emnist-letters-{PLAIN}.gz", add=1)
    (folder / "emnist-letters-mapping.txt").write_text("1 65 97\n2 66 98\n3 67 99\n4 68 100\n")
    source = opened(folder)
    assert source.classes == ("A", "B", "C")
    assert source.image_shape == (1, 4, 5)
    images, labels = read(source)
    np.testing.assert_array_equal(images[:, 0], TRAIN.transpose(0, 2, 1))
    assert labels.tolist() == LABELS.tolist()
    assert source.facts == {"transposed": "rows and columns were exchanged"}


@pytest.mark.parametrize(
    "text", ["1 65\n2 66\n", "1 65\n2\n3 67\n", "nothing", "1 65\n2 -5\n3 67", "é"]
)
def test_a_mapping_that_does_not_fit_is_left_aside(text: str, tmp_path: Path) -> None:
    folder = write(tmp_path, f"emnist-letters-{PLAIN}.gz", add=1)
    (folder / "emnist-letters-mapping.txt").write_text(text)
    assert opened(folder).classes == ("1", "2", "3")


def test_several_sets_in_a_folder_are_told_apart_by_a_file(tmp_path: Path) -> None:
    write(tmp_path, f"emnist-letters-{PLAIN}.gz")
    write(tmp_path, f"emnist-digits-{PLAIN}.gz", add=5)
    with pytest.raises(
        ConfigError, match="several sets: emnist-digits, emnist-letters; name a file"
    ):
        opened(tmp_path)
    file = tmp_path / name_of("test", "labels", f"emnist-digits-{PLAIN}.gz")
    assert opened(file).classes == ("5", "6", "7")


def test_images_without_a_part_are_to_be_split(tmp_path: Path) -> None:
    (tmp_path / "images-idx3-ubyte").write_bytes(idx_bytes(TRAIN))
    (tmp_path / "labels-idx1-ubyte").write_bytes(idx_bytes(LABELS))
    source = opened(tmp_path, classes=("a", "b", "c"), channels=3)
    assert list(source.parts) == ["train"]
    assert source.classes == ("a", "b", "c")
    assert source.image_shape == (3, 5, 4)


IMAGES, TRAIN_LABELS = (name_of("train", kind, PLAIN) for kind in ("images", "labels"))
FAULTS: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "empty": (IMAGES, lambda b: b"", "its magic number is , expected 0000080N"),
    "cut header": (IMAGES, lambda b: b[:9], "cut short in its header"),
    "floats": (IMAGES, lambda b: b[:2] + b"\x0d" + b[3:], "its magic number is 00000d03"),
    "no axes": (IMAGES, lambda b: b[:3] + b"\0" + b[4:], "its magic number is 00000800"),
    "two axes": (IMAGES, lambda b: b[:3] + b"\2" + b[4:], r"its header says \(8, 5\), expected"),
    "no images": (IMAGES, lambda b: b[:4] + bytes(4) + b[8:], "its header says 0×5×4 values"),
    "too wide": (IMAGES, lambda b: b[:8] + bytes([0, 0, 5, 0]) + b[12:], r"\(8, 1280, 4\)"),
    "cut": (IMAGES, lambda b: b[:-1], "it is cut short"),
    "longer": (IMAGES, lambda b: b + b"\0", "after its end"),
    "damaged": (IMAGES, lambda b: gzipped(b)[:-5] + bytes(5), "incorrect"),
    "more labels": (
        TRAIN_LABELS,
        lambda b: b[:7] + b"\x09" + b[8:] + b"\0",
        r"\(9,\), expected \(8,",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_file_is_refused_in_a_line_that_names_it(fault: str, tmp_path: Path) -> None:
    name, change, message = FAULTS[fault]
    path = write(tmp_path) / name
    path.write_bytes(change(path.read_bytes()))
    for test in tmp_path.glob("test-*"):
        test.unlink()
    with pytest.raises(DataError, match=message) as caught:
        opened(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


def test_files_that_are_missing_are_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / TRAIN_LABELS).unlink()
    with pytest.raises(DataError, match=f"{IMAGES}: there is no file of train labels beside it"):
        opened(tmp_path)
    (tmp_path / IMAGES).unlink()
    with pytest.raises(DataError, match="there are no training images beside it"):
        opened(tmp_path)


def test_parts_of_different_sizes_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / name_of("test", "images", PLAIN)).write_bytes(idx_bytes(TEST[:, :4]))
    with pytest.raises(DataError, match="images of 4x4, but those to train on are 5x4"):
        opened(tmp_path)


def test_other_files_and_folders_are_left_to_others(tmp_path: Path) -> None:
    assert open_idx_files(tmp_path, ImportOptions("set"), NOBODY) is None
    (tmp_path / "t.csv").write_text("label")
    assert open_idx_files(tmp_path / "t.csv", ImportOptions("set"), NOBODY) is None
