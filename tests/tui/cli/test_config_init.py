"""``config init``: a config that can be trained, from options or from answers."""

import io
import json
import sys
from pathlib import Path

import pytest

from engine.config import load
from engine.models import PRESETS
from tests.support.command_line import Done, Terminal
from tests.support.image_folders import make_folder, pixels, write_image
from tui.cli.main import main


class Keyboard(io.StringIO):
    """Answers that are typed at a terminal, and the terminal that shows the questions."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def config_init(terminal: Terminal, *arguments: str) -> Done:
    return terminal.run_here("config", "init", *arguments)


def answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answers: str, *arguments: str
) -> tuple[int, str]:
    """The exit code, and all that the terminal shows, of a dialogue."""
    screen = Keyboard()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CNN_TUI_DATA", "")
    monkeypatch.setattr(sys, "stdin", Keyboard(answers))
    monkeypatch.setattr(sys, "stderr", screen)
    return main(["config", "init", *arguments]), screen.getvalue()


def test_yes_writes_a_config_that_is_checked_and_trained(terminal: Terminal) -> None:
    done = config_init(terminal, "--yes")
    assert (done.code, done.out) == (0, "configs/mnist_mini.yaml\n")
    assert "next: 'cnn-tui train configs/mnist_mini.yaml' trains it" in done.err
    assert terminal.run_here("config", "check", "mnist_mini").code == 0
    small = ["--set", "train.epochs=1", "--set", "data.limit=200"]
    assert terminal.run_here("train", "mnist_mini", *small).code == 0
    assert (terminal.folder / "configs" / "mnist_mini.yaml").read_text().count("#") > 8


def test_options_are_in_the_file(terminal: Terminal) -> None:
    chosen = "--dataset cifar10 --model resnet_cifar10 --epochs 3 --batch-size 64 --lr 0.02"
    done = config_init(terminal, "mine", *chosen.split(), "--optimizer", "momentum", "--json")
    line = json.loads(done.out)
    config = load(terminal.folder / "mine.yaml")
    assert line["file"] == "mine.yaml"
    assert line["config"]["dataset"] == config.dataset == "cifar10"
    assert (config.model, config.train.epochs) == ("resnet_cifar10", 3)
    assert (config.train.batch_size, config.train.lr) == (64, 0.02)
    assert config.train.optimizer == "momentum"


def test_a_folder_of_images_becomes_data_set_and_config(terminal: Terminal) -> None:
    make_folder(terminal.folder / "my photos!", shape=(3, 32, 32), count=6)
    done = config_init(terminal, "--images", "my photos!", "--epochs", "1")
    assert (done.code, done.out) == (0, "configs/my-photos.yaml\n")
    assert "my-photos: 10 images to train on and 2 to test with, 2 classes, 3×32×32" in done.err
    assert terminal.run_here("train", "my-photos").code == 0
    done = config_init(terminal, "again.yaml", "--images", "my photos!")
    assert done.code == 2
    assert "my-photos: there is a data set of that name already" in done.err


def test_nothing_is_written_over_unasked(terminal: Terminal) -> None:
    mine = terminal.folder / "mine.yaml"
    mine.write_text("mine")
    done = config_init(terminal, "mine.yaml", "--yes")
    assert (done.code, done.out) == (2, "")
    assert done.errors == ["mine.yaml: it is there already; name another file, or add --replace"]
    make_folder(terminal.folder / "pets")
    assert config_init(terminal, "mine.yaml", "--images", "pets").code == 2
    assert terminal.files == ["mine.yaml", "pets"]  # nor was anything imported
    assert mine.read_text() == "mine"
    assert config_init(terminal, "mine.yaml", "--yes", "--replace").code == 0
    assert load(mine).dataset == "mnist_mini"


BAD = {
    "unknown data set": (["--dataset", "mnits"], "Did you mean 'mnist'?"),
    "unknown preset": (["--yes", "--model", "lenet"], "Did you mean 'lenet_mnist'?"),
    "unknown optimizer": (["--yes", "--optimizer", "adm"], "Did you mean 'adam'?"),
    "no rate": (["--yes", "--lr", "-1"], "a learning rate above 0, got -1"),
    "a rate that is no number": (["--yes", "--lr", "nan"], "a learning rate above 0, got nan"),
    "too many epochs": (["--yes", "--epochs", "99999999"], "epochs"),
    "no epochs": (["--yes", "--epochs", "0"], "a number from 1 up"),
    "size of no images": (["--yes", "--size", "32"], "are for --images"),
    "two kinds of data": (["--dataset", "mnist", "--images", "x"], "not allowed with"),
    "no images": (["--images", "nowhere"], "nowhere"),
    "nobody to ask": ([], "nobody can be asked here"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options_are_a_line_and_write_nothing(terminal: Terminal, case: str) -> None:
    arguments, message = BAD[case]
    done = config_init(terminal, *arguments)
    assert done.code in (2, 3)
    assert message in done.err
    assert len([line for line in done.errors if "nothing was run" not in line]) == 1
    assert terminal.files == []


def test_a_preset_that_does_not_fit_the_images_is_refused(terminal: Terminal) -> None:
    make_folder(terminal.folder / "pets")
    done = config_init(terminal, "--images", "pets", "--model", "lenet_mnist")
    assert done.code == 2
    assert "lenet_mnist does not fit images of 1x6x5" in done.errors[-1]
    assert not (terminal.folder / "configs").exists()


def test_enter_takes_what_is_proposed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, shown = answer(tmp_path, monkeypatch, "\n" * 4)
    assert code == 0
    assert all(name in shown for name in PRESETS)
    config = load(tmp_path / "configs" / "mnist_mini.yaml")
    assert (config.dataset, config.model) == ("mnist_mini", None)


def test_answers_are_in_the_file_and_wrong_ones_are_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = "mnits\nmnist\nlenet\nlenet_mnist\nten\n0\n7\nmy/net\n"
    code, shown = answer(tmp_path, monkeypatch, typed, "--lr", "0.5")
    assert code == 0
    assert "Did you mean 'mnist'?" in shown
    assert "'lenet': expected one of" in shown
    assert shown.count("expected a number from 1 to 100,000") == 2
    config = load(tmp_path / "my" / "net.yaml")
    assert (config.dataset, config.model) == ("mnist", "lenet_mnist")
    assert (config.train.epochs, config.train.lr) == (7, 0.5)


def test_a_folder_can_be_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(tmp_path / "photos", shape=(3, 20, 20))
    code, shown = answer(tmp_path, monkeypatch, "photos\nmnist\npets\nhuge\n12\n\n3\n\n")
    assert code == 0, shown
    assert "mnist: there is a data set of that name already" in shown
    config = load(tmp_path / "configs" / "pets.yaml", ["data.root=data/raw"])
    assert config.dataset_info.image_shape == (3, 12, 12)
    assert config.train.epochs == 3


def test_images_of_different_sizes_are_asked_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder(tmp_path / "photos", shape=(3, 20, 20))
    write_image(tmp_path / "photos" / "cat" / "wide.png", pixels(0, (3, 20, 30)))
    code, shown = answer(tmp_path, monkeypatch, "photos\n\n\n16\n\n\n\n")
    assert code == 0, shown
    assert "the images have different sizes" in shown
    assert shown.count("data set [") == 1
    config = load(tmp_path / "configs" / "photos.yaml", ["data.root=data/raw"])
    assert config.dataset_info.image_shape == (3, 16, 16)


def test_a_folder_without_images_leads_back_to_the_first_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    code, shown = answer(tmp_path, monkeypatch, "empty\n\n\n\n\n\n\n")
    assert code == 0, shown
    assert shown.count("data set [") == 2
    assert load(tmp_path / "configs" / "mnist_mini.yaml").dataset == "mnist_mini"


def test_a_file_that_is_there_is_replaced_only_after_a_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("mine")
    code, shown = answer(tmp_path, monkeypatch, "\n\n\n\nn\nother.yaml\n", "mine.yaml")
    assert code == 0
    assert "mine.yaml is there already: replace it?" in shown
    assert mine.read_text() == "mine"
    assert load(tmp_path / "other.yaml").dataset == "mnist_mini"
    assert answer(tmp_path, monkeypatch, "\n\n\n\nyes\n", "mine.yaml")[0] == 0
    assert load(mine).dataset == "mnist_mini"


def test_the_end_of_the_answers_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, shown = answer(tmp_path, monkeypatch, "\n\n")
    assert code == 2
    assert shown.splitlines()[-1] == "no more answers: nothing was written"
    assert list(tmp_path.iterdir()) == []


def test_hostile_answers_are_shown_cleaned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = "x\x1b]0;owned\x07\x9b31m\u202ey\n"
    code, shown = answer(tmp_path, monkeypatch, hostile + "\n" + hostile + "\n" + hostile)
    assert code == 2
    assert shown.replace("\n", "").isprintable()
