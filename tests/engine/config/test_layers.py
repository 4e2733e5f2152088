"""Networks that do not fit: found before anything runs, at the layer's place in the file."""

import dataclasses

import pytest

from engine.data import DATASETS
from engine.errors import SpecError
from tests.support.config_text import BASE, problems_of

LAYERS = {
    "unknown layer": (
        "- Flatten\n- Dens: {out_features: 10}\n",
        "4:3: layers.1.Dens: unknown layer. Did you mean 'Dense'?",
    ),
    "unknown argument": (
        "- Conv2D: {out_channels: 8, kernel: 3}\n",
        "3:29: layers.0.Conv2D.kernel: unknown argument. Did you mean 'kernel_size'?",
    ),
    "impossible shape": (
        "- Conv2D: {out_channels: 8, kernel_size: 64}\n",
        "3:3: layers.0.Conv2D: Conv2D(1→8, k=64) got input of shape (1, 28, 28); expected",
    ),
    "inside a residual": (
        "- Residual:\n    body:\n    - Conv2D: {out_channels: x, kernel_size: 3}\n",
        "5:30: layers.0.Residual.body.0.Conv2D.out_channels: expected a whole number >= 1, got 'x'",
    ),
    "missing argument": (
        "- Flatten\n- Dense\n",
        "4:3: layers.1.Dense: needs out_features",
    ),
    "too many scores": (
        "- Flatten\n- Dense: {out_features: 11}\n",
        "4:3: layers.1: the network ends with shape 11, expected 10: "
        "one score for each class of mnist",
    ),
    "an image at the end": (
        "- ReLU\n",
        "3:3: layers.0: the network ends with shape 1×28×28, expected 10: "
        "one score for each class of mnist",
    ),
    "arguments not indented": (
        "- Flatten\n- Dense:\n  out_features: 10\n",
        "4:3: layers.1: expected one layer in a list item, got 2 keys; the arguments of Dense "
        "belong below it, indented by two more spaces",
    ),
    "argument without name": (
        "- Flatten\n- Dense: 10\n",
        "4:3: layers.1: expected Dense with a mapping of its arguments below it",
    ),
    "layer as a number": (
        "- 3\n",
        "3:3: layers.0: expected a layer's name, or a mapping such as Conv2D: {out_channels: 8}",
    ),
    "no layers": (
        "  []\n",
        "2:1: layers: expected a list of layers, e.g. [Flatten, Dense: {out_features: 10}], got []",
    ),
    "braces in a name": (
        "- '{x}': 5\n",
        "3:3: layers.0: expected {x} with a mapping of its arguments below it",
    ),
    "escape in a name": (
        '- "\\e[31m"\n',
        "3:3: layers.0.[31m: unknown layer.",
    ),
}


@pytest.mark.parametrize(("text", "expected"), LAYERS.values(), ids=LAYERS)
def test_layers_that_do_not_fit(text: str, expected: str) -> None:
    (line,) = problems_of(f"dataset: mnist\nlayers:\n{text}")
    assert line.startswith(f"mnist.yaml:{expected}")
    assert line.isprintable()


def test_no_network() -> None:
    assert problems_of("seed: 1\ndataset: mnist\n") == [
        "mnist.yaml:1:1: model: missing; expected a model by name, "
        "or its layers spelled out in 'layers'"
    ]


def test_a_preset_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    small = dataclasses.replace(DATASETS["mnist"], image_shape=(1, 6, 6))
    monkeypatch.setitem(DATASETS, "mnist", small)
    (line,) = problems_of(BASE)
    assert line.startswith("mnist.yaml:2:8: model: lenet_mnist does not fit the 1×6×6 images of")


def test_words_of_other_rooms_are_shown_without_control_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = SpecError((0,), "red \x1b[31m\u202e\nline")
    monkeypatch.setattr("engine.config.cross_checks.spec_problems", lambda *_: [problem])
    assert problems_of("dataset: mnist\nlayers: [Flatten, Dense: {out_features: 10}]\n") == [
        "mnist.yaml:2:10: layers.0: red [31mline"
    ]
