"""Tables with a column of image files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ConfigError, DataError
from engine.importing import Source, import_data_set
from engine.importing.formats.tables import open_table
from engine.importing.source import NOBODY
from tests.support.image_folders import as_pets, pixels, write_image
from tests.support.sources import read

NAMES = ["cat", "dog", "cat", "dog"]
FILES = ["a.png", "more/b.PNG", "c d.bmp", "../far.png"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with four images, one of them outside of it."""
    folder = tmp_path / "set"
    for i, name in enumerate(FILES):
        write_image(folder / name, pixels(i))
    return folder


def opened(path: Path, content: str, **options: Any) -> Source:
    path.write_text(content)
    source = open_table(path, as_pets(**options), NOBODY)
    assert source is not None
    return source


def table(files: list[str] = FILES, header: str = "file,label\n") -> str:
    return header + "".join(f"{file},{name}\n" for file, name in zip(files, NAMES, strict=True))


FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "a header": (table(), {}),
    "no header": (table(header=""), {}),
    "unusual names": (table(header="id,species\n"), {}),
    "more columns": (
        "age,file,label\n" + "".join(f"3,{f},{n}\n" for f, n in zip(FILES, NAMES, strict=True)),
        {},
    ),
    "the label named": (
        "breed,x,file\n" + "".join(f"{n},1,{f}\n" for f, n in zip(FILES, NAMES, strict=True)),
        {"label": "breed"},
    ),
    "an index": (
        ",file,kind\n"
        + "".join(f"{i},{f},{n}\n" for i, (f, n) in enumerate(zip(FILES, NAMES, strict=True))),
        {},
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_images_are_read_from_where_the_table_says(form: str, folder: Path) -> None:
    content, options = FORMS[form]
    source = opened(folder / "t.csv", content, **options)
    assert source.kind == "table of image files"
    assert source.classes == ("cat", "dog")
    images, labels = read(source)
    np.testing.assert_array_equal(images, [pixels(i) for i in range(4)])
    assert labels.tolist() == [0, 1, 0, 1]
    assert source.parts["train"].where(1) == "more/b.PNG"


def test_paths_may_be_absolute(folder: Path) -> None:
    content = table([str(folder / name) for name in FILES])
    images, _ = read(opened(folder.parent / "t.csv", content))
    np.testing.assert_array_equal(images, [pixels(i) for i in range(4)])


def test_labels_may_be_numbers_with_names(folder: Path) -> None:
    content = "file,label\n" + "".join(f"{file},{i % 2}\n" for i, file in enumerate(FILES))
    assert opened(folder / "t.csv", content).classes == ("0", "1")
    assert opened(folder / "t.csv", content, classes=("x", "y")).classes == ("x", "y")


def test_images_are_brought_to_a_size(folder: Path) -> None:
    source = opened(folder / "t.csv", table(), size=(9, 9), channels=3)
    assert read(source)[0].shape == (4, 3, 9, 9)


def test_a_missing_image_is_refused_or_skipped(folder: Path) -> None:
    (folder / "a.png").unlink()
    (folder / "t.csv").write_text(table() + "c d.bmp,cat\nmore/b.PNG,dog\n")
    with pytest.raises(DataError, match=r"^a\.png: no such file .*--unreadable skip"):
        import_data_set(folder / "t.csv", as_pets(), folder)
    made = import_data_set(folder / "t.csv", as_pets(unreadable="skip", seed=1), folder)
    assert made.unreadable.count == 1
    assert made.info.train_size + made.info.test_size == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,a,b\na.png,1,2\n", "no column of labels; name it with --label"),
        ("a.png,1,2\n", "it has no header; name it with --label"),
        ("file,label\na.png\n", "line 2 has 1 fields, expected 2"),
        ("file,label\na.png,cat\n,dog\n", "line 3: the path of the image is missing"),
        ("file,label\na.png,cat\nmore/b.PNG,\n", "line 3: the label is missing"),
        ("file,label\nno.png,cat\nneither.png,dog\n", "none of the images can be read: no.png"),
    ],
)
def test_a_bad_table_is_refused_in_a_line_that_says_where(
    content: str, message: str, folder: Path
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        opened(folder / "t.csv", content)
    assert "\n" not in str(caught.value)


def test_images_of_several_sizes_need_one(folder: Path) -> None:
    write_image(folder / "a.png", pixels(1, (1, 3, 3)))
    with pytest.raises(ConfigError, match="the images have different sizes"):
        opened(folder / "t.csv", table())
