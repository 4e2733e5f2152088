"""What every registered data set promises, and the names by which it is found."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from engine.data import DATASETS, DatasetInfo, how_to_get, load, locate, register, verify
from engine.errors import ConfigError

ROOT = Path(__file__).parents[3]


DOWNLOADED = [name for name, info in DATASETS.items() if info.downloads]
SHIPPED = [name for name in DATASETS if name not in DOWNLOADED]


@pytest.mark.parametrize("info", DATASETS.values(), ids=DATASETS)
def test_it_describes_itself(info: DatasetInfo) -> None:
    assert DATASETS[info.name] is info
    assert info.title.isprintable()
    assert len(set(info.classes)) == len(info.classes) > 1
    assert min(*info.image_shape, info.train_size, info.test_size) > 0
    assert len(info.mean) == len(info.std) == info.image_shape[0]
    assert all(0 < value < 1 for value in (*info.mean, *info.std))


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_with_the_project_needs_no_root(name: str, tmp_path: Path) -> None:
    assert locate(name, tmp_path) is not None


@pytest.mark.parametrize("name", DOWNLOADED)
def test_what_is_downloaded_says_how_to_get_it(name: str, tmp_path: Path) -> None:
    advice = how_to_get(name, tmp_path)
    assert advice.startswith(f"run 'cnn-tui data fetch {name} --root ")
    assert all(file.name in advice for file in DATASETS[name].downloads)
    assert DATASETS[name].mirrors


@pytest.mark.parametrize("name", DOWNLOADED)
def test_what_is_downloaded_is_found(name: str, tmp_path: Path) -> None:
    info = DATASETS[name]
    folder = info.folder(tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    for file in info.downloads:
        (folder / file.name).touch()
    assert locate(name, tmp_path) is not None


def test_fashion_mnist_is_looked_for_under_both_spellings(tmp_path: Path) -> None:
    names = [file.name for file in DATASETS["fashion_mnist"].downloads]
    for spelling in ("fashion-mnist", "fashion_mnist"):
        (tmp_path / spelling).mkdir()
        for name in names:
            (tmp_path / spelling / name).touch()
        assert locate("fashion_mnist", tmp_path) == tmp_path / spelling


def test_the_smallest_download_comes_first() -> None:
    sizes = [sum(file.size for file in info.downloads) for info in DATASETS.values()]
    assert sizes == sorted(sizes)


def test_a_second_data_set_of_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="two data sets named mnist"):
        register(dataclasses.replace(DATASETS["mnist"]))


def test_an_unknown_name_gets_a_suggestion() -> None:
    listed = "'cnn-tui data list' lists all"
    with pytest.raises(ConfigError, match=rf"'minst'; {listed}\. Did you mean 'mnist'\?$"):
        load("minst")
    with pytest.raises(ConfigError, match=rf"unknown data set 'imagenet'; {listed}$"):
        verify("imagenet")
    assert locate("imagenet") is None


def test_the_beginning_of_several_names_names_those() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'emnist_letters' or 'emnist_balanced'"):
        load("emnist")
    with pytest.raises(ConfigError, match="Did you mean 'cifar100' or 'cifar10'"):
        load("CIFAR")


def test_importing_the_room_does_not_import_the_network() -> None:
    code = "import sys, engine.data; print(sorted({'requests', 'urllib3'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"
