"""Weights of other programs, whatever file they are in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.checkpoints import plain_npz, safetensors_file
from engine.checkpoints.network_state import load_state
from engine.errors import CheckpointError
from engine.layers import Sequential
from engine.models import build

Arrays = dict[str, np.ndarray]
Save = Callable[[Arrays], Path]

SPECS: list[Any] = [
    {"Conv2D": {"out_channels": 2, "kernel_size": 3, "padding": "same"}},
    "BatchNorm2D",
    "Flatten",
    {"Dense": {"out_features": 3}},
]


@pytest.fixture(params=["npz", "safetensors"])
def save(request: pytest.FixtureRequest, tmp_path: Path) -> Save:
    """What writes arrays into a file, which it returns."""
    path = tmp_path / f"net.{request.param}"
    if request.param == "safetensors":
        numpy_files = pytest.importorskip("safetensors.numpy", reason="it is not installed")

    def saved(arrays: Arrays) -> Path:
        if request.param == "npz":
            with path.open("wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
        else:
            numpy_files.save_file(arrays, path)
        return path

    return saved


@pytest.fixture
def model() -> Sequential:
    return build(SPECS, (1, 5, 5)).initialise(np.random.default_rng(0))


def refusal(path: Path, model: Sequential) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_state(path, model.state_shapes())
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("value", [1e300, np.inf, np.nan])
def test_numbers_that_float32_cannot_hold_are_refused(
    save: Save, model: Sequential, value: float
) -> None:
    state = {name: array.astype(np.float64) for name, array in model.state_dict().items()}
    state["3.bias"][1] = value
    message = refusal(save(state), model)
    assert message == "'3.bias' holds 1 numbers that are not finite as float32"


def test_every_difference_is_named_with_its_shape(save: Save, model: Sequential) -> None:
    state = dict(model.state_dict())
    del state["1.bias"]
    state["3.weight"] = np.zeros((3, 7), np.float32)
    state["3.bias"] = np.zeros(3, np.int64)
    state["fc.\x1b[31mweight\u202e"] = np.zeros((2, 2), np.float32)
    path = save(state)
    integer = "I64" if path.suffix == ".safetensors" else "int64"
    assert refusal(path, model) == (
        "does not fit this network: 1.bias is missing, of shape (2,); "
        f"3.weight has shape (3, 7), expected (3, 50); 3.bias is {integer}, expected a float; "
        "fc.[31mweight is not expected, of shape (2, 2)"
    )


def test_excepted_layers_may_have_any_shape(save: Save, model: Sequential) -> None:
    state = dict(model.state_dict()) | {"3.weight": np.zeros((9, 9), np.float32)}
    found = load_state(save(state), model.state_shapes(), without=["3"])
    assert found.keys() == model.state_dict().keys() - {"3.weight", "3.bias"}


def test_a_file_that_is_another_by_the_time_its_numbers_are_read_is_refused(
    save: Save, model: Sequential
) -> None:
    path = save(dict(model.state_dict()))
    reader = safetensors_file if path.suffix == ".safetensors" else plain_npz
    table = reader.read_table(path)
    save(dict(model.state_dict()) | {"3.bias": np.zeros(4, np.float32)})
    with pytest.raises(CheckpointError, match="was changed while it was read"):
        reader.read_arrays(path, table)
