"""``explain`` with a network that is trained once."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import data
from engine.saliency import METHODS
from tests.support.command_line import Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@pytest.fixture
def weights(trained: Path) -> list[str]:
    return ["--weights", str(trained)]


@pytest.mark.parametrize("method", sorted(METHODS.keys() - {"grad_cam"}))
def test_the_picture_shows_the_image_and_its_heat_map(
    terminal: Terminal, weights: list[str], method: str
) -> None:
    arguments = ["explain", *weights, "3", "--method", method, "--output", "new/why.png"]
    done = terminal.run_here(*arguments, "--json", "--target", "3")
    found = json.loads(done.out)
    values = np.array(found["values"])
    assert (done.code, found["image"], found["target"]) == (0, "image 3 of mnist_mini", "3")
    assert found["output"] == str(Path("new", "why.png"))
    assert values.shape == (28, 28)
    assert values[tuple(found["most_for"])] == values.max()
    assert values[tuple(found["most_against"])] == values.min()
    if method == "integrated_gradients":
        assert found["sum"] == pytest.approx(found["score"] - found["baseline"], rel=0.01)
    with Image.open(terminal.folder / "new" / "why.png") as image:
        assert image.size == (280 + 12 + 280, 280)
        pixels = np.asarray(image)
    test = data.load("mnist_mini").test
    assert np.array_equal(pixels[5::10, 5:280:10], test.images[3, 0][:, :, None].repeat(3, axis=2))
    row, column = found["most_for"]
    red, _, blue = pixels[10 * row + 5, 292 + 10 * column + 5].astype(int)
    assert red > blue, "orange where it speaks for the class"


def test_an_image_file_is_explained_and_its_prediction_is_said(
    terminal: Terminal, weights: list[str]
) -> None:
    test = data.load("mnist_mini").test
    Image.fromarray(test.images[3, 0]).save(terminal.folder / "three.png")
    done = terminal.run_here("explain", *weights, "three.png")
    of_index = terminal.run_here("explain", *weights, "3")
    assert done.code == of_index.code == 0
    assert done.out.splitlines()[1:] == of_index.out.splitlines()[1:]
    assert done.out.startswith("three.png: ")
    assert "add up to" in done.out
    assert sorted(path.name for path in terminal.folder.iterdir()) == ["three.png"]


WRONG = [
    (["gone.png"], 3, "gone.png: no such file or directory"),
    (["1000"], 3, "mnist_mini: there is no image 1,000 in its test set; the last is 999"),
    (["9" * 30], 3, "in its test set; the last is 999"),
    (["3", "--target", "cat"], 2, "--target: there is no class cat; there are 0, 1, 2"),
    (["3", "--method", "grad_cam"], 2, "Grad-CAM needs a convolution, and this network has none"),
    (["3", "--method", "tea"], 2, "invalid choice: 'tea'"),
    (["3", "--output", "there.png"], 2, "there.png: exists already; --overwrite replaces it"),
    (["3", "--output", "folder"], 1, "folder: "),
]


@pytest.mark.parametrize(("arguments", "code", "words"), WRONG, ids=lambda value: str(value)[:24])
def test_what_cannot_be_explained_is_said_in_a_line(
    terminal: Terminal, weights: list[str], arguments: list[str], code: int, words: str
) -> None:
    (terminal.folder / "there.png").write_bytes(b"mine")
    (terminal.folder / "folder").mkdir()
    done = terminal.run_here("explain", *weights, *arguments)
    assert done.code == code
    assert done.out == ""
    assert words in done.errors[-1]
    assert (terminal.folder / "there.png").read_bytes() == b"mine"


def test_a_file_is_replaced_if_asked(terminal: Terminal, weights: list[str]) -> None:
    (terminal.folder / "there.png").write_bytes(b"mine")
    done = terminal.run_here("explain", *weights, "3", "--output", "there.png", "--overwrite")
    assert done.code == 0
    with Image.open(terminal.folder / "there.png") as image:
        assert image.format == "PNG"
