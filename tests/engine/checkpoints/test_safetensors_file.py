"""Weights as safetensors: ours, PyTorch's, and files that are neither."""

import json
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.checkpoints import safetensors_file
from engine.checkpoints.network_state import load_state
from engine.errors import CheckpointError, MissingPackageError
from engine.export import Architecture
from engine.export.safetensors import safetensors_content
from engine.layers import Sequential
from engine.models import build
from tests.support.random_networks import random_specs

safetensors = pytest.importorskip("safetensors", reason="safetensors is not installed")

SPECS: list[Any] = [
    {"Conv2D": {"out_channels": 2, "kernel_size": 3, "padding": "same"}},
    "BatchNorm2D",
    {"Residual": {"body": [{"Conv2D": {"out_channels": 2, "kernel_size": 1}}]}},
    "Flatten",
    {"Dense": {"out_features": 3}},
]


@pytest.fixture
def model() -> Sequential:
    return build(SPECS, (1, 5, 5)).initialise(np.random.default_rng(0))


def save(path: Path, tensors: dict[str, Any], metadata: dict[str, str] | None = None) -> Path:
    """A file of tensors; one that is a pair of dtype and bytes is written as it is."""
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    body = b""
    for name, tensor in tensors.items():
        dtype, shape, data = tensor if isinstance(tensor, tuple) else as_stored(tensor)
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": offsets}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path


def as_stored(array: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    names = {"float16": "F16", "float32": "F32", "float64": "F64", "int64": "I64"}
    return names[array.dtype.name], array.shape, array.tobytes()


def refusal(path: Path, model: Sequential) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_state(path, model.state_shapes())
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.isprintable()
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("seed", range(4))
def test_an_exported_network_comes_back_to_the_byte(tmp_path: Path, seed: int) -> None:
    rng, shape = np.random.default_rng(seed), (1, 9, 9)
    model = build(random_specs(rng, shape, 2), shape).initialise(rng)
    for array in model.state_dict().values():
        array[...] = rng.standard_normal(array.shape)
    content = safetensors_content(
        model, Architecture(model.spec(), shape, ("a", "b"), (0.1,), (0.3,))
    )
    path = tmp_path / "net.safetensors"
    path.write_bytes(content)
    state = load_state(path, model.state_shapes())
    assert state.keys() == model.state_dict().keys()
    for name, array in model.state_dict().items():
        assert state[name].tobytes() == array.tobytes()


def test_the_counters_of_pytorch_are_passed_over(tmp_path: Path, model: Sequential) -> None:
    state = dict(model.state_dict())
    path = save(tmp_path / "a.bin", state | {"1.num_batches_tracked": np.array(7)})
    assert load_state(path, model.state_shapes()).keys() == state.keys()


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_other_floats_become_float32(tmp_path: Path, model: Sequential, dtype: str) -> None:
    stored: dict[str, Any] = {}
    expected = {}
    for name, array in model.state_dict().items():
        if dtype == "bfloat16":
            upper = (array.view(np.uint32) >> 16).astype("<u2")
            stored[name] = "BF16", array.shape, upper.tobytes()
            expected[name] = (array.view(np.uint32) & 0xFFFF0000).view(np.float32)
        else:
            stored[name] = (array.astype(np.float64) * 1.1).astype(dtype)
            expected[name] = stored[name].astype(np.float32)
    found = load_state(save(tmp_path / "a.safetensors", stored), model.state_shapes())
    for name, array in found.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, expected[name])


def test_of_many_differences_ten_are_named(tmp_path: Path, model: Sequential) -> None:
    strange = {f"features.{i}.weight": np.zeros(1, np.float32) for i in range(30)}
    message = refusal(save(tmp_path / "a.safetensors", strange), model)
    assert message.endswith("and 30 more")
    assert message.count(";") == 10  # between the ten, and before the rest


def lying_header(model: Sequential) -> bytes:
    return struct.pack("<Q", 1 << 60) + b'{"a":1}'


def lying_shape(model: Sequential) -> bytes:
    header = b'{"0.weight":{"dtype":"F32","shape":[99999999,99999999],"data_offsets":[0,4]}}'
    return struct.pack("<Q", len(header)) + header + b"\0" * 4


def overlapping(model: Sequential) -> bytes:
    one = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    header = json.dumps({"a": one, "b": one}).encode()
    return struct.pack("<Q", len(header)) + header + b"\0" * 4


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"no such thing" * 9, b"\0" * 100, lying_header, lying_shape, overlapping],
    ids=["empty", "brace", "text", "zeros", "header", "shape", "overlap"],
)
def test_what_is_no_safetensors_file_is_one_line(
    tmp_path: Path, model: Sequential, content: Any
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content if isinstance(content, bytes) else content(model))
    assert "damaged, or not a safetensors file: " in refusal(path, model)


def test_a_file_cut_anywhere_is_refused(tmp_path: Path, model: Sequential) -> None:
    whole = save(tmp_path / "whole.safetensors", dict(model.state_dict())).read_bytes()
    path = tmp_path / "cut.safetensors"
    for size in (*range(0, len(whole), 97), len(whole) - 1):
        path.write_bytes(whole[:size])
        refusal(path, model)
    path.write_bytes(whole + b"\0")
    refusal(path, model)


@pytest.mark.parametrize("kind", ["zip", "old"])
def test_a_pickle_of_pytorch_says_how_to_save_it(
    tmp_path: Path, model: Sequential, kind: str
) -> None:
    path = tmp_path / "model.pt"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("model/data.pkl", pickle.dumps({}))
    else:
        path.write_bytes(pickle.dumps({"0.weight": [1.0]}, protocol=2))
    assert refusal(path, model).endswith(safetensors_file.HOW_TO_SAVE)


def test_what_is_no_plain_file_is_one_line(tmp_path: Path, model: Sequential) -> None:
    assert refusal(tmp_path / "none.safetensors", model) == "no such file"
    os.mkfifo(tmp_path / "pipe.safetensors")
    refusal(tmp_path / "pipe.safetensors", model)
    with (tmp_path / "huge.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", 8) + b"{}      ")
        file.truncate(6 << 30)
    refusal(tmp_path / "huge.safetensors", model)


def test_without_the_package_the_command_that_installs_it_is_named(
    tmp_path: Path, model: Sequential, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.safetensors", dict(model.state_dict()))
    monkeypatch.setattr("engine.errors.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"pip install 'cnn-tui\[safetensors\]'$"):
        load_state(path, model.state_shapes())
