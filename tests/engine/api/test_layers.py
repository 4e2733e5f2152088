"""Layers without sizes: made from the registry, checked at once, and the same as in YAML."""

import copy
import inspect
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

import engine
from docs import stubs
from engine import Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU, Residual, Sequential
from engine.api import layers
from engine.errors import ConfigError
from engine.layers import LAYERS, Layer
from engine.layers import Dense as RealDense
from engine.models import build


def test_every_registered_layer_is_there_with_the_arguments_that_yaml_needs() -> None:
    for name, layer in LAYERS.items():
        described = getattr(engine, name)
        arguments = inspect.signature(described).parameters
        inferred = layer.infer({}, (1, 1, 1))
        assert [*arguments] == [n for n in inspect.signature(layer).parameters if n not in inferred]
        assert str(inspect.getdoc(layer)) in str(described.__doc__)


def test_a_new_layer_is_there_by_its_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    class Halved(Layer):
        """Half of everything."""

    monkeypatch.setitem(LAYERS, "Halved", Halved)
    try:
        name = Halved.__name__
        assert repr(getattr(engine, name)()) == "Halved()"
    finally:
        vars(layers).pop("Halved", None)


def test_positions_and_names_mean_what_the_layer_means() -> None:
    specs = Sequential(
        [
            Conv2D(4, (3, 3), padding="same"),
            Residual([Conv2D(4, 3, padding=1), ReLU()]),
            MaxPool2D(2),
            Dropout(0.25),
            Flatten(),
            Dense(out_features=3, bias=False),
        ]
    )
    network = specs.build((8, 8)).network
    again = build(network.spec(), (1, 8, 8))
    assert repr(again) == repr(network)
    assert network[0].output_shape((1, 8, 8)) == (4, 8, 8)
    assert network[3].spec() == {"Dropout": {"p": 0.25}}
    assert network[5].param_shapes() == {"weight": (3, 64)}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("Conv2D(8)", r"Conv2D\(8\): needs kernel_size"),
        ("Conv2D(0, 3)", r"Conv2D\(0, 3\): out_channels: expected a whole number >= 1"),
        ("Conv2D(8, 3, strides=2)", r"strides: unknown argument\. Did you mean 'stride'\?"),
        ("Conv2D(8, 3, kernel_size=3)", "kernel_size is given twice"),
        ("ReLU(1)", r"ReLU\(1\): takes nothing without a name"),
        ("Conv2D(1, 8, 3)", "takes only out_channels and kernel_size .*; in_channels follows from"),
        ("Dense(64, 10)", "takes only out_features without a name; in_features follows from"),
        ("BatchNorm2D(16)", "takes nothing without a name; num_features follows from the input"),
        ("Sequential([ReLU])", r"got the class ReLU; write ReLU\(\)"),
        ("Sequential([3])", r"expected a layer, such as Dense\(10\), got 3"),
        ("Sequential(ReLU())", "expected a list of layers"),
    ],
)
def test_a_mistake_is_said_where_it_is_made(code: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        eval(code, {name: getattr(engine, name) for name in (*LAYERS, "Sequential")})
    assert "\n" not in str(caught.value)


def test_real_layers_are_taken_while_they_have_no_weights() -> None:
    layer = RealDense(4, 2)
    assert repr(Sequential([Flatten(), layer]).build((2, 2)).network[1]) == "Dense(4→2)"
    with pytest.raises(ConfigError, match="has weights, which would be lost"):
        Sequential([Flatten(), layer.initialise(np.random.default_rng(0))])


def test_an_unknown_name_gets_a_suggestion() -> None:
    unknown = "Conv2d"
    with pytest.raises(AttributeError, match="Did you mean 'Conv2D'"):
        getattr(engine, unknown)
    with pytest.raises(ImportError):
        exec("from engine import nothing_of_the_kind")


def test_a_layer_can_be_copied_and_pickled() -> None:
    for other in (copy.deepcopy(Conv2D(8, 3)), pickle.loads(pickle.dumps(Conv2D(8, 3)))):
        assert type(other) is Conv2D
        assert repr(other) == "Conv2D(8, 3)"


def test_the_stub_for_editors_is_true() -> None:
    page = stubs.PAGE.read_text(encoding="utf-8")
    names = re.findall(r"^class (\w+)", page, re.M)
    assert "Conv2D" in names
    assert page == stubs.written(names), "run: python -m docs.stubs"


LIGHT = """
import sys, engine
print({"numpy", "pydantic", "engine.api"} & set(sys.modules))
engine.CNNClassifier
print({"sklearn", "requests", "PIL.Image"} & set(sys.modules))
"""


@pytest.mark.proof
def test_what_is_imported_is_what_is_asked_for() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["set()", "set()"]
