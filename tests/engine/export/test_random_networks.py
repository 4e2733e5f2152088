"""Random networks of every layer compute the same in every program that they are exported for.

A network that fails has its seed in the test's name: ``drawn_network(17)`` is that of ``[17]``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.export import EXPORTERS, Architecture
from engine.export.comparison import largest_difference, logits_of
from engine.layers import LAYERS, AvgPool2D, Conv2D, Layer, MaxPool2D, Residual
from tests.support.drawn_networks import CLASSES, drawable, drawn_network

SEEDS = range(200)


def test_every_registered_layer_can_be_drawn() -> None:
    strange = [name for name in LAYERS if not drawable(name)]
    assert not strange, f"describe in ARGUMENTS of tests/support/drawn_networks.py: {strange}"


def _features(layer: Layer) -> Iterator[str]:
    yield type(layer).__name__
    if isinstance(layer, Conv2D | MaxPool2D | AvgPool2D):
        window = layer.window
        if any(s > k for s, k in zip(window.stride, window.kernel, strict=True)):
            yield f"{type(layer).__name__}: stride above the kernel"
    if isinstance(layer, Conv2D):
        named = {
            "same, even kernel": layer.padding == "same" and min(k % 2 for k in window.kernel) == 0,
            "groups": layer.groups > 1,
            "dilation": max(window.dilation) > 1,
            "no bias": not layer.bias,
        }
        yield from (f"Conv2D: {name}" for name, holds in named.items() if holds)
    if isinstance(layer, AvgPool2D) and np.max(layer.padding) > 0:
        yield f"AvgPool2D: padding that counts: {layer.count_include_pad}"
    if isinstance(layer, MaxPool2D) and np.max(layer.padding) > 0:
        yield "MaxPool2D: padding"
    if isinstance(layer, Residual):
        yield f"Residual: a shortcut: {len(layer.shortcut.layers) > 0}"


def test_the_networks_have_every_layer_and_every_case_that_programs_differ_in() -> None:
    models = (drawn_network(seed)[0] for seed in SEEDS)
    found = {feature for model in models for layer in model.walk() for feature in _features(layer)}
    assert found >= LAYERS.keys() | {
        *(f"{kind}: stride above the kernel" for kind in ("Conv2D", "MaxPool2D", "AvgPool2D")),
        *(f"Conv2D: {name}" for name in ("same, even kernel", "groups", "dilation", "no bias")),
        *(f"AvgPool2D: padding that counts: {counts}" for counts in (True, False)),
        *(f"Residual: a shortcut: {there}" for there in (True, False)),
        "MaxPool2D: padding",
    }


@pytest.mark.proof
@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_network_computes_the_same_there(tmp_path: Path, seed: int) -> None:
    for package in ("torch", "safetensors", "onnx", "onnxruntime"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    model, shape = drawn_network(seed)
    channels, classes = shape[0], tuple("abcdefgh"[:CLASSES])
    architecture = Architecture(model.spec(), shape, classes, (0.4,) * channels, (0.2,) * channels)
    images = np.random.default_rng(seed).random((8, *shape), np.float32)
    ours = logits_of(model, architecture, images)
    paths = {name: tmp_path / f"{name}.{EXPORTERS[name].suffix}" for name in EXPORTERS}
    for name in ("onnx", "pytorch", "safetensors"):
        EXPORTERS[name].write(paths[name], model, architecture)
    found = {
        name: EXPORTERS[name].expect_runner().logits(paths[name], images)
        for name in ("onnx", "pytorch")
    }
    found["safetensors"] = _strictly(paths["safetensors"], model, architecture.normalised(images))
    limit = 1e-4 * max(np.abs(ours).max(), 1e-3)
    for name, theirs in found.items():
        difference = largest_difference(ours, theirs)
        assert difference <= limit, f"seed {seed}, {name}: {difference:.2g} of {limit:.2g}\n{model}"


def _strictly(path: Path, model: Layer, x: np.ndarray) -> np.ndarray:
    """What an equal network of PyTorch computes that loads the weights strictly."""
    import torch
    from safetensors.torch import load_file

    from tests.support.torch_twins import module_of

    twin: Any = module_of(model)
    twin.load_state_dict(load_file(path), strict=True)
    with torch.no_grad():
        return twin.eval()(torch.from_numpy(x)).numpy()
