"""The import of a source: its split, its options, and what it refuses."""

import itertools
import math
import os
import sys
import threading
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from engine import __version__
from engine.data import find, load, names, processed_folder
from engine.data.imported import read_manifest
from engine.errors import Cancelled, ConfigError, DataError, EngineError
from engine.images import Preparation
from engine.importing import (
    Block,
    Duplicate,
    Imported,
    ImportOptions,
    Part,
    Source,
    Unreadable,
    image_files,
    import_data_set,
    importer,
    writer,
)
from engine.importing.folders import DiskFile
from engine.importing.splitting import split_test
from engine.services.predict import read_picture
from tests.support.image_folders import as_pets, make_folder, pixels, write_image


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "photos"


def imported(source: Path, **options: object) -> Imported:
    return import_data_set(source, as_pets(**options), source.parent / "data")


def refusal(source: Path, kind: type[EngineError], **options: object) -> str:
    """The message of an import that is refused; it is one line, and nothing is left of it."""
    with pytest.raises(kind) as caught:
        imported(source, **options)
    message = str(caught.value)
    assert message.isprintable()
    assert leftovers(source) == []
    return message


def leftovers(source: Path) -> list[str]:
    folder = processed_folder(source.parent / "data")
    return sorted(os.listdir(folder)) if folder.exists() else []


# -- the split ---------------------------------------------------------------------------------


def test_every_class_gives_its_share_and_samples_keep_their_order() -> None:
    labels = np.array([0] * 10 + [2] * 2 + [1] * 7 + [0] * 10)
    train, test = split_test(labels, 0.2, 1, ("a", "b", "c"))
    assert sorted([*train, *test]) == list(range(29))
    assert (np.diff(train) > 0).all()
    assert (np.diff(test) > 0).all()
    assert np.bincount(labels[test]).tolist() == [4, 1, 1]


@pytest.mark.parametrize(("fraction", "expected"), [(0.01, 1), (0.5, 2), (0.99, 3)])
def test_a_class_is_never_without_a_sample_in_either_part(fraction: float, expected: int) -> None:
    labels = np.repeat([0, 1], 4)
    _, test = split_test(labels, fraction, 0, ("a", "b"))
    assert np.bincount(labels[test]).tolist() == [expected, expected]


def test_the_seed_decides_which_samples_are_tested_with() -> None:
    labels = np.repeat(np.arange(3), 50)
    chosen = [split_test(labels, 0.2, seed, ("a", "b", "c"))[1].tolist() for seed in (1, 1, 2)]
    assert chosen[0] == chosen[1] != chosen[2]


def test_one_image_a_class_cannot_be_split(source: Path) -> None:
    make_folder(source, count=1)
    message = refusal(source, ConfigError)
    assert message.startswith("cat: a class needs two images, one to train on and one to test with")


# -- what is refused ---------------------------------------------------------------------------


def test_a_folder_of_empty_folders(source: Path) -> None:
    (source / "cat").mkdir(parents=True)
    (source / "dog" / "more").mkdir(parents=True)
    assert "no images in its folders; their names end with .png, " in refusal(source, ConfigError)


def test_a_folder_without_folders(source: Path) -> None:
    write_image(source / "0.png", pixels(0))
    assert "expected a folder a class, found no folder" in refusal(source, ConfigError)


def test_a_folder_of_a_part_without_classes(source: Path) -> None:
    make_folder(source / "test")
    write_image(source / "train" / "0.png", pixels(0))
    assert "expected a folder a class in its folder train" in refusal(source, ConfigError)


def test_one_class(source: Path) -> None:
    make_folder(source, ("cat",))
    assert refusal(source, ConfigError) == "expected two classes or more, found one, cat"


def test_a_class_with_test_images_only(source: Path) -> None:
    make_folder(source / "train")
    make_folder(source / "test", ("cat", "dog", "fox"))
    assert refusal(source, ConfigError).startswith(
        "fox: there are no images of this class to train"
    )


def test_more_classes_than_there_may_be(source: Path) -> None:
    with zipfile.ZipFile(source, "w") as archive:
        for label in range(10_001):
            archive.writestr(f"{label}/", b"")
    assert "it has 10,001 folders; at most 10,000 classes" in refusal(source, ConfigError)


