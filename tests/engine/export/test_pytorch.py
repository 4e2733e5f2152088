"""The module for PyTorch: its source, and what it computes."""

import ast
import contextlib
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.export import EXPORTERS, Architecture
from engine.export.comparison import largest_difference, logits_of
from engine.layers import LAYERS, ReLU, Sequential
from engine.models import LayerSpec, build
from engine.models.presets import PRESETS
from tests.support.cases import Case
from tests.support.conformance import CASES
from tests.support.preset_networks import preset_network

needs_safetensors = pytest.mark.skipif(
    EXPORTERS["pytorch"].is_missing(), reason="safetensors is not installed"
)


def assigned(source: str) -> dict[str, Any]:
    """The constants of a module, without running it."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            with contextlib.suppress(ValueError):
                found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


def test_every_layer_has_its_code() -> None:
    from engine.export.layers.torch_code import CODE

    assert {*LAYERS.values()} <= CODE.functions.keys()


def test_arguments_that_matter_to_go_on_training_are_kept() -> None:
    from engine.export.layers.torch_code import code

    specs: list[LayerSpec] = [
        {"BatchNorm2D": {"momentum": 0.3}},
        {"Dropout": {"p": 0.2}},
        "BatchNorm2D",
    ]
    assert [code(layer) for layer in build(specs, (2, 3, 3))] == [
        "nn.BatchNorm2d(2, momentum=0.3)",
        "nn.Dropout(0.2)",
        "nn.BatchNorm2d(2)",
    ]


@needs_safetensors
def test_the_source_reads_as_somebody_would_write_it(
    tmp_path: Path, model: Sequential, architecture: Architecture
) -> None:
    EXPORTERS["pytorch"].write(tmp_path / "net.py", model, architecture)
    source = (tmp_path / "net.py").read_text(encoding="utf-8")
    assert (
        """\
    return nn.Sequential(
        nn.Conv2d(1, 2, (3, 1), padding=(1, 0)),
        nn.BatchNorm2d(2),
        Residual(
            body=nn.Sequential(
                nn.Conv2d(2, 2, 1),
            ),
            shortcut=nn.Sequential(),
        ),
        nn.Flatten(),
        nn.Linear(50, 3),
    )
"""
        in source
    )
    assert "class Residual(nn.Module)" in source
    assert "PaddedConv2d" not in source
    assert max(map(len, source.splitlines())) <= 100


@needs_safetensors
def test_names_of_strangers_are_data_and_never_code(tmp_path: Path, model: Sequential) -> None:
    names = ('"""', "'); import os; ('", "\\", "{network}", "a\nb", "\u202eevil", "ü")
    architecture = Architecture(model.spec(), (1, 5, 5), names, (0.1,), (0.3,))
    path = tmp_path / 'it\'s \\ "net".py'
    EXPORTERS["pytorch"].write(path, model, architecture)
    source = path.read_text(encoding="utf-8")
    assert assigned(source)["CLASSES"] == names
    assert "\u202e" not in source
    assert "__file__).with_name(" + repr('it\'s \\ "net".safetensors') in source


@needs_safetensors
@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("net.py", "net.safetensors"),
        ("net", "net.safetensors"),
        ("net.v1.py", "net.v1.safetensors"),
        ("net.safetensors", "net.safetensors.safetensors"),
    ],
)
def test_the_two_files_never_share_a_name(
    tmp_path: Path, model: Sequential, architecture: Architecture, name: str, weights: str
) -> None:
    EXPORTERS["pytorch"].write(tmp_path / name, model, architecture)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, weights])


@needs_safetensors
def test_a_layer_that_pytorch_lacks_is_refused(
    tmp_path: Path, model: Sequential, architecture: Architecture
) -> None:
    class Odd(ReLU):
        pass

    model.layers.insert(1, Odd())
    with pytest.raises(ConfigError, match="Odd cannot be written as pytorch"):
        EXPORTERS["pytorch"].write(tmp_path / "net.py", model, architecture)
    assert not list(tmp_path.iterdir())


@pytest.mark.torch
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_layer_computes_the_same_there(case: Case) -> None:
    import torch
    from torch import nn

    from engine.export.layers.torch_code import HELPERS, code

    names: dict[str, Any] = {"torch": torch, "nn": nn}
    for source in HELPERS.values():
        exec(source, names)
    layer, x = case.make(np.float32).eval(), case.input(np.float32)
    module = eval(code(layer), names).eval()
    state = {key: torch.from_numpy(array.copy()) for key, array in layer.state_dict().items()}
    module.load_state_dict(state, strict=True)
    with torch.no_grad():
        found = module(torch.from_numpy(x)).numpy()
    expected = layer.forward(x)
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * scale)


@needs_safetensors
@pytest.mark.torch
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_computes_the_same_there(tmp_path: Path, name: str) -> None:
    model, architecture = preset_network(name)
    path = tmp_path / "net.py"
    EXPORTERS["pytorch"].write(path, model, architecture)
    images = np.random.default_rng(1).random((3, *architecture.input_shape), np.float32)
    theirs = EXPORTERS["pytorch"].expect_runner().logits(path, images)
    ours = logits_of(model, architecture, images)
    assert largest_difference(ours, theirs) < 1e-4 * np.abs(ours).max()


@needs_safetensors
@pytest.mark.torch
def test_weights_of_another_network_are_refused(
    tmp_path: Path, model: Sequential, architecture: Architecture
) -> None:
    from safetensors.numpy import save_file

    EXPORTERS["pytorch"].write(tmp_path / "net.py", model, architecture)
    state = {key: array for key, array in model.state_dict().items() if key != "4.bias"}
    save_file(state, tmp_path / "net.safetensors")
    names = runpy.run_path(str(tmp_path / "net.py"))
    with pytest.raises(RuntimeError, match=r"Missing key.*4\.bias"):
        names["load"]()
