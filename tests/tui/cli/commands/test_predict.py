"""``predict`` with a network that is trained once."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from engine import data
from engine.services import predict as service
from engine.services.predict import TrainedNetwork, open_network
from engine.services.signals import Interrupted
from tests.support.command_line import Terminal
from tests.support.command_runs import speak
from tui.cli.commands.predict import predict


@pytest.fixture
def network(trained: Path) -> TrainedNetwork:
    return open_network(str(trained), None, None, ())


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """A folder of images of the bundled test set, in a folder a class."""
    test = data.load("mnist_mini").test
    for i in range(20):
        folder = tmp_path / "digits" / str(test.labels[i])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(test.images[i, 0]).save(folder / f"{i}.png")
    return tmp_path / "digits"


def test_a_folder_of_classes_is_scored(
    digits: Path, network: TrainedNetwork, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = speak(capsys, as_json=True)
    assert predict(network, [str(digits)], spoken.out, top=2) == 0
    *lines, score = spoken.lines()
    test = data.load("mnist_mini").test
    x = (test.images[:20] / np.float32(255) - network.info.mean[0]) / network.info.std[0]
    expected = network.model.eval().forward(x.astype(np.float32)).argmax(axis=1)
    assert {line["file"]: line["predicted"] for line in lines} == {
        str(digits / str(test.labels[i]) / f"{i}.png"): str(expected[i]) for i in range(20)
    }
    assert all(line["top"][0]["class"] == line["predicted"] for line in lines)
    assert all(len(line["top"]) == 2 for line in lines)
    right = int((expected == test.labels[:20]).sum())
    assert (score["answered"], score["labelled"], score["right"]) == (20, 20, right)
    assert score["accuracy"] == right / 20

    spoken = speak(capsys)
    predict(network, [str(digits)], spoken.out, top=2)
    words, _ = spoken.read()
    assert f"{right} of 20 right" in words
    wrong = words.partition(f"{20 - right} wrong")[2].splitlines()[1:]
    assert len(wrong) == min(20 - right, 10) > 0
    assert all(", predicted as " in line for line in wrong)


def test_one_that_cannot_be_read_makes_it_3_and_stops_nothing(
    digits: Path, trained: Path, tmp_path: Path
) -> None:
    (digits / "3" / "text.png").write_text("no image")
    terminal = Terminal(tmp_path)
    weights = ["--weights", str(trained)]
    done = terminal.run_here("predict", *weights, "digits", "gone.png")
    assert done.code == 3
    assert "20 right" in done.out
    assert done.errors == [
        "digits/3/text.png: not an image of a known format (PNG, JPEG, BMP, GIF, WebP, TIFF)",
        "gone.png: no such file or directory",
        "2 of 22 could not be read",
    ]
    done = terminal.run_here("predict", *weights, "--json", "--quiet", "gone.png")
    assert (done.code, done.errors) == (3, ["gone.png: no such file or directory"])
    assert json.loads(done.out) == {"file": "gone.png", "error": "no such file or directory"}


def test_names_of_strangers_stay_in_their_line(
    tmp_path: Path, network: TrainedNetwork, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "a\nb\x1b[31m\u202egnp.png"
    Image.new("L", (28, 28)).save(tmp_path / name)
    spoken = speak(capsys)
    assert predict(network, [str(tmp_path / name)], spoken.out, top=1) == 0
    words, _ = spoken.read()
    assert len(words.splitlines()) == 1
    assert "a\ufffdb\ufffd[31m\ufffdgnp.png: " in words
    spoken = speak(capsys, as_json=True)
    predict(network, [str(tmp_path / name)], spoken.out, top=1)
    assert spoken.lines()[0]["file"] == str(tmp_path / name)


def test_a_terminal_is_shown_what_the_network_sees(
    digits: Path,
    network: TrainedNetwork,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    spoken = speak(capsys)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    image = next(digits.glob("*/*.png"))
    predict(network, [str(image)], spoken.out, top=1)
    words, _ = spoken.read()
    assert "@@" in words.partition("as the network sees it")[0]
    predict(network, [str(digits)], spoken.out, top=1)
    assert "as the network" not in spoken.read()[0], "of a folder there may be thousands"


def test_it_ends_at_a_signal(
    digits: Path, network: TrainedNetwork, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = speak(capsys)
    read = service.read_picture

    def kill(*given: Any) -> np.ndarray:
        os.kill(os.getpid(), signal.SIGTERM)
        return read(*given)

    with (
        patch.object(service, "read_picture", side_effect=kill),
        pytest.raises(Interrupted) as caught,
    ):
        predict(network, [str(digits)], spoken.out, top=1)
    assert spoken.read()[0] == ""
    assert caught.value.exit_code == 143


def test_a_network_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = Terminal(tmp_path).run_here("predict", "--weights", "gone", "a.png")
    assert done.code == 3
    assert len(done.errors) == 1
    assert "no such file" in done.err
