"""The data view: counts, an image of every class, and what augmentation makes of one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot

from engine import data
from engine.config import load
from engine.services.datasets import as_trained_on
from engine.train import factory
from tests.support.app_pilot import Until, on_screen, seen, settled, tap
from tests.support.imported_sets import make_set
from tui.app import CnnApp
from tui.screens.configs.data.class_table import ClassCounts
from tui.screens.configs.data.screen import AugmentedSample, ClassSamples, DataScreen
from tui.screens.configs.screen import ConfigsScreen

MakeApp = Callable[..., CnnApp]
CONFIG = """
dataset: pets
layers: [Flatten, {Dense: {out_features: %d}}]
data: {validation: 0.2, augment: {%s}}
train: {batch_size: 40}
"""


def pets(home: Path, augment: str = "shift: 2", **options: object) -> None:
    """A config of an imported set."""
    info = make_set(home / "data" / "raw", **options)  # type: ignore[arg-type]
    (home / "configs" / "pets.yaml").write_text(CONFIG % (len(info.classes), augment))


async def opened(pilot: Pilot, until: Until) -> DataScreen:
    await tap(pilot, "d")
    screen = await on_screen(pilot, DataScreen)
    await settled(pilot, until)
    return screen


async def test_it_shows_counts_and_an_image_of_every_class(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    pets(home, train=61)
    app = make_app("pets")
    async with app.run_test(size=(100, 36)) as pilot:
        screen = await opened(pilot, until)
        shown = seen(app)
        for words in ("cat 21", "dog 20", "a fox 20", "61 train + 12 test", "from made up"):
            assert words in " ".join(shown.split()), shown
        assert "imbalance 1.05" in shown
        assert f"in {Path('data/processed/pets')}" in shown
        tiles = screen.query_one(ClassSamples)
        assert tiles.captions == ("cat", "dog", "a fox")
        dataset = data.load("pets")
        batches, _ = factory.training_batches(load(home / "configs" / "pets.yaml"), dataset)
        for turn in range(2):
            for label in range(3):
                mine = batches.indices[dataset.train.labels[batches.indices] == label]
                expected = dataset.train.images[mine[turn], 0] / np.float32(255)
                np.testing.assert_allclose(tiles.pictures[label], expected)
            await tap(pilot, "n")
            await settled(pilot, until)
        await until(pilot, lambda: "image 3 of every class" in seen(app))
        await tap(pilot, "N", "N", "N")
        await settled(pilot, until)
        await until(
            pilot, lambda: f"image {batches.samples_per_epoch // 3 + 1} of every class" in seen(app)
        )
        await tap(pilot, "escape")
        await on_screen(pilot, ConfigsScreen)


async def test_the_chosen_image_is_shown_as_the_run_sees_it(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    pets(home, "shift: 2, flip: true")
    app = make_app("pets")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, until)
        await tap(pilot, "down", "a")
        await settled(pilot, until)
        tiles = screen.query_one(AugmentedSample)
        await until(pilot, lambda: len(tiles.pictures) == 9)
        assert tiles.captions[:3] == ("original", "epoch 1", "epoch 2")
        await until(pilot, lambda: "as it is trained on: shift 2, flip" in seen(app))
        config = load(home / "configs" / "pets.yaml")
        dataset = data.load("pets")
        batches, _ = factory.training_batches(config, dataset)
        dogs = batches.indices[dataset.train.labels[batches.indices] == 1]
        expected = as_trained_on(config, dataset, int(dogs[0]), 8)[:, 0]
        np.testing.assert_allclose(tiles.pictures[1:], expected, atol=1 / 255)
        await until(pilot, lambda: f"training image {dogs[0]}" in seen(app))
        await tap(pilot, "n")
        await until(pilot, lambda: f"training image {dogs[1]}" in seen(app))
        await tap(pilot, "a")
        await until(pilot, lambda: "of every class" in seen(app))


async def test_table_and_images_have_one_cursor(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    pets(home)
    app = make_app("pets")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, until)
        table, tiles = screen.query_one(ClassCounts), screen.query_one(ClassSamples)
        await tap(pilot, "down", "down")
        await until(pilot, lambda: tiles.cursor == 2)
        tiles.focus()
        await until(pilot, lambda: tiles.has_focus)
        await tap(pilot, "left")
        await until(pilot, lambda: table.cursor == 1)
        await tap(pilot, "enter")
        await until(pilot, lambda: screen.has_class("-augmented"))


async def test_without_augmentation_it_says_how_to_get_some(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    pets(home, "shift: 0")
    app = make_app("pets")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, until)
        await tap(pilot, "a")
        await until(pilot, lambda: "data.augment changes them" in seen(app))


async def test_a_hundred_classes_are_walked_through_by_keyboard(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    names = tuple(f"class {i}" for i in range(100))
    pets(home, classes=names, shape=(3, 16, 16), train=390, test=100)
    app = make_app("pets")
    async with app.run_test(size=(60, 16)) as pilot:
        screen = await opened(pilot, until)
        await tap(pilot, "end")
        await settled(pilot, until)
        await until(pilot, lambda: "▸class 99" in seen(app))
        assert screen.query_one(ClassSamples).cursor == 99
        await until(pilot, lambda: "▴class 99" in seen(app))


async def test_a_class_without_training_images_has_no_picture(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    pets(home, train=31)
    config = home / "configs" / "pets.yaml"
    config.write_text(config.read_text().replace("validation: 0.2", "validation: 1, limit: 3"))
    app = make_app("pets")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, until)
        captions = screen.query_one(ClassSamples).captions
        assert sum(caption.startswith("none of ") for caption in captions) == 1
        label = next(i for i, one in enumerate(captions) if one.startswith("none of "))
        await tap(pilot, *["down"] * label, "a")
        await until(pilot, lambda: "no image of this class is trained on" in seen(app))


async def test_data_that_is_not_here_is_said_with_the_command(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    (home / "configs" / "big.yaml").write_text("dataset: cifar10\nmodel: tiny_vgg_cifar10\n")
    app = make_app("big")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, until)
        shown = seen(app)
        assert "CIFAR-10 is not on this machine" in shown
        assert "cnn-tui data fetch cifar10" in shown
        await tap(pilot, "n")
        await until(pilot, lambda: any("nothing to show" in n.message for n in app._notifications))


async def test_damaged_data_is_said_in_the_view(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    pets(home)
    images = home / "data" / "processed" / "pets" / "train-images.npy"
    images.write_bytes(images.read_bytes()[:-1])
    app = make_app("pets")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, until)
        assert "bytes, expected" in " ".join(seen(app).split())


async def test_a_set_that_is_replaced_meanwhile_is_said(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    pets(home)
    app = make_app("pets")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, until)
        images = home / "data" / "processed" / "pets" / "train-images.npy"
        content = images.read_bytes()
        images.unlink()
        images.write_bytes(content)
        await tap(pilot, "n")
        await until(pilot, lambda: "replaced while it was in use" in " ".join(seen(app).split()))


async def test_a_config_with_errors_has_no_data(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    (home / "configs" / "bad.yaml").write_text("dataset: nothing\n")
    app = make_app("bad")
    async with app.run_test(size=(80, 24)) as pilot:
        await tap(pilot, "d")
        assert isinstance(app.screen, ConfigsScreen)
        await until(pilot, lambda: any("has errors" in n.message for n in app._notifications))


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (200, 60)], ids=str)
async def test_names_of_strangers_are_shown_without_their_escapes(
    make_app: MakeApp, home: Path, until: Until, size: tuple[int, int]
) -> None:
    pets(home, classes=("\x1b[31mred\u202e", "[b]bold[/b]", "猫" * 60))
    app = make_app("pets")
    async with app.run_test(size=size) as pilot:
        await opened(pilot, until)
        shown = seen(app)
        assert "[b]" in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown
