"""NumPy archives: names and layouts that there are, and everything wrong with one."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ConfigError, DataError
from engine.importing.formats.arrays import open_arrays
from engine.importing.source import NOBODY, ImportOptions, Source
from tests.support.sources import read

RNG = np.random.default_rng(5)
GREY = RNG.integers(0, 256, (9, 6, 5), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (9, 6, 5, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 2, 1, 0, 0, 1, 2])
FIRST = np.arange(9) == 4


def opened(path: Path, **options: Any) -> Source:
    source = open_arrays(path, ImportOptions("set", **options), NOBODY)
    assert source is not None
    return source


def saved(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "set.npz"


NAMES = {
    "Keras": ("x_train", "y_train", "x_test", "y_test"),
    "capital": ("X_train", "y_train", "X_test", "y_test"),
    "MedMNIST": ("train_images", "train_labels", "test_images", "test_labels"),
    "images": ("images_train", "labels_train", "images_test", "labels_test"),
    "together": ("trainX", "trainY", "testX", "testY"),
}


@pytest.mark.parametrize("names", NAMES)
def test_the_parts_are_found_by_their_names(names: str, path: Path) -> None:
    arrays = (GREY, LABELS, GREY[::-1], LABELS[::-1])
    source = opened(saved(path, **dict(zip(NAMES[names], arrays, strict=True)), more=np.ones(3)))
    assert source.kind == "NumPy arrays"
    assert source.classes == ("0", "1", "2")
    assert list(source.parts) == ["train", "test"]
    np.testing.assert_array_equal(read(source)[0][:, 0], GREY)
    np.testing.assert_array_equal(read(source, "test")[0][:, 0], GREY[::-1])
    assert read(source)[1].tolist() == LABELS.tolist()
    assert read(source, "test")[1].tolist() == LABELS[::-1].tolist()


@pytest.mark.parametrize(
    "names", [("x", "y"), ("X", "y"), ("images", "labels"), ("data", "target")]
)
def test_images_without_parts_are_to_be_split(names: tuple[str, str], path: Path) -> None:
    source = opened(saved(path, **{names[0]: GREY, names[1]: LABELS}))
    assert list(source.parts) == ["train"]


def test_images_for_validation_train_as_well(path: Path) -> None:
    arrays = {
        f"{part}_{kind}": values[rows]
        for part, rows in (("train", slice(0, 4)), ("val", slice(4, 6)), ("test", slice(6, 9)))
        for kind, values in (("images", GREY), ("labels", LABELS[:, None]))
    }
    source = opened(saved(path, **arrays))
    np.testing.assert_array_equal(read(source)[0][:, 0], GREY[:6])
    np.testing.assert_array_equal(read(source, "test")[0][:, 0], GREY[6:])
    assert source.facts["validation"] == "2 images for validation train as well"


LAYOUTS = {
    "N, H, W": (GREY, GREY[:, None]),
    "N, H, W, 1": (GREY[..., None], GREY[:, None]),
    "N, 1, H, W": (GREY[:, None], GREY[:, None]),
    "N, H, W, 3": (COLOUR, COLOUR.transpose(0, 3, 1, 2)),
    "N, 3, H, W": (COLOUR.transpose(0, 3, 1, 2), COLOUR.transpose(0, 3, 1, 2)),
    "columns first": (np.asfortranarray(COLOUR), COLOUR.transpose(0, 3, 1, 2)),
    "rows of pixels": (GREY[:, :5].reshape(9, 25), GREY[:, None, :5]),
}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_becomes_the_same(layout: str, packed: bool, path: Path) -> None:
    given, expected = LAYOUTS[layout]
    (np.savez_compressed if packed else np.savez)(path, x=given, y=LABELS)
    source = opened(path)
    np.testing.assert_array_equal(read(source)[0], expected)
    assert source.image_shape == expected.shape[1:]


TYPES = {
    "float32 from 0 to 1": (lambda x: (x / np.float32(255)).astype(np.float32), "0 to 1, multi"),
    "float64 from 0 to 255": (lambda x: x.astype(np.float64), "0 to 255"),
    "float16 from 0 to 255": (lambda x: x.astype(np.float16), "0 to 255"),
    "big-endian": (lambda x: x.astype(">i4"), "0 to 255"),
    "int64": (lambda x: x.astype(np.int64), "0 to 255"),
}


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_of_number_gives_the_same_pixels(kind: str, path: Path) -> None:
    convert, fact = TYPES[kind]
    source = opened(saved(path, x=convert(GREY), y=LABELS))
    np.testing.assert_array_equal(read(source)[0][:, 0], GREY)
    assert source.facts["pixels"].startswith(fact)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.float32])
def test_pixels_of_0_and_1_alone_are_black_and_white(kind: type, path: Path) -> None:
    source = opened(saved(path, x=(GREY > 100).astype(kind), y=LABELS))
    np.testing.assert_array_equal(read(source)[0][:, 0], (GREY > 100) * 255)


def test_a_dark_test_part_is_scaled_as_the_other(path: Path) -> None:
    x = GREY.astype(np.float32)
    arrays = {"x_test": np.ones((9, 6, 5), np.float32), "y_test": LABELS}
    source = opened(saved(path, x_train=x, y_train=LABELS, **arrays))
    assert (read(source, "test")[0] == 1).all()


LABEL_FORMS = {
    "a column": LABELS[:, None],
    "one-hot": np.eye(3)[LABELS],
    "one-hot booleans": np.eye(3, dtype=bool)[LABELS],
    "floats that are whole": LABELS.astype(np.float32),
    "bytes": LABELS.astype(np.uint8),
    "text": LABELS.astype(str),
}


@pytest.mark.parametrize("form", LABEL_FORMS)
def test_every_form_of_labels_gives_the_same(form: str, path: Path) -> None:
    source = opened(saved(path, x=GREY, y=LABEL_FORMS[form]))
    assert source.classes == ("0", "1", "2")
    assert read(source)[1].tolist() == LABELS.tolist()


def test_names_of_classes_may_be_the_labels_or_be_given(path: Path) -> None:
    names = np.array(["owl", "cat 10", "cat 9"])[LABELS]
    source = opened(saved(path, x=GREY, y=names))
    assert source.classes == ("cat 9", "cat 10", "owl")
    assert read(source)[1].tolist() == [[2, 1, 0][label] for label in LABELS]
    assert opened(saved(path, x=GREY, y=LABELS), classes=("a", "b", "c")).classes == ("a", "b", "c")


def test_a_class_may_be_missing_in_the_test_part(path: Path) -> None:
    arrays = {"x_test": GREY[:2], "y_test": np.array([2, 2])}
    source = opened(saved(path, x_train=GREY, y_train=LABELS, **arrays))
    assert read(source, "test")[1].tolist() == [2, 2]


def test_size_and_channels_are_brought_about(path: Path) -> None:
    saved(path, x=COLOUR, y=LABELS)
    source = opened(path, size=(12, 10), channels=1)
    assert source.image_shape == (1, 12, 10)
    images, _ = read(source)
    grey = COLOUR @ [0.299, 0.587, 0.114]
    assert abs(images[:, 0].mean() - grey.mean()) < 3
    images, _ = read(opened(saved(path, x=GREY, y=LABELS), channels=3))
    np.testing.assert_array_equal(images, np.repeat(GREY[:, None], 3, axis=1))


def test_blocks_are_read_whatever_their_size(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.importing.formats.arrays.BLOCK_BYTES", 70)
    source = opened(saved(path, x=GREY.astype(np.float32) / 255, y=LABELS))
    np.testing.assert_array_equal(read(source)[0][:, 0], GREY)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "expected arrays x and y, or x_train, .*; it holds no arrays"),
    "other names": ({"a": GREY, "b": LABELS}, "expected arrays x and y, .*; there are a, b"),
    "no labels": ({"x": GREY}, "set.npz: x: there are no labels beside it"),
    "no labels of a part": (
        {"x_train": GREY, "y_train": LABELS, "x_test": GREY},
        "set.npz: x_test: there are no labels",
    ),
    "a test part alone": ({"x_test": GREY, "y_test": LABELS}, "expected arrays x and y"),
    "labels fewer": ({"x": GREY, "y": LABELS[:-1]}, r"\(9, 6, 5\) and its labels \(8,\)"),
    "no images": ({"x": GREY[:0], "y": LABELS[:0]}, "x: 0 images"),
    "a number": ({"x": np.array(3), "y": np.array(3)}, r"it has the shape \(\) and its labels"),
    "transparent": ({"x": np.zeros((9, 4, 4, 4)), "y": LABELS}, r"images of shape \(9, 4, 4, 4\)"),
    "volumes": ({"x": np.zeros((9, 4, 4, 4, 3)), "y": LABELS}, "images of shape"),
    "another shape to test": (
        {"x_train": GREY, "y_train": LABELS, "x_test": COLOUR, "y_test": LABELS},
        r"x_test: images of shape \(3, 6, 5\) \(NHWC\), but those to train on have \(1, 6, 5\)",
    ),
    "too large": ({"x": np.zeros((2, 1, 1025)), "y": LABELS[:2]}, "images of 1x1025, more than"),
    "not square": ({"x": np.zeros((9, 7)), "y": LABELS}, "7 columns of pixels, which make no"),
    "normalised": ({"x": GREY / 127.5 - 1, "y": LABELS}, "from -1 to 1, expected 0 to 255, or"),
    "16 bits": ({"x": GREY.astype(np.int16) * 9, "y": LABELS}, "pixels of type int16 from"),
    "not finite": ({"x": np.full((9, 2, 2), np.nan), "y": LABELS}, "pixels that are not finite"),
    "complex": ({"x": GREY * 1j, "y": LABELS}, "images of type complex128, expected uint8"),
    "objects": ({"x": GREY, "y": np.array([*"abcabcab", None])}, "Python objects, which"),
    "label 0.5": ({"x": GREY, "y": LABELS + FIRST * 0.5}, r"y\[4\]: the label is 1.5, expected"),
    "label nan": ({"x": GREY, "y": np.where(FIRST, np.nan, 1)}, r"y\[4\]: the label is nan"),
    "label -1": ({"x": GREY, "y": LABELS - 2 * FIRST}, r"y\[4\]: the label is -1, expected 0 or m"),
    "label -1 to test": (
        {"x_train": GREY, "y_train": LABELS, "x_test": GREY, "y_test": LABELS - 2 * FIRST},
        r"y_test\[4\]: the label is -1",
    ),
    "several classes": ({"x": GREY, "y": np.ones((9, 3))}, r"y\[0\]: its row has no single 1"),
    "labels of dates": ({"x": GREY, "y": LABELS.astype("M8[D]")}, r"labels of type datetime64"),
    "cubes of labels": ({"x": GREY, "y": np.ones((9, 2, 2))}, r"labels of shape \(9, 2, 2\)"),
    "an empty name": ({"x": GREY, "y": np.where(FIRST, "", "a")}, r"y\[4\]: the label is missing"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_bad_arrays_are_refused_in_a_line(fault: str, path: Path) -> None:
    arrays, message = BAD[fault]
    np.savez_compressed(path, allow_pickle=True, **arrays)
    with pytest.raises(DataError, match=message) as caught:
        opened(path)
    assert "\n" not in str(caught.value)


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in members.items():
            out.writestr(f"{name}.npy", content)
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def whole() -> bytes:
    return archive(x=npy(GREY), y=npy(LABELS))


BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "not an intact zip archive"),
    "a page": (lambda: b"<html>" * 100, "not an intact zip archive"),
    "cut": (lambda: whole()[:-200], "not an intact zip archive"),
    "damaged": (lambda: whole()[:250] + bytes(20) + whole()[270:], "Error -3|not an intact"),
    "no array": (lambda: archive(x=b"hello", y=npy(LABELS)), "x.npy is no array"),
    "short": (lambda: archive(x=npy(GREY)[:-1], y=npy(LABELS)), "it has 397 bytes, expected 398"),
    "long": (lambda: archive(x=npy(GREY) + b"1", y=npy(LABELS)), "it has 399 bytes, expected 398"),
    "a negative size": (
        lambda: archive(x=npy(GREY), y=npy(LABELS[:, None, None]).replace(b"1, 1)", b"-1,-1)")),
        r"y\.npy is no array: it has the shape \(9, -1, -1\)",
    ),
    "a lie": (
        lambda: archive(x=npy(GREY).replace(b"(9, 6, 5)", b"(9,6,1<<)"), y=npy(LABELS)),
        "x.npy is no array",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_file_is_refused_in_a_line(fault: str, path: Path) -> None:
    make, message = BROKEN[fault]
    path.write_bytes(make())
    with pytest.raises(DataError, match=message) as caught:
        opened(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_bomb_is_refused_before_it_unpacks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.data.npz._BOMB_BYTES", 100_000)
    saved(path, x=np.zeros((9, 500, 500), np.uint8), y=LABELS)
    with pytest.raises(DataError, match=r"x\.npy is no array: .* bytes that unpack to 2,250,128"):
        opened(path)


def test_a_npy_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", GREY)
    with pytest.raises(DataError, match=r"images without labels; put both into one .*numpy\.savez"):
        opened(tmp_path / "x.npy")


def test_names_that_do_not_fit_are_refused(path: Path) -> None:
    saved(path, x=GREY, y=np.eye(3)[LABELS])
    with pytest.raises(ConfigError, match="2 names for one-hot rows of 3 columns"):
        opened(path, classes=("a", "b"))


def test_other_files_are_left_to_others(tmp_path: Path) -> None:
    for name in ("t.zip", "t.csv"):
        (tmp_path / name).write_bytes(b"x")
        assert open_arrays(tmp_path / name, ImportOptions("set"), NOBODY) is None
