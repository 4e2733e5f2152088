"""``data import`` and ``data remove``, and imported sets in ``list`` and ``verify``."""

import json
import os
import re
import shlex
import signal
from pathlib import Path
from typing import Any

import pytest

from engine.data import load, processed_folder
from engine.importing.writer import DatasetWriter
from tests.support.command_line import SMALL, Terminal
from tests.support.image_folders import make_folder, pixels, write_image


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A folder with the photos of cats and dogs."""
    make_folder(tmp_path / "photos", count=10, shape=(1, 28, 28))
    return Terminal(tmp_path)


def advised(advice: str) -> list[list[str]]:
    """The arguments of each command in a line of advice."""
    return [shlex.split(command)[1:] for command in re.findall(r"'(cnn-tui [^']*)'", advice)]


def test_two_commands_lead_from_a_folder_to_a_trained_network(terminal: Terminal) -> None:
    done = terminal.run_here("data", "import", "photos", "--name", "pets")
    assert done.out.startswith("pets: folder of images, images 1×28×28, in data/processed/pets, ")
    assert "cat        8     2" in done.out
    train, new = advised(done.errors[-1])
    assert terminal.run_here(*new).out.startswith("# A first network for pets")
    done = terminal.run_here(*train, *SMALL[:2])
    assert done.code == 0, done.err
    assert json.loads((terminal.only_run / "run.json").read_text())["dataset"] == "pets"


def test_a_set_in_another_folder_is_trained_by_a_config_that_names_it(terminal: Terminal) -> None:
    options = ("--size", "6x5", "--root", "my_data")
    done = terminal.run_here("data", "import", "photos", "--name", "pets", *options)
    (*new, redirected, file), train = advised(done.errors[-1])
    assert redirected == ">"
    done = terminal.run_here(*new)
    (terminal.folder / file).write_text(done.out)
    done = terminal.run_here(*train, *SMALL[:2])
    assert done.code == 0, done.err


def test_everything_is_told_as_json(terminal: Terminal) -> None:
    (terminal.folder / "photos" / "cat" / "bad.png").write_text("x")
    write_image(terminal.folder / "photos" / "dog" / "again.png", pixels(0, (1, 28, 28)))
    options = ("--unreadable", "skip", "--test", "0.5", "--json")
    done = terminal.run_here("data", "import", "photos", "--name", "pets", *options)
    (line,) = done.out.splitlines()
    told = json.loads(line)
    assert (told["name"], told["image_shape"], told["train"] + told["test"]) == (
        "pets", [1, 28, 28], 21,
    )  # fmt: skip
    assert told["unreadable"]["count"] == 1
    assert told["unreadable"]["first"][0]["where"] == "cat/bad.png"
    assert told["source"]["options"]["test"] == 0.5
    assert told["place"] == "data/processed/pets"


def test_what_was_skipped_and_what_is_there_twice_is_said(terminal: Terminal) -> None:
    folder = terminal.folder / "photos"
    for i in range(12):
        (folder / "cat" / f"bad{i}.png").write_text("x")
    for i in range(20):
        write_image(folder / "dog" / f"same{i}.png", pixels(1, (1, 28, 28)))
    done = terminal.run_here("data", "import", "photos", "--name", "pets", "--unreadable", "skip")
    assert done.errors[0] == "warning: 12 could not be read and were skipped:"
    assert done.errors[1].startswith("  cat/bad0.png: not an image")
    assert done.errors[11] == "  and 2 more"
    assert "test images are among the training images too" in done.errors[12]


def test_imported_sets_are_listed_and_verified(terminal: Terminal) -> None:
    terminal.run_here("data", "import", "photos", "--name", "pets")
    done = terminal.run_here("data", "list", "--json")
    last = json.loads(done.out.splitlines()[-1])
    assert last == {
        "name": "pets", "title": "pets", "image_shape": [1, 28, 28], "train": 16, "test": 4,
        "place": "data/processed/pets",
    }  # fmt: skip
    assert terminal.run_here("data", "verify", "pets").code == 0
    with (terminal.folder / "data" / "processed" / "pets" / "test-images.npy").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"?")
    done = terminal.run_here("data", "verify", "pets")
    assert done.code == 3
    assert re.search(r"test-images.npy +corrupt", done.out)
    assert done.errors[-1].startswith("pets: import it again with ")


def test_a_set_is_removed_once_that_is_confirmed(terminal: Terminal) -> None:
    terminal.run_here("data", "import", "photos", "--name", "pets")
    place = terminal.folder / "data" / "processed" / "pets"
    done = terminal.run_here("data", "remove", "pets")
    assert (done.code, done.errors) == (
        2, ["data/processed/pets would be removed for good; add --yes to have it done"],
    )  # fmt: skip
    (place / "manifest.json").write_text("damaged")
    assert terminal.run_here("data", "remove", "pets", "--yes").code == 0
    assert os.listdir(place.parent) == []
    done = terminal.run_here("data", "remove", "pets", "--yes")
    assert (done.code, done.errors[0][:23]) == (2, "unknown data set 'pets'")


@pytest.mark.parametrize("name", ["mnist", "../raw", "other", "link", "."])
def test_nothing_else_is_removed(terminal: Terminal, name: str) -> None:
    processed = terminal.folder / "data" / "processed"
    (processed / "other").mkdir(parents=True)
    (processed / "other" / "mine.txt").write_text("x")
    terminal.run_here("data", "import", "photos", "--name", "pets")
    (processed / "link").symlink_to("pets")
    before = sorted(processed.rglob("*"))
    done = terminal.run_here("data", "remove", name, "--yes")
    assert (done.code, len(done.errors)) == (2, 1)
    assert ("it comes with cnn-tui" in done.err) == (name == "mnist")
    assert sorted(processed.rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--size", "big"], "expected a size such as 32 or 32x48, got 'big'"),
        (["--size", "3x"], "expected a size"),
        (["--size", "1025"], "--size: expected 1 to 1024 pixels a side, got 1025x1025"),
        (["--test", "2"], "--test: expected a fraction"),
        (["--test", "0.1", "--test-source", "x"], "not allowed with argument --test"),
        (["--seed", "-1"], "expected a number from 0 up"),
        (["--channels", "2"], "invalid choice"),
        (["--classes", "cow,cat"], "cow is no folder of photos (cat, dog)"),
        (["--name", "a/b"], "--name: expected"),
    ],
)
def test_a_bad_option_is_one_line(terminal: Terminal, options: list[str], reason: str) -> None:
    done = terminal.run_here("data", "import", "photos", "--name", "pets", *options)
    assert (done.code, len(done.errors)) == (2, 1)
    assert reason in done.err
    assert not list(terminal.folder.glob("data/processed/*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_leaves_nothing(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    add, before = DatasetWriter.add, signal.signal(number, signal.default_int_handler)

    def interrupted(self: DatasetWriter, *given: Any) -> None:
        add(self, *given)
        signal.raise_signal(number)

    monkeypatch.setattr(DatasetWriter, "add", interrupted)
    try:
        done = terminal.run_here("data", "import", "photos", "--name", "pets")
    finally:
        signal.signal(number, before)
    assert (done.code, done.out) == (128 + number, "")
    assert done.errors == [f"stopped by {number.name}"]
    assert os.listdir(terminal.folder / "data" / "processed") == []


def test_the_images_are_those_of_the_files(terminal: Terminal) -> None:
    terminal.run_here("data", "import", "photos", "--name", "pets", "--root", "here")
    root = terminal.folder / "here"
    assert processed_folder(root).is_dir()
    found = {image.tobytes() for image in load("pets", root).train.images}
    assert found < {pixels(i, (1, 28, 28)).tobytes() for i in range(20)}


def test_a_class_without_test_images_is_named(terminal: Terminal) -> None:
    make_folder(terminal.folder / "parts" / "train", count=4, shape=(1, 28, 28))
    make_folder(terminal.folder / "parts" / "test", ("cat",), count=2, shape=(1, 28, 28), seed=9)
    done = terminal.run_here("data", "import", "parts", "--name", "pets")
    assert "warning: no test images of dog" in done.err
    source = terminal.run_here("data", "show", "pets", "--json").out
    assert "test" not in json.loads(source)["source"]["options"]
