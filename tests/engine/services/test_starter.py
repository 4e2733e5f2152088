"""The first config of a data set: it loads, fits the images, and is worth training."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.config import advise, loads
from engine.data import DATASETS, ImportedDataset, get
from engine.services.configs import network_summary
from engine.services.starter import Choices, starter_config
from engine.train.session import TrainingSession
from tests.support.imported_sets import make_set

INFO = ImportedDataset(
    name="pets",
    title="pets",
    classes=("cat", "dog", "a fox"),
    image_shape=(3, 32, 32),
    train_size=200,
    test_size=50,
    mean=(0.5, 0.5, 0.5),
    std=(0.2, 0.2, 0.2),
)


@pytest.mark.parametrize(
    "side", [(1, 1), (1, 40), (3, 3), (7, 7), (8, 8), (28, 28), (64, 96), (256, 256)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_it_fits_images_of_every_size(side: tuple[int, int], channels: int) -> None:
    info = replace(
        INFO, image_shape=(channels, *side), mean=(0.5,) * channels, std=(0.2,) * channels
    )
    config = loads(starter_config(info), "pets.yaml", known=info)
    summary = network_summary(config)
    assert summary.rows[-1].kind == "Dense"
    assert summary.parameters < 500_000


def test_it_fits_any_number_of_images_and_classes_without_a_warning() -> None:
    for classes, train in ((2, 20), (10, 300), (20, 150), (100, 1000), (1000, 50_000)):
        info = replace(INFO, classes=tuple(map(str, range(classes))), train_size=train)
        config = loads(starter_config(info), "pets.yaml", known=info)
        assert not [one for one in advise(config) if one.level == "warning"], (classes, train)
        steps = config.train.epochs * train / config.train.batch_size
        assert config.train.epochs == 60 or steps >= 1000


@pytest.mark.parametrize("name", DATASETS)
def test_the_built_in_sets_have_one_too(name: str) -> None:
    assert loads(starter_config(get(name)), "first.yaml").dataset == name


@pytest.mark.parametrize("name", ["123", "no", "1e5", "a.b-c_d"])
def test_names_that_yaml_takes_for_something_else_stay_names(name: str) -> None:
    info = replace(INFO, name=name)
    root = Path("a: b # c")
    config = loads(starter_config(info, root), "x.yaml", known=info)
    assert (config.dataset, config.data.root) == (name, root)


def test_it_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CNN_TUI_DATA", str(tmp_path / "raw"))
    info = make_set(tmp_path / "raw", train=120, test=30)
    config = loads(starter_config(info), "pets.yaml", ["train.epochs=10", "train.lr=0.01"])
    assert TrainingSession(config).run().test["test_acc"] > 0.9


@pytest.mark.parametrize(
    ("optimizer", "rate"), [("adam", 0.001), ("rmsprop", 0.001), ("sgd", 0.05), ("muon", 0.05)]
)
def test_each_optimizer_begins_with_a_rate_that_suits_it(optimizer: str, rate: float) -> None:
    text = starter_config(get("mnist_mini"), choices=Choices(optimizer=optimizer))
    assert loads(text).train.lr == rate
