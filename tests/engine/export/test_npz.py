"""The exported network, read back by nothing but NumPy and JSON."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.export import EXPORTERS, Architecture
from engine.layers import Sequential
from engine.models import build


def test_numpy_and_json_are_enough_to_rebuild_the_network(
    tmp_path: Path, model: Sequential, architecture: Architecture
) -> None:
    EXPORTERS["npz"].write(tmp_path / "net.npz", model, architecture)
    files = EXPORTERS["npz"].files(tmp_path / "net.npz")
    assert files == [tmp_path / "net.npz", tmp_path / "net.json"]
    description = json.loads(files[1].read_text())
    assert description["input_shape"] == [1, 5, 5]
    assert description["classes"] == ["a", "b", "ü"]
    assert (description["mean"], description["std"]) == ([0.1], [0.3])
    twin = build(description["layers"], tuple(description["input_shape"]))
    twin.initialise(np.random.default_rng(1))
    with np.load(files[0], allow_pickle=False) as arrays:
        assert list(arrays) == list(model.state_dict())
        twin.load_state_dict(dict(arrays))
    x = np.random.default_rng(2).random((4, 1, 5, 5), dtype=np.float32)
    np.testing.assert_array_equal(twin.eval().forward(x), model.eval().forward(x))


def test_arrays_of_any_layout_in_memory_are_written_right(
    tmp_path: Path, model: Sequential, architecture: Architecture
) -> None:
    weight = model.layers[0].params["weight"]
    model.layers[0].params["weight"] = np.asfortranarray(weight)[::1, :, ::1]
    model.layers[4].params["weight"] = np.repeat(model.layers[4].params["weight"], 2, 1)[:, ::2]
    EXPORTERS["npz"].write(tmp_path / "net.npz", model, architecture)
    with np.load(tmp_path / "net.npz") as arrays:
        for name, array in model.state_dict().items():
            np.testing.assert_array_equal(arrays[name], array)
            assert arrays[name].flags.c_contiguous


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("net.npz", "net.json"),
        ("net", "net.json"),
        ("net.v1.npz", "net.v1.json"),
        ("net.json", "net.json.json"),
        ("net.weights", "net.weights.json"),
    ],
)
def test_the_two_files_never_share_a_name(
    tmp_path: Path, model: Sequential, architecture: Architecture, name: str, description: str
) -> None:
    EXPORTERS["npz"].write(tmp_path / name, model, architecture)
    assert EXPORTERS["npz"].files(tmp_path / name) == [tmp_path / name, tmp_path / description]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, description])
    assert json.loads((tmp_path / description).read_text())["layers"]
    with np.load(tmp_path / name) as arrays:
        assert "0.weight" in arrays
