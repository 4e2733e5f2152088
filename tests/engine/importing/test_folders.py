"""Folders of images: how they are arranged, and what they are made into."""

import os
from pathlib import Path

import numpy as np
import pytest

from engine.data import load
from engine.errors import ConfigError, DataError
from engine.importing import Imported, import_data_set, open_source
from tests.support.image_folders import as_pets, make_folder, pixels, write_image


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "photos"


def imported(source: Path, **options: object) -> Imported:
    return import_data_set(source, as_pets(**options), source.parent / "data")


def test_a_folder_a_class_is_imported_pixel_by_pixel(source: Path) -> None:
    made = imported(make_folder(source))
    assert (made.info.classes, made.info.image_shape) == (("cat", "dog"), (1, 6, 5))
    assert made.counts == {"train": (4, 4), "test": (1, 1)}
    found = load("pets", source.parent / "data")
    images = np.concatenate([found.train.images, found.test.images])
    expected = {pixels(i).tobytes() for i in range(10)}
    assert {image.tobytes() for image in images} == expected
    of_dogs = found.train.images[found.train.labels == 1]
    assert {image.tobytes() for image in of_dogs} < {pixels(i).tobytes() for i in range(5, 10)}


def test_images_and_classes_come_in_the_natural_order_of_their_names(source: Path) -> None:
    for name in ("10", "9", "b", "A"):
        for i in ("2", "10", "003", "1"):
            write_image(source / name / f"x{i}.png", pixels(int(i)))
    opened = open_source(source, as_pets())
    assert opened.classes == ("9", "10", "A", "b")
    part = opened.parts["train"]
    places = [f"9{os.sep}x{i}.png" for i in ("1", "2", "003", "10")]
    assert [part.where(i) for i in range(4)] == places


def test_folders_below_a_class_belong_to_it(source: Path) -> None:
    make_folder(source)
    write_image(source / "cat" / "more" / "and more" / "x.JPG", pixels(7))
    assert sum(map(sum, imported(source).counts.values())) == 11


@pytest.mark.parametrize(
    ("folders", "counts"),
    [
        ({"train": 4, "test": 3}, {"train": (4, 4), "test": (3, 3)}),
        ({"Train": 4, "val": 3}, {"train": (4, 4), "test": (3, 3)}),
        ({"training": 4, "testing": 3, "valid": 2}, {"train": (6, 6), "test": (3, 3)}),
        ({"train": 4}, {"train": (3, 3), "test": (1, 1)}),
        ({"train": 4, "training": 2, "val": 3}, {"train": (6, 6), "test": (3, 3)}),
        ({"one/train": 4, "one/test": 3}, {"train": (4, 4), "test": (3, 3)}),
    ],
)
def test_parts_above_the_classes_are_kept_apart(
    source: Path, folders: dict[str, int], counts: dict[str, tuple[int, ...]]
) -> None:
    for seed, (name, count) in enumerate(folders.items()):
        make_folder(source / name, count=count, seed=seed)
    made = imported(source)
    assert (made.info.classes, made.counts) == (("cat", "dog"), counts)


def test_train_is_a_class_where_other_folders_are_no_parts(source: Path) -> None:
    assert imported(make_folder(source, ("bus", "train"))).info.classes == ("bus", "train")


def test_what_the_system_adds_and_other_files_are_left_out(source: Path) -> None:
    make_folder(source)
    make_folder(source / "__MACOSX")
    for name in (".DS_Store", "cat/._0.png", "cat/notes.txt", "README.md"):
        (source / name).write_text("x")
    write_image(source / "preview.png", pixels(0))
    made = imported(source)
    assert made.counts == {"train": (4, 4), "test": (1, 1)}
    assert made.source["left_out"] == 3


def test_a_single_folder_around_all_is_passed_over_and_a_single_class_is_not(source: Path) -> None:
    make_folder(source / "photos")
    (source / "README.md").write_text("x")
    write_image(source / "preview.png", pixels(0))
    made = imported(source)
    assert (made.info.classes, made.source["left_out"]) == (("cat", "dog"), 2)
    write_image(source / "photos" / "0.png", pixels(0))
    with pytest.raises(ConfigError, match="found one, photos"):
        imported(source, replace=True)


def test_classes_are_chosen_and_put_in_order(source: Path) -> None:
    make_folder(source, ("cat", "dog", "fox"))
    assert imported(source, classes=("fox", "cat")).info.classes == ("fox", "cat")
    with pytest.raises(ConfigError, match=r"--classes: cow is no folder of .* \(cat, dog, fox\)"):
        imported(source, classes=("cow", "cat"), replace=True)


def test_links_do_no_harm(source: Path, tmp_path: Path) -> None:
    make_folder(source)
    (source / "cat" / "round").symlink_to(source)
    (source / "cat" / "itself.png").symlink_to("itself.png")
    (source / "cat" / "nowhere.png").symlink_to("nowhere")
    (source / "cat" / "text.png").symlink_to(__file__)
    (source / "cat" / "device.png").symlink_to("/dev/zero")
    (source / "cat" / "good.png").symlink_to(write_image(tmp_path / "other.png", pixels(99)))
    with pytest.raises(DataError, match=r"round: a link to a folder is not followed; .*skip"):
        imported(source)
    made = imported(source, unreadable="skip")
    assert {os.path.basename(one.where): one.reason for one in made.unreadable.first} == {
        "round": "a link to a folder is not followed",
        "itself.png": "too many levels of symbolic links",
        "nowhere.png": "no such file or directory",
        "text.png": "not an image of a known format (PNG, JPEG, BMP, GIF, WebP, TIFF)",
        "device.png": "not a regular file",
    }
    assert sum(map(sum, made.counts.values())) == 11


def test_names_of_any_characters_are_shown_in_one_harmless_line(source: Path) -> None:
    odd = "a b\nc\x1b[31m\u202e"
    make_folder(source, (odd, "dog"))
    (source / odd / f"{odd}.png").write_text("no image")
    (source / odd / os.fsdecode(b"\xff.png")).write_text("no image")
    with pytest.raises(DataError) as caught:
        imported(source)
    assert str(caught.value).isprintable()
    made = imported(source, unreadable="skip")
    assert made.info.classes == ("a bc[31m", "dog")
    assert made.unreadable.count == 2
    assert all(one.where.isprintable() for one in made.unreadable.first)


def test_two_folders_of_one_name_are_refused(source: Path) -> None:
    make_folder(source, ("cat", "cat\x1b", "dog"))
    with pytest.raises(ConfigError, match="two folders are called cat; rename one"):
        imported(source)
