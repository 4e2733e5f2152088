"""The weights as safetensors, read back by its own reader and by PyTorch."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.export import EXPORTERS, Architecture
from engine.layers import Sequential
from engine.models.presets import PRESETS
from tests.support.preset_networks import preset_network

safetensors = pytest.importorskip("safetensors", reason="safetensors is not installed")


def test_names_values_and_the_architecture_are_read_back(
    tmp_path: Path, model: Sequential, architecture: Architecture
) -> None:
    path = tmp_path / "net.safetensors"
    EXPORTERS["safetensors"].write(path, model, architecture)
    with safetensors.safe_open(path, "np") as file:
        assert {*file.keys()} == model.state_dict().keys()
        for name, array in model.state_dict().items():
            np.testing.assert_array_equal(file.get_tensor(name), array)
        network = json.loads(file.metadata()["network"])
    assert network["classes"] == ["a", "b", "ü"]
    assert (network["mean"], network["std"]) == ([0.1], [0.3])
    assert network["layers"] == architecture.layers
    assert network["preparation"] == {}


def test_arrays_of_any_layout_in_memory_are_written_right(
    tmp_path: Path, model: Sequential, architecture: Architecture
) -> None:
    from safetensors.numpy import load_file

    weight = model.layers[0].params["weight"]
    model.layers[0].params["weight"] = np.asfortranarray(weight)[::1, :, ::1]
    model.layers[4].params["weight"] = np.asfortranarray(model.layers[4].params["weight"])
    EXPORTERS["safetensors"].write(tmp_path / "net.safetensors", model, architecture)
    for name, array in load_file(tmp_path / "net.safetensors").items():
        np.testing.assert_array_equal(array, model.state_dict()[name])


@pytest.mark.torch
@pytest.mark.parametrize("name", PRESETS)
def test_the_equal_network_of_pytorch_loads_it_strictly(tmp_path: Path, name: str) -> None:
    import torch
    from safetensors.torch import load_file

    from tests.support.torch_twins import module_of

    model, architecture = preset_network(name)
    path = tmp_path / "net.safetensors"
    EXPORTERS["safetensors"].write(path, model, architecture)
    twin = module_of(model)
    assert isinstance(twin, torch.nn.Sequential)
    twin.load_state_dict(load_file(path), strict=True)
    twin.eval()
    x = np.random.default_rng(1).standard_normal((2, *architecture.input_shape), np.float32)
    with torch.no_grad():
        found = twin(torch.from_numpy(x)).numpy()
    expected = model.eval().forward(x)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