def test_images_of_different_sizes_without_a_size(source: Path) -> None:
    make_folder(source, shape=(1, 40, 30))
    write_image(source / "cat" / "x.png", pixels(1, (1, 50, 20)))
    message = refusal(source, ConfigError)
    assert "different sizes (height x width 40x20 to 50x30)" in message
    assert "e.g. --size 28" in message
    assert imported(source, size=(28, 28)).info.image_shape == (1, 28, 28)


def test_images_that_are_too_large_without_a_size(source: Path) -> None:
    make_folder(source, shape=(1, 1025, 2), count=2)
    assert "more than 1024 pixels a side (height x width 1025x2)" in refusal(source, ConfigError)


def test_a_source_that_does_not_exist_or_is_none(source: Path) -> None:
    assert refusal(source, ConfigError) == f"{source}: no such file or folder"
    os.mkfifo(source)
    assert "a device or a pipe" in refusal(source, ConfigError)
    source.unlink()
    source.write_text("x")
    assert "not a form that can be imported; expected" in refusal(source, ConfigError)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"name": "mnist"}, "mnist is a data set that comes with cnn-tui"),
        ({"name": "../x"}, "expected 1 to 64 letters, digits, .* got '../x'"),
        ({"name": ".x"}, "--name: expected"),
        ({"name": "x" * 65}, "--name: expected"),
        ({"name": "x\n"}, "--name: expected"),
        ({"size": (0, 9)}, "--size: expected 1 to 1024 pixels a side, got 0x9"),
        ({"size": (9, 1025)}, "--size: expected"),
        ({"test": 0.0}, "--test: expected a fraction above 0 and below 1, got 0"),
        ({"test": 1.0}, "--test: expected"),
        ({"test": float("nan")}, "--test: expected"),
        ({"channels": 3, "ink": True}, "--ink: strokes on black are grey"),
        ({"normalise_as": "mnits"}, "unknown data set 'mnits'.* Did you mean 'mnist'"),
        ({"normalise_as": "cifar10"}, "its images have 3 channels, those of pets have 1"),
        ({"label": "digit"}, "--label: .*photos has no columns"),
        ({"test_source": Path("nowhere")}, "nowhere: no such file or folder"),
    ],
)
def test_options_that_cannot_be(source: Path, options: dict[str, object], reason: str) -> None:
    make_folder(source)
    given = dict(options)
    name = str(given.pop("name", "pets"))
    ink = bool(given.pop("ink", False))
    wanted = ImportOptions(name, preparation=Preparation(ink=ink), **given)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=reason) as caught:
        import_data_set(source, wanted, source.parent / "data")
    assert str(caught.value).isprintable()
    assert leftovers(source) == []


def test_a_name_that_is_taken(source: Path) -> None:
    imported(make_folder(source))
    before = (processed_folder(source.parent / "data") / "pets" / "manifest.json").read_bytes()
    with pytest.raises(ConfigError, match=r"there is such a data set already .* --replace"):
        imported(source)
    after = (processed_folder(source.parent / "data") / "pets" / "manifest.json").read_bytes()
    assert before == after
    make_folder(source, ("fox",))
    assert imported(source, replace=True).info.classes == ("cat", "dog", "fox")
    assert leftovers(source) == ["pets"]


