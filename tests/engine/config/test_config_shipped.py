"""The configs that ship with the project, and the list of those there are."""

from pathlib import Path

import pytest

from engine.config import config_hash, dump, list_configs, load, loads
from engine.resources import shipped

SHIPPED = list_configs()
NAMES = {
    "quickstart", "mnist_lenet", "mnist_best", "fashion_lenet",
    "cifar10_tiny_vgg", "cifar10_resnet", "custom_layers",
}  # fmt: skip


def test_all_are_there() -> None:
    assert {path.stem for path in SHIPPED} >= NAMES


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_configs_load(path: Path) -> None:
    config = load(path)
    assert config.name == path.stem
    again = loads(dump(config))
    assert again == config
    assert config_hash(again) == config_hash(config)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_configs_explain_themselves(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0].startswith("# ")
    assert all(len(line) <= 100 and line == line.rstrip() and line.isprintable() for line in lines)


def test_the_first_run_needs_no_download() -> None:
    assert load(shipped("configs", "quickstart.yaml")).dataset == "mnist_mini"


def test_two_checkpoints_never_share_a_file() -> None:
    paths = [
        options.filepath
        for path in SHIPPED
        for item in load(path).callbacks
        for _, options in item
        if hasattr(options, "filepath")
    ]
    assert len(paths) == len(set(paths))


def test_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert list_configs() == SHIPPED  # no folder configs here
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
        *SHIPPED,
        Path("configs/a.yml"),
        Path("configs/b.yaml"),
        other / "e.yaml",
    ]


def test_a_checkout_lists_its_configs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shipped("configs").parent)
    assert list_configs() == SHIPPED
