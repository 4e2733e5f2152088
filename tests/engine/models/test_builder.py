"""From specs to networks: what is inferred, and where a spec is wrong."""

from typing import Any

import numpy as np
import pytest

from engine.errors import ConfigError, SpecError
from engine.layers import Conv2D, Dense, Residual, Sequential
from engine.models import PRESETS, build, preset


def test_sizes_follow_from_the_shape() -> None:
    model = build(
        [
            {"Conv2D": {"out_channels": 4, "kernel_size": 3}},
            "BatchNorm2D",
            {"Residual": {"body": [{"Conv2D": {"out_channels": 4, "kernel_size": 1}}]}},
            "Flatten",
            {"Dense": {"out_features": 5}},
            {"BatchNorm1D": None},
        ],
        (3, 6, 7),
    )
    assert model.output_shape((3, 6, 7)) == (5,)
    assert isinstance(model[0], Conv2D)
    assert model[0].in_channels == 3
    assert isinstance(model[4], Dense)
    assert model[4].in_features == 4 * 4 * 5
    assert isinstance(model[2], Residual)
    assert not model.named_parameters()


def test_a_model_is_its_spec() -> None:
    for name in PRESETS:
        shape = (3, 32, 32)
        model = build(preset(name, 7), shape)
        twin = build(model.spec(), shape)
        assert twin.spec() == model.spec()
        assert twin.state_shapes() == model.state_shapes()
        assert model.output_shape(shape) == (7,)


def test_one_seed_one_network() -> None:
    def weights(seed: int, dtype: Any = np.float32) -> dict[str, np.ndarray]:
        model = build(preset("resnet_cifar10", 10), (3, 16, 16))
        return model.initialise(np.random.default_rng(seed), dtype).state_dict()

    wide = weights(1, np.float64)
    for name, array in weights(1).items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, wide[name].astype(np.float32))
    assert (weights(2)["0.weight"] != weights(1)["0.weight"]).all()


WRONG: list[tuple[Any, tuple[Any, ...], str]] = [
    ("ReLU", (), "expected a list of layers, got 'ReLU'"),
    (3, (), "expected a list of layers, got 3"),
    ([], (), "at least one layer, got an empty list"),
    (["ReLU"] * 1001, (), "at most 1000 layers, got 1001"),
    ([3], (0,), "a layer's name, or one name with its arguments, got 3"),
    ([{"ReLU": {}, "Tanh": {}}], (0,), "one name with its arguments"),
    (["Relu"], (0, "Relu"), "unknown layer. Did you mean 'ReLU'?"),
    (["Xyz"], (0, "Xyz"), "unknown layer."),
    ([{"Dense": 5}], (0, "Dense"), "expected arguments by name, got 5"),
    (["ReLU", {"ReLU": {"slope": 1}}], (1, "ReLU", "slope"), "It takes none."),
    ([{"Dropout": {"rate": 0.5}}], (0, "Dropout", "rate"), "It takes p."),
    (
        [{"Conv2D": {"out_channels": 2, "kernal_size": 3}}],
        (0, "Conv2D", "kernal_size"),
        "Did you mean 'kernel_size'?",
    ),
    ([{"Conv2D": {"kernel_size": 3}}], (0, "Conv2D"), "needs out_channels"),
    (
        [{"Conv2D": {"out_channels": 2, "kernel_size": 0}}],
        (0, "Conv2D", "kernel_size"),
        "whole number >= 1, got 0",
    ),
    (
        [{"Conv2D": {"out_channels": 2, "kernel_size": 9}}],
        (0, "Conv2D"),
        "an image that the kernel fits into",
    ),
    ([{"Dense": {"out_features": 2}}], (0, "Dense"), "put a Flatten before it"),
    ([{"Residual": {}}], (0, "Residual"), "needs body"),
    ([{"Residual": {"body": []}}], (0, "Residual", "body"), "at least one layer"),
    ([{"Residual": {"bodi": []}}], (0, "Residual", "bodi"), "Did you mean 'body'?"),
    (
        [{"Residual": {"body": ["ReLU", "Relu"]}}],
        (0, "Residual", "body", 1, "Relu"),
        "unknown layer",
    ),
    (
        [{"Residual": {"body": [{"Conv2D": {"out_channels": 2, "kernel_size": 3}}]}}],
        (0, "Residual"),
        "they are added",
    ),
]


@pytest.mark.parametrize(("specs", "path", "words"), WRONG)
def test_what_is_wrong_and_where(specs: Any, path: tuple[Any, ...], words: str) -> None:
    with pytest.raises(SpecError) as caught:
        build(specs, (3, 6, 6))
    assert caught.value.path == path
    assert words in caught.value.reason
    assert str(caught.value).startswith("layers")


def test_arguments_that_the_shape_contradicts() -> None:
    spec = {"Conv2D": {"in_channels": 5, "out_channels": 2, "kernel_size": 3}}
    with pytest.raises(SpecError, match="expected 5 channels"):
        build([spec], (3, 6, 6))
    spec = {"Conv2D": {"out_channels": 4, "kernel_size": 3, "groups": 2}}
    with pytest.raises(SpecError, match="does not divide in_channels=3"):
        build([spec], (3, 6, 6))


def test_a_network_that_does_not_fit_into_memory_is_refused() -> None:
    with pytest.raises(SpecError, match="more than 500,000,000 are refused"):
        build(["Flatten", {"Dense": {"out_features": 10_000_000}}], (3, 6, 6))


def test_presets_have_names() -> None:
    with pytest.raises(ConfigError, match="unknown preset 'lenet'; there are mlp, lenet_mnist"):
        preset("lenet", 10)
    assert isinstance(build(preset("mlp", 3), (1, 4, 4)), Sequential)
