"""Weights as plain ``.npz`` files: what an export wrote, what NumPy saved, and what is neither."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.checkpoints import checkpoint
from engine.checkpoints.network_state import load_state
from engine.errors import CheckpointError
from engine.export import EXPORTERS, Architecture
from engine.layers import Sequential
from engine.models import build
from tests.support.random_networks import random_specs

SPECS: list[Any] = [
    {"Conv2D": {"out_channels": 2, "kernel_size": 3, "padding": "same"}},
    "BatchNorm2D",
    "Flatten",
    {"Dense": {"out_features": 3}},
]


@pytest.fixture
def model() -> Sequential:
    return build(SPECS, (1, 5, 5)).initialise(np.random.default_rng(0))


def saved(path: Path, arrays: dict[str, Any]) -> Path:
    with path.open("wb") as file:
        np.savez(file, **arrays)
    return path


def refusal(path: Path, model: Sequential) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_state(path, model.state_shapes())
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("seed", range(4))
def test_an_exported_network_comes_back_to_the_byte(tmp_path: Path, seed: int) -> None:
    rng, shape = np.random.default_rng(seed), (1, 9, 9)
    model = build(random_specs(rng, shape, 2), shape).initialise(rng)
    for array in model.state_dict().values():
        array[...] = rng.standard_normal(array.shape)
    about = Architecture(model.spec(), shape, ("a", "b"), (0.1,), (0.3,))
    EXPORTERS["npz"].write(tmp_path / "net.npz", model, about)
    state = load_state(tmp_path / "net.npz", model.state_shapes())
    assert state.keys() == model.state_dict().keys()
    for name, array in model.state_dict().items():
        assert state[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4"])
def test_other_floats_become_float32(tmp_path: Path, model: Sequential, dtype: str) -> None:
    stored = {name: array.astype(dtype) for name, array in model.state_dict().items()}
    found = load_state(saved(tmp_path / "any.name", stored), model.state_shapes())
    for name, array in found.items():
        assert array.dtype == np.float32
        assert array.dtype.isnative
        np.testing.assert_array_equal(array, stored[name].astype(np.float32))


def test_packed_and_transposed_arrays_and_counters_are_read(
    tmp_path: Path, model: Sequential
) -> None:
    state = {name: np.asfortranarray(array) for name, array in model.state_dict().items()}
    path = tmp_path / "net.npz"
    np.savez_compressed(path, **state, **{"1.num_batches_tracked": np.array(7)})  # type: ignore[arg-type]
    found = load_state(path, model.state_shapes())
    assert found.keys() == state.keys()
    assert all(np.array_equal(found[name], state[name]) for name in state)


def test_pickles_are_not_read(tmp_path: Path, model: Sequential) -> None:
    state: dict[str, Any] = dict(model.state_dict()) | {"3.bias": np.array([{}, 1, 2], object)}
    assert "holds Python objects" in refusal(saved(tmp_path / "a.npz", state), model)


def test_a_shape_that_lies_is_refused_before_it_takes_memory(
    tmp_path: Path, model: Sequential
) -> None:
    header = io.BytesIO()
    fields = {"descr": "<f4", "fortran_order": False, "shape": (99_999_999, 99_999_999)}
    np.lib.format.write_array_header_1_0(header, fields)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("0.weight.npy", header.getvalue())
    assert "0.weight.npy is no array: it has " in refusal(tmp_path / "a.npz", model)


def test_a_file_cut_anywhere_is_refused(tmp_path: Path, model: Sequential) -> None:
    whole = saved(tmp_path / "whole.npz", dict(model.state_dict())).read_bytes()
    path = tmp_path / "cut.npz"
    for size in (*range(0, len(whole), 97), len(whole) - 1):
        path.write_bytes(whole[:size])
        refusal(path, model)


def test_a_flipped_bit_is_refused(tmp_path: Path, model: Sequential) -> None:
    path = saved(tmp_path / "a.npz", dict(model.state_dict()))
    content = bytearray(path.read_bytes())
    content[content.index(model.state_dict()["3.weight"].tobytes()) + 2] ^= 1
    path.write_bytes(content)
    assert "Bad CRC-32" in refusal(path, model)


def test_a_damaged_checkpoint_is_not_taken_for_a_plain_file(
    tmp_path: Path, model: Sequential
) -> None:
    path = tmp_path / "weights.npz"
    arrays = {f"model/{name}": array for name, array in model.state_dict().items()}
    checkpoint.save(path, arrays, {"kind": "weights"})
    content = bytearray(path.read_bytes())
    content[content.index(model.state_dict()["3.weight"].tobytes()) + 2] ^= 1
    path.write_bytes(content)
    assert refusal(path, model) == "array 'model/3.weight' is damaged"
