"""Tables with a column a pixel: the forms that there are, and everything wrong with one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data import load
from engine.errors import ConfigError, DataError
from engine.importing import import_data_set
from engine.importing.formats import tables
from engine.importing.source import NOBODY, ImportOptions, Source
from tests.support.sources import read

LABELS = [2, 0, 1, 0, 2, 1]
RNG = np.random.default_rng(3)
GREY = RNG.integers(0, 256, (6, 1, 4, 4), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (6, 3, 4, 4), dtype=np.uint8)


def opened(path: Path, **options: Any) -> Source:
    source = tables.open_table(path, ImportOptions("set", **options), NOBODY)
    assert source is not None
    return source


def rows(
    images: np.ndarray = GREY, labels: list[int] | list[str] = LABELS, *, last: bool = False
) -> list[list[str]]:
    flat = images.transpose(0, 2, 3, 1).reshape(len(images), -1).astype(str).tolist()
    named = list(map(str, labels))
    if last:
        return [[*pixels, label] for pixels, label in zip(flat, named, strict=True)]
    return [[label, *pixels] for pixels, label in zip(flat, named, strict=True)]


def header(count: int = 16, *, last: bool = False) -> list[str]:
    pixels = [f"pixel{i}" for i in range(count)]
    return [*pixels, "label"] if last else ["label", *pixels]


def text(*lines: list[str], by: str = ",", end: str = "\n") -> str:
    return "".join(by.join(line) + end for line in lines)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "Kaggle's": (text(header(), *rows()), {}),
    "the label last": (text(header(last=True), *rows(last=True)), {}),
    "no header, label first": (text(*rows()), {"label": "0"}),
    "no header, label last": (text(*rows(last=True)), {"label": "-1"}),
    "another name": (text(["Digit", *header()[1:]], *rows()), {"label": "digit"}),
    "numbered columns": (text([*map(str, range(16)), "class"], *rows(last=True)), {}),
    "an index of pandas": (
        text(["", *header()], *([str(i), *row] for i, row in enumerate(rows()))),
        {},
    ),
    "an index, and the label last": (
        text(["", *header(last=True)], *([str(i), *row] for i, row in enumerate(rows(last=True)))),
        {},
    ),
    "semicolons": (text(header(), *rows(), by=";"), {}),
    "tabs": (text(header(), *rows(), by="\t"), {}),
    "CRLF": (text(header(), *rows(), end="\r\n"), {}),
    "a byte order mark": ("\ufeff" + text(header(), *rows()), {}),
    "quotes": (text(*([f'"{field}"' for field in row] for row in (header(), *rows()))), {}),
    "blank lines": (text(header(), [], *rows(), []), {}),
    "no end of the last line": (text(header(), *rows())[:-1], {}),
    "decimals that are none": (
        text(header(), *([row[0], *(f"{v}.0" for v in row[1:])] for row in rows())),
        {},
    ),
    "spaces": (text(header(), *rows(), by=" , "), {"label": "label"}),
    "a size given": (text(header(), *rows()), {"size": (4, 4)}),
    "channels given": (text(header(), *rows()), {"channels": 1}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_images(form: str, tmp_path: Path) -> None:
    content, options = FORMS[form]
    source = opened(write(tmp_path / "t.csv", content), **options)
    assert source.kind == "table of pixels"
    assert source.classes == ("0", "1", "2")
    assert source.image_shape == (1, 4, 4)
    images, labels = read(source)
    np.testing.assert_array_equal(images, GREY)
    assert labels.tolist() == LABELS


def test_three_times_a_square_is_colour(tmp_path: Path) -> None:
    source = opened(write(tmp_path / "t.csv", text(header(48), *rows(COLOUR))))
    assert source.image_shape == (3, 4, 4)
    np.testing.assert_array_equal(read(source)[0], COLOUR)


def test_images_that_are_not_square_need_a_size(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", text(header(), *rows()))
    images, _ = read(opened(path, size=(2, 8)))
    np.testing.assert_array_equal(images, GREY.reshape(6, 1, 2, 8))
    content = text(header(10), *(row[:11] for row in rows()))
    with pytest.raises(DataError, match="10 columns of pixels, which make no square image in grey"):
        opened(write(tmp_path / "t.csv", content))


def test_pixels_from_0_to_1_are_multiplied(tmp_path: Path) -> None:
    whole = np.zeros((6, 1, 4, 4), np.uint8)
    whole[::2] = GREY[::2]
    values = [[row[0], *(f"{int(v) / 255:.6f}" for v in row[1:])] for row in rows(whole)]
    values[1][1:] = ["1"] * 8 + ["0"] * 8
    source = opened(write(tmp_path / "t.csv", text(header(), *values)))
    images, _ = read(source)
    assert images[1].ravel().tolist() == [255] * 8 + [0] * 8
    np.testing.assert_array_equal(images[[0, 2, 3, 4, 5]], whole[[0, 2, 3, 4, 5]])
    assert source.facts["pixels"] == "0 to 1, multiplied by 255"


def test_pixels_of_0_and_1_alone_are_black_and_white(tmp_path: Path) -> None:
    images, _ = read(opened(write(tmp_path / "t.csv", text(header(), *rows(GREY % 2)))))
    np.testing.assert_array_equal(images, GREY % 2 * 255)


def test_names_are_sorted_as_people_sort_them(tmp_path: Path) -> None:
    names = ["img10", "img2", "a fox", "img2", "Änne", "img10"]
    source = opened(write(tmp_path / "t.csv", text(header(), *rows(labels=names))))
    assert source.classes == ("a fox", "img2", "img10", "Änne")
    assert read(source)[1].tolist() == [2, 1, 0, 1, 3, 2]


def test_the_classes_given_name_the_numbers_or_order_the_names(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", text(header(), *rows()))
    source = opened(path, classes=("cat", "dog", "fox", "owl"))
    assert source.classes == ("cat", "dog", "fox", "owl")
    assert read(source)[1].tolist() == LABELS
    names = [("dog", "cat")[label % 2] for label in LABELS]
    source = opened(write(path, text(header(), *rows(labels=names))), classes=("dog", "cat"))
    assert source.classes == ("dog", "cat")
    assert read(source)[1].tolist() == [label % 2 for label in LABELS]


def test_numbers_may_begin_at_1_and_have_gaps(tmp_path: Path) -> None:
    labels = [3 * label + 1 for label in LABELS]
    path = write(tmp_path / "t.csv", text(header(), *rows(labels=labels)))
    assert opened(path).classes == ("1", "4", "7")
    assert read(opened(path))[1].tolist() == LABELS
    assert opened(path, classes=("x", "y", "z")).classes == ("x", "y", "z")


def test_samples_are_read_in_blocks_by_their_indices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.importing.formats.pixels.BLOCK_BYTES", 40)
    part = opened(write(tmp_path / "t.csv", text(header(), *rows()))).parts["train"]
    blocks = list(part.blocks(np.array([0, 2, 3, 5])))
    assert [len(block.labels) for block in blocks] == [2, 2]
    np.testing.assert_array_equal(np.concatenate([b.images for b in blocks]), GREY[[0, 2, 3, 5]])
    assert part.where(3) == "line 5"


def changed(line: int, field: int, value: str, last: bool = False) -> str:
    lines = [header(last=last), *rows(last=last)]
    lines[line - 1][field] = value
    return text(*lines)


BAD: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "it is empty"),
    "blank": ("\n\n", "it is empty"),
    "only a header": (text(header()), "there are no rows under its header"),
    "a field less": (text(header(), *rows()[:3], rows()[3][1:]), "line 5 has 16 fields, expected"),
    "a field more": (text(header(), [*rows()[0], "7"]), "line 2 has 18 fields, expected 17"),
    "256": (changed(4, 3, "256"), "line 4: column pixel2 is '256', expected a pixel from 0 to 255"),
    "-1": (changed(4, 3, "-1"), "line 4: column pixel2 is '-1'"),
    "a word": (changed(4, 3, "abc"), "line 4: column pixel2 is 'abc'"),
    "no pixel": (changed(4, 3, ""), "line 4: column pixel2 is ''"),
    "nan": (changed(4, 3, "nan"), "line 4: column pixel2 is 'nan'"),
    "0.5 among 255": (changed(4, 3, "0.5"), "line 4 has a pixel with decimals"),
    "17.5": (changed(4, 3, "17.5"), "line 4 has a pixel with decimals"),
    "a label with decimals": (changed(5, 0, "1.5"), r"line 5: the label is '1\.5', expected"),
    "a label of 1.0": (changed(5, 0, "1.0"), r"line 5: the label is '1\.0', expected a whole"),
    "a negative label": (changed(5, 0, "-1"), "line 5: the label is '-1', expected a whole number"),
    "a missing label": (changed(5, 0, ""), "line 5: the label is missing"),
    "a label nan": (changed(5, 0, "NaN"), "line 5: the label is missing"),
    "a class of control characters": (
        changed(3, 0, "a\x1b[31mb"), r"class 'a\\x1b\[31mb' has control or invisible characters"
    ),
    "a long class": (changed(3, 0, "x" * 201), "has 201 characters, expected 1 to 200"),
    "no label column": (
        text(["digit", *header()[1:]], *rows()),
        r"no column of labels; name it with --label.*there are digit, pixel0, .*, \.\.\., pixel14,",
    ),
    "two label columns": (
        text(["label", "class", *header()[1:]], *(["0", *row] for row in rows())),
        "more than one column of labels",
    ),
    "no header": (text(*rows()), "it has no header; name it with --label, or by its number"),
    "Latin-1": (text(header(), *rows(labels=["é"] * 6)).encode("latin-1"), "it is not UTF-8 text"),
    "bytes": (b"\x89PNG\r\n\x1a\n" + bytes(100), "it is not UTF-8 text"),
    "an open quote": (text(header()) + '"1' + ",0" * 99999, "line 2: field larger"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_table_is_refused_in_a_line_that_says_where(fault: str, tmp_path: Path) -> None:
    content, message = BAD[fault]
    path = write(tmp_path / "t.csv", content)
    with pytest.raises(DataError, match=message) as caught:
        opened(path)
    assert "\n" not in str(caught.value)
    if "class" not in fault:
        assert str(caught.value).startswith(f"{path}: ")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no such column": (
        {"label": "labl"},
        r"no column 'labl'; there are label, .*Did you mean 'label'\?",
    ),
    "no such number": ({"label": "17"}, "no column '17'"),
    "no such number from the end": ({"label": "-18"}, "no column '-18'"),
    "another size": ({"size": (4, 5)}, "16 columns of pixels, which are no images of 4x5;"),
    "colour": ({"channels": 3}, r"which are no images of \?x\? in colour"),
    "too few names": ({"classes": ("a", "b")}, "2 names for labels from 0 to 2, of which 3 occur"),
}


@pytest.mark.parametrize("option", WRONG)
def test_an_option_that_does_not_fit_is_refused(option: str, tmp_path: Path) -> None:
    options, message = WRONG[option]
    with pytest.raises(ConfigError, match=message):
        opened(write(tmp_path / "t.csv", text(header(), *rows())), **options)


def test_a_name_that_is_not_among_the_classes_given_is_refused(tmp_path: Path) -> None:
    names = ["cat", "dog", "cow", "cat", "dog", "cat"]
    path = write(tmp_path / "t.csv", text(header(), *rows(labels=names)))
    with pytest.raises(
        DataError, match=r"line 4: the label is 'cow', expected one of .*: cat, dog$"
    ):
        opened(path, classes=("cat", "dog"))


def test_the_number_of_classes_is_limited(tmp_path: Path) -> None:
    options = ImportOptions("set")
    for count, message in ((1, "two classes or more"), (10_001, "at most 10,000 classes")):
        lines = ["label,pixel0", *(f"n{i},{i % 256}" for i in range(count))]
        path = write(tmp_path / "t.csv", "\n".join(lines))
        with pytest.raises(ConfigError, match=message):
            import_data_set(path, options, tmp_path)
    assert not (tmp_path / "processed").exists()


def test_a_table_becomes_a_data_set(tmp_path: Path) -> None:
    lines = [*rows(), *rows(labels=LABELS[::-1])]
    path = write(tmp_path / "t.csv", text(header(), *lines))
    seen: list[str] = []
    options = ImportOptions("set", test=0.5)
    made = import_data_set(
        path, options, tmp_path, progress=lambda label, done, total: seen.append(label)
    )
    assert (made.info.train_size, made.info.test_size) == (6, 6)
    assert made.source["kind"] == "table of pixels"
    assert "reading the table" in seen
    dataset = load("set", tmp_path)
    images = np.concatenate([dataset.train.images, dataset.test.images])
    assert {one.tobytes() for one in images} == {one.tobytes() for one in GREY}


def test_other_files_are_left_to_others(tmp_path: Path) -> None:
    for name in ("t.txt", "t.png", "t.npz"):
        assert (
            tables.open_table(write(tmp_path / name, "label\n"), ImportOptions("set"), NOBODY)
            is None
        )
    (tmp_path / "d.csv").mkdir()
    assert tables.open_table(tmp_path / "d.csv", ImportOptions("set"), NOBODY) is None


def test_a_line_without_end_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_MAX_LINE", 200)
    path = write(tmp_path / "t.csv", text(header(), *rows()) + "1," * 300)
    with pytest.raises(DataError, match="a line is longer than 200 characters"):
        opened(path)


def test_a_row_of_lines_without_end_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_MAX_LINE", 200)
    path = write(tmp_path / "t.csv", text(header(), *rows()) + '1,"\n",' * 300)
    with pytest.raises(DataError, match="a line is longer than 200 characters"):
        opened(path)
