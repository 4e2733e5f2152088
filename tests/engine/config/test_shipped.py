"""The configs that ship with the project, and the list of those there are."""

from pathlib import Path

import pytest

from engine.config import config_hash, dump, list_configs, load, loads
from engine.resources import shipped
from tests.support.shipped_configs import SHIPPED_CONFIGS

EACH = pytest.mark.parametrize("name", SHIPPED_CONFIGS)


def paths() -> list[Path]:
    """Their files, in order of their names."""
    return [shipped("configs", f"{name}.yaml") for name in sorted(SHIPPED_CONFIGS)]


@EACH
def test_shipped_configs_load(name: str) -> None:
    config = load(shipped("configs", f"{name}.yaml"))
    assert config.name == name
    again = loads(dump(config))
    assert again == config
    assert config_hash(again) == config_hash(config)


@EACH
def test_shipped_configs_explain_themselves(name: str) -> None:
    lines = shipped("configs", f"{name}.yaml").read_text().splitlines()
    assert lines[0].startswith("# ")
    assert all(len(line) <= 100 and line == line.rstrip() and line.isprintable() for line in lines)


def test_the_first_run_needs_no_download() -> None:
    assert load(shipped("configs", "quickstart.yaml")).dataset == "mnist_mini"


def test_the_example_is_what_its_author_wrote() -> None:
    config = load(shipped("configs", "mnist_lenet.yaml"))
    train = config.train
    assert (config.dataset, config.model, config.seed) == ("mnist", "lenet_mnist", 42)
    assert (train.epochs, train.batch_size, train.lr) == (15, 128, 0.01)
    assert (train.optimizer, train.momentum, train.weight_decay) == ("sgd", 0.9, 0.0005)
    assert train.scheduler is not None
    assert train.scheduler.model_dump() == {"name": "step", "step_size": 5, "gamma": 0.5}
    stop, keep = (item.model_dump() for item in config.callbacks)
    assert (stop["early_stopping"]["monitor"], stop["early_stopping"]["patience"]) == ("val_acc", 3)
    checkpoint = keep["checkpoint"]
    assert str(checkpoint["filepath"]) == "checkpoints/lenet_mnist_best.npz"
    assert (checkpoint["monitor"], checkpoint["mode"]) == ("val_acc", "max")


def test_two_checkpoints_never_share_a_file() -> None:
    files = [
        options.filepath
        for path in paths()
        for item in load(path).callbacks
        for _, options in item
        if hasattr(options, "filepath")
    ]
    assert len(files) == len(set(files))


def test_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert list_configs() == paths()  # no folder configs here
    own, other = tmp_path / "configs", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    for name in ("b.yaml", "a.yml", ".hidden.yaml", "c.txt", "d.yaml~"):
        (own / name).touch()
    (own / "folder.yaml").mkdir()
    (other / "e.yaml").touch()
    (other / "link.yaml").symlink_to(own / "b.yaml")
    found = list_configs([other, tmp_path / "nowhere", own])
    assert found == [
        *paths(),
        Path("configs/a.yml"),
        Path("configs/b.yaml"),
        other / "e.yaml",
    ]


def test_a_checkout_lists_its_configs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shipped("configs").parent)
    assert list_configs() == paths()