@pytest.mark.skipif(sys.platform != "linux", reason="it is two steps there")
def test_a_set_that_is_replaced_is_there_at_every_moment(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = imported(make_folder(source)).place
    moved = []
    monkeypatch.setattr(os, "rename", lambda one, other: moved.append(one))
    make_folder(source, ("fox",))
    imported(source, replace=True)
    assert moved == []  # a kill after the first of two steps would lose both
    assert read_manifest(place).description.classes == ("cat", "dog", "fox")
    assert leftovers(source) == ["pets"]


def test_a_set_is_replaced_where_folders_cannot_be_exchanged(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "exchanged", lambda one, other: False)
    place = imported(make_folder(source)).place
    make_folder(source, ("fox",))
    imported(source, replace=True)
    assert read_manifest(place).description.classes == ("cat", "dog", "fox")
    assert leftovers(source) == ["pets"]


# -- what cannot be read -----------------------------------------------------------------------


def spoil(source: Path) -> Path:
    """A folder with files that cannot be read, and one of a single pixel that can."""
    make_folder(source, ("cat", "dog"), shape=(3, 30, 30))
    write_image(source / "cat" / "pixel.png", pixels(1, (3, 1, 1)))
    (source / "cat" / "text.png").write_text("no image")
    (source / "cat" / "empty.png").touch()
    photo = write_image(source / "dog" / "cut.jpg", pixels(2, (3, 30, 30)))
    photo.write_bytes(photo.read_bytes()[:-300])
    huge = write_image(source / "dog" / "huge.png", pixels(3, (1, 5, 5)))
    data = bytearray(huge.read_bytes())
    data[16:24] = (20_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    huge.write_bytes(data)
    return source


def test_what_cannot_be_read_ends_the_import(source: Path) -> None:
    message = refusal(spoil(source), DataError, size=(8, 8))
    assert message.startswith("cat/empty.png: not an image of a known format")
    assert message.endswith("or skip what cannot be read with --unreadable skip")


def test_what_cannot_be_read_is_skipped_if_that_is_wanted(source: Path) -> None:
    made = imported(spoil(source), size=(8, 8), unreadable="skip")
    reasons = {one.where: one.reason for one in made.unreadable.first}
    assert made.unreadable.count == len(reasons) == 4
    assert reasons["cat/text.png"] == reasons["cat/empty.png"]
    assert "truncated" in reasons["dog/cut.jpg"]
    assert "more than the limit" in reasons["dog/huge.png"]
    assert sum(map(sum, made.counts.values())) == 11
    assert made.source["skipped"] == 4


def test_files_that_look_alike_in_printable_characters_are_told_apart(source: Path) -> None:
    make_folder(source)
    for i in range(4):
        write_image(source / "cat" / f"{i}\x01.png", pixels(50 + i))
        (source / "cat" / f"{i}.png").write_text("x")
    made = imported(source, unreadable="skip")
    assert (made.unreadable.count, sum(map(sum, made.counts.values()))) == (4, 10)


def test_a_class_of_which_nothing_can_be_read(source: Path) -> None:
    make_folder(source, ("cat", "dog", "fox"))
    for path in (source / "dog").iterdir():
        path.write_text("x")
    message = refusal(source, DataError, unreadable="skip")
    assert message == "dog: none of its train images can be read"
    for path in source.rglob("*.png"):
        path.write_text("x")
    assert refusal(source, DataError, unreadable="skip").startswith(
        "none of the images can be read"
    )


# -- what goes wrong in the middle -------------------------------------------------------------


def test_a_disk_that_is_full_in_the_middle(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append, calls = writer.NpyFile.append, []

    def fail(self: writer.NpyFile, values: np.ndarray) -> None:
        calls.append(len(values))
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        append(self, values)

    make_folder(source)
    monkeypatch.setattr(writer.NpyFile, "append", fail)
    message = refusal(source, DataError)
    assert message.endswith("cannot write: No space left on device; nothing was imported")


def test_a_disk_without_room_is_noticed_before_anything_is_read(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder(source)
    usage = SimpleNamespace(free=379)
    monkeypatch.setattr(importer.shutil, "disk_usage", lambda path: usage)
    assert "no room for 380 B of images, 379 B are free" in refusal(source, DataError)


@pytest.mark.parametrize("step", range(5))
def test_cancelling_at_any_moment_leaves_nothing(source: Path, step: int) -> None:
    make_folder(source)
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > step

    with pytest.raises(Cancelled):
        import_data_set(source, as_pets(), source.parent / "data", cancelled=cancelled)
    assert leftovers(source) == []


@pytest.mark.parametrize("long", [math.inf, -1.0], ids=["without threads", "with threads"])
def test_threads_give_the_same_and_can_be_cancelled(
    source: Path, monkeypatch: pytest.MonkeyPatch, long: float
) -> None:
    expected = read_manifest(imported(make_folder(source, count=40)).place).files
    monkeypatch.setattr(image_files, "_LONG", long)
    assert read_manifest(imported(source, replace=True).place).files == expected
    ticks = itertools.count()
    options, root = as_pets(replace=True), source.parent / "data"
    with pytest.raises(Cancelled):
        import_data_set(source, options, root, cancelled=lambda: next(ticks) > 7)
    assert leftovers(source) == ["pets"]
    assert not any("decode" in thread.name for thread in threading.enumerate())


def test_progress_is_told_of_both_parts(source: Path) -> None:
    told = []
    make_folder(source)
    import_data_set(
        source, as_pets(), source.parent / "data", progress=lambda *one: told.append(one)
    )
    assert told[-3:] == [("train images", 8, 8), ("test images", 0, 2), ("test images", 2, 2)]


def test_progress_is_told_every_hundred_images(source: Path) -> None:
    told = []
    make_folder(source, count=140)
    import_data_set(
        source, as_pets(), source.parent / "data", progress=lambda *one: told.append(one)
    )
    assert [done for what, done, _ in told if what == "train images"] == [0, 100, 200, 224]


class _Forged(Part):
    """A part whose labels are not those of its source."""

    def __init__(self, labels: list[int]) -> None:
        self.labels = np.array(labels, np.int64)

    def blocks(self, indices: np.ndarray):  # type: ignore[no-untyped-def]
        yield Block(np.zeros((len(indices), 1, 2, 2), np.uint8), self.labels[indices])


@pytest.mark.parametrize(
    ("classes", "labels", "reason"),
    [
        (("a", "b"), [0, 0, 1, 2], "label 3 is 2, expected 0 to 1"),
        (("a", "b"), [], "there are no images in the part train"),
        (("a", "a"), [0, 0, 1, 1], "a: there are two classes of that name"),
        ((), [], "expected two classes or more, found none"),
    ],
)
def test_a_source_of_any_form_is_checked(
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    classes: tuple[str, ...],
    labels: list[int],
    reason: str,
) -> None:
    found = Source("forged", classes, (1, 2, 2), {"train": _Forged(labels)})
    monkeypatch.setattr(importer, "open_source", lambda *given: found)
    assert reason in refusal(source, EngineError)


def test_what_is_unreadable_when_a_source_is_opened_counts_too(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = _Forged([0, 0, 1, 1])
    found = Source(
        "forged", ("a", "b"), (1, 2, 2), {"train": part}, unreadable=(Unreadable("row 3", "why"),)
    )
    monkeypatch.setattr(importer, "open_source", lambda *given: found)
    assert refusal(source, DataError).startswith("row 3: why; ")
    assert imported(source, unreadable="skip").unreadable.first == (Unreadable("row 3", "why"),)


# -- what comes out ----------------------------------------------------------------------------


def test_size_channels_and_aspect_are_as_asked_for(source: Path) -> None:
    make_folder(source, shape=(3, 10, 20))
    assert imported(source).info.image_shape == (3, 10, 20)
    assert imported(source, channels=1, replace=True).info.image_shape == (1, 10, 20)
    made = imported(source, size=(10, 10), replace=True)
    images = load("pets", source.parent / "data").train.images
    assert not images[:, :, :2].any()
    assert images[:, :, 3:7].any()
    assert made.info.preparation.fit == "pad"


def test_strokes_are_made_as_they_are_made_when_they_are_classified(source: Path) -> None:
    for name, side in (("one", 4), ("bar", 30)):
        for i in range(3):
            paper = np.full((1, 60, 50), 230, np.uint8)
            paper[0, 10:50, 10 + i : 10 + i + side] = 20
            write_image(source / name / f"{i}.png", paper)
    ink = Preparation(ink=True)
    made = imported(source, size=(28, 28), preparation=ink)
    assert (made.info.image_shape, made.info.preparation) == ((1, 28, 28), ink)
    images = load("pets", source.parent / "data").train.images
    assert (images[:, 0, 0, 0] == 0).all()
    assert (images.max(axis=(1, 2, 3)) > 240).all()
    seen = read_picture(DiskFile(str(source), "bar/0.png"), made.info)
    assert any((seen == image).all() for image in images[:2])


def test_one_colour_image_among_grey_ones_makes_the_set_colour(source: Path) -> None:
    make_folder(source)
    assert imported(source).info.image_shape[0] == 1
    write_image(source / "dog" / "x.png", pixels(1, (3, 6, 5)))
    assert imported(source, replace=True).info.image_shape[0] == 3
    assert imported(source, replace=True, size=(6, 5)).info.image_shape[0] == 3


def test_test_images_that_are_trained_on_too_are_named(source: Path) -> None:
    make_folder(source / "train")
    make_folder(source / "test", seed=1)
    (source / "test" / "dog" / "3.png").write_bytes((source / "train/cat/2.png").read_bytes())
    (source / "test" / "cat" / "bad.png").write_text("x")
    made = imported(source, unreadable="skip")
    assert made.duplicates.count == 1
    assert made.duplicates.first == (Duplicate("train/cat/2.png", "test/dog/3.png"),)


def test_test_images_from_a_source_of_their_own(source: Path, tmp_path: Path) -> None:
    make_folder(source, ("cat", "dog", "fox"))
    other = make_folder(tmp_path / "other", ("fox", "dog"), count=2, shape=(3, 9, 9), seed=1)
    made = imported(source, test_source=other)
    assert made.counts == {"train": (5, 5, 5), "test": (0, 2, 2)}
    data = load("pets", source.parent / "data")
    assert data.test.images.shape == (4, 1, 6, 5)
    assert data.test.labels.tolist() == [1, 1, 2, 2]
    assert made.source["options"]["test_source"] == str(other)
    make_folder(other, ("cow",))
    with pytest.raises(ConfigError, match=r"cow is no class of the source \(cat, dog, fox\)"):
        imported(source, test_source=other, replace=True)
    make_folder(tmp_path / "both" / "train")
    make_folder(tmp_path / "both" / "test")
    with pytest.raises(ConfigError, match="it has two parts itself"):
        imported(source, test_source=tmp_path / "both", replace=True)
    with pytest.raises(ConfigError, match="the source has test images already"):
        imported(tmp_path / "both", test_source=other, replace=True)


def test_it_is_normalised_as_another_set_if_that_is_wanted(source: Path) -> None:
    make_folder(source)
    mnist = find("mnist")
    assert mnist is not None
    assert imported(source, normalise_as="mnist").info.mean == mnist.mean
    assert names(source.parent / "data")[-1] == "pets"


def test_the_manifest_says_where_it_came_from(source: Path) -> None:
    made = imported(make_folder(source), seed=7, classes=("dog", "cat"))
    said = read_manifest(made.place).source
    assert said == made.source
    assert said["path"] == str(source)
    assert (said["kind"], said["version"], said["skipped"]) == ("folder of images", __version__, 0)
    assert said["options"] == {
        "classes": "dog,cat", "fit": "pad", "ink": False, "seed": 7, "test": 0.2,
        "unreadable": "refuse",
    }  # fmt: skip


def test_the_same_import_gives_the_same_bytes(source: Path) -> None:
    make_folder(source, ("cat", "dog", "fox"), count=40)
    made = [imported(source, replace=True).place for _ in range(2)]
    digests = [{n: f.sha256 for n, f in read_manifest(place).files.items()} for place in made]
    assert digests[0] == digests[1]


def strokes(seed: int) -> np.ndarray:
    """A light stroke on black, as MNIST's digits are."""
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 4:24, 8 + seed % 10 : 12 + seed % 10] = 250
    image[0, 4 + seed // 10, 5:20] = 200
    return image


@pytest.mark.parametrize(
    ("options", "odd", "found"),
    [({}, 0, True), ({}, 1, True), ({}, 4, False), ({"find_ink": False}, 0, False)],
)
def test_strokes_on_black_are_known_as_such(
    source: Path, options: dict[str, object], odd: int, found: bool
) -> None:
    for i in range(40):  # the odd ones are filled shapes, as clothes are
        image = np.full((1, 28, 28), 200, np.uint8) if i < odd else strokes(i)
        write_image(source / "ab"[i % 2] / f"{i}.png", image)
    made = imported(source, **options)
    assert made.info.preparation.ink is found
    images = load("pets", source.parent / "data").train.images
    assert {one.tobytes() for one in images} <= {
        *(strokes(i).tobytes() for i in range(40)),
        np.full((28, 28), 200, np.uint8).tobytes(),
    }


def test_the_name_of_a_config_that_ships_is_refused(source: Path) -> None:
    make_folder(source)
    with pytest.raises(ConfigError, match="quickstart is a config that comes with cnn-tui"):
        import_data_set(source, ImportOptions("quickstart"), source.parent / "data")
