"""Images of one's own: from a folder to a config that can be trained, in the app alone."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine.config import load
from engine.data import get, names
from engine.importing import source
from tests.support.app_pilot import Until, on_screen, seen, settled, tap
from tests.support.image_folders import make_folder, pixels, write_image
from tests.support.imported_sets import make_set
from tests.support.proofs import rest_as_proofs
from tui.app import CnnApp
from tui.screens.configs.data.import_dialog import ImportImages, suggested_name
from tui.screens.configs.screen import ConfigsScreen
from tui.screens.train.screen import TrainScreen

MakeApp = Callable[..., CnnApp]


async def asked(pilot: Pilot, until: Until, **values: str) -> ImportImages:
    """The dialog, with what is typed into its fields."""
    await settled(pilot, until)
    await tap(pilot, "i")
    dialog = await on_screen(pilot, ImportImages)
    for name, value in values.items():
        field = dialog.query_one(f"#{name}", Input)
        field.value = value
        await until(pilot, lambda field=field, value=value: field.value == value)
        await pilot.pause()
    return dialog


def said(dialog: ImportImages) -> str:
    below = dialog.query_one(".problem", Static)
    return str(below.content) if below.display else ""


async def test_a_folder_becomes_a_config_that_r_trains(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    make_folder(home / "My pets!", count=20)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await asked(pilot, until, source=str(home / "My pets!"))
        assert dialog.query_one("#name", Input).value == "My-pets"
        await tap(pilot, "enter")
        await on_screen(pilot, ConfigsScreen)
        await until(pilot, lambda: app.workspace.document.name == "My-pets")
        info = get("My-pets")
        assert (info.classes, info.train_size, info.test_size) == (("cat", "dog"), 32, 8)
        config = load(Path("configs", "My-pets.yaml"))
        assert (config.dataset, app.workspace.document.dirty) == ("My-pets", False)
        await until(pilot, lambda: "r  train My-pets now" in seen(app))
        await until(
            pilot,
            lambda: any("32 images to train on" in n.message for n in app._notifications),
        )
        await until(pilot, lambda: "imported" in seen(app))
        await tap(pilot, "r")
        await on_screen(pilot, TrainScreen)
        await until(pilot, lambda: app.training.started)
        app.training.stop()
        await until(pilot, lambda: not app.training.running)


async def test_images_of_different_sizes_get_a_size_that_enter_takes(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    folder = make_folder(home / "pets", count=6)
    write_image(folder / "cat" / "large.png", pixels(1, (1, 40, 60)))
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await asked(pilot, until, source=str(folder))
        await tap(pilot, "enter")
        await until(pilot, lambda: "filled in" in said(dialog))
        size = dialog.query_one("#size", Input).value
        assert "different sizes" in said(dialog)
        assert f"size {size}" in said(dialog)
        assert "--" not in said(dialog)
        await tap(pilot, "enter")
        await on_screen(pilot, ConfigsScreen)
        assert get("pets").image_shape[1:] == (int(size), int(size))


async def test_every_field_counts(make_app: MakeApp, home: Path, until: Until) -> None:
    folder = make_folder(home / "digits", count=10, shape=(3, 9, 9))
    app = make_app()
    async with app.run_test(size=(60, 16)) as pilot:
        given = {"name": "mine", "size": "28x20", "ink": "yes", "test": "0.5"}
        await asked(pilot, until, source=str(folder), **given)
        await tap(pilot, "enter")
        await on_screen(pilot, ConfigsScreen)
        info = get("mine")
        assert (info.image_shape, info.train_size, info.test_size) == ((1, 28, 20), 10, 10)
        assert info.preparation.ink


async def test_what_cannot_be_read_is_left_out_and_said(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    folder = make_folder(home / "pets", count=6)
    (folder / "dog" / "bad.png").write_bytes(b"not an image")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(pilot, until, source=str(folder))
        await tap(pilot, "enter")
        await on_screen(pilot, ConfigsScreen)
        await until(
            pilot,
            lambda: any("left out 1 that cannot be read" in n.message for n in app._notifications),
        )


@pytest.mark.parametrize(
    ("values", "words"),
    rest_as_proofs(
        [
            ({}, "type the path of a folder"),
            ({"source": "nowhere"}, "nowhere: no such file or folder"),
            ({"source": "pets", "size": "big"}, "size: expected a size such as 32 or 32x48"),
            ({"source": "pets", "channels": "2"}, "channels: expected 1 or 3"),
            ({"source": "pets", "ink": "maybe"}, "drawings: expected yes or no"),
            ({"source": "pets", "test": "some"}, "test: expected a share"),
            ({"source": "pets", "test": "1"}, "test: expected a fraction above 0"),
            ({"source": "pets", "name": "a/b"}, "name: expected 1 to 64 letters"),
            ({"source": "pets", "name": "mnist"}, "comes with cnn-tui"),
            ({"source": "~nobody-at-all/x"}, "nobody-at-all"),
        ],
        every=3,
        rows=True,
    ),
    ids=str,
)
async def test_what_cannot_be_imported_stays_in_the_dialog_with_the_reason(
    make_app: MakeApp, home: Path, until: Until, values: dict[str, str], words: str
) -> None:
    make_folder(home / "pets", count=4)
    before = names()
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await asked(pilot, until, **values)
        await tap(pilot, "enter")
        await until(pilot, lambda: words in said(dialog))
        assert app.screen is dialog
        assert names() == before
        await tap(pilot, "x")
        assert said(dialog) == "", "typing continues"


async def test_esc_stops_an_import_and_leaves_nothing(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder(home / "pets", count=4)
    app, begun, go_on = make_app(), threading.Event(), threading.Event()
    report = source.Watch.report

    def slow(self: source.Watch, label: str, done: int, total: int) -> None:
        report(self, label, done, total)
        if label == "train images":
            begun.set()
            go_on.wait(60)

    monkeypatch.setattr(source.Watch, "report", slow)
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await asked(pilot, until, source=str(home / "pets"))
        await tap(pilot, "enter")
        await until(pilot, begun.is_set)
        await until(pilot, lambda: "━" in seen(app) or " of " in seen(app))
        await tap(pilot, "enter", "escape")
        await until(pilot, lambda: "stopping" in seen(app))
        go_on.set()
        await until(pilot, lambda: "nothing was imported" in said(dialog))
        assert "pets" not in names()
        assert not list((home / "data" / "processed").iterdir()), "nothing is half written"
        await tap(pilot, "escape")
        await on_screen(pilot, ConfigsScreen)


async def test_a_config_that_is_there_stays(make_app: MakeApp, home: Path, until: Until) -> None:
    make_folder(home / "tiny", count=4)
    mine = (home / "configs" / "tiny.yaml").read_text()
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(pilot, until, source=str(home / "tiny"))
        await tap(pilot, "enter")
        await on_screen(pilot, ConfigsScreen)
        await until(pilot, lambda: app.workspace.document.name == "tiny-2")
    assert (home / "configs" / "tiny.yaml").read_text() == mine


async def test_a_config_that_cannot_be_written_is_said(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    make_folder(home / "pets", count=4)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(pilot, until, source=str(home / "pets"))
        (home / "configs" / "tiny.yaml").unlink()
        (home / "configs").rmdir()
        (home / "configs").write_text("a file")
        await tap(pilot, "enter")
        await on_screen(pilot, ConfigsScreen)
        await until(pilot, lambda: any("not saved" in n.message for n in app._notifications))
        assert any("pets is imported" in n.message for n in app._notifications)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/photos/pets", "pets"),
        ("/photos/pets/", "pets"),
        ("C:\\photos\\pets", "pets"),
        ("pets.tar.gz", "pets"),
        ("~/my.pets.ZIP", "my.pets"),
        ("pets.npz", "pets"),
        ("/x/ä ö/", ""),
        ("known", "known-3"),
        ("", ""),
        ("x" * 200, "x" * 60),
    ],
)
def test_the_name_follows_from_the_path(path: str, name: str) -> None:
    assert suggested_name(path, ("known", "known-2")) == name


async def test_every_hint_is_seen_whole_in_the_smallest_terminal(
    make_app: MakeApp, until: Until
) -> None:
    app = make_app()
    async with app.run_test(size=(60, 16)) as pilot:
        dialog = await asked(pilot, until, test="")
        for field in dialog.query(Input):
            assert field.placeholder in seen(app), field.id


async def test_of_a_name_that_is_taken_it_says_what_one_can_do(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    make_folder(home / "photos", count=4)
    make_set(home / "data" / "raw", "pets")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await asked(pilot, until, source=str(home / "photos"), name="pets")
        await tap(pilot, "enter")
        await until(pilot, lambda: "another name" in said(dialog))
        assert "'cnn-tui data remove pets' in a shell" in said(dialog)
        assert "replace" not in said(dialog)
        dialog.query_one("#name", Input).value = "others"
        await until(pilot, lambda: not said(dialog))
        await tap(pilot, "enter")
        await on_screen(pilot, ConfigsScreen)
        assert {"pets", "others"} <= set(names())
