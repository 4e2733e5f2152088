"""The state of a network from a file of weights, whatever its format."""

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.arrays import Array, Shape
from engine.checkpoints import checkpoint, plain_npz, safetensors_file
from engine.checkpoints.tensors import Tensor
from engine.errors import CheckpointError

_PREFIX = "model/"


def load_state(
    path: Path, shapes: Mapping[str, Shape], without: Collection[str] = ()
) -> dict[str, Array]:
    """The parameters and buffers of a network, float32, by full name.

    Args:
        path: a checkpoint or weights of ours, safetensors, or a plain ``.npz`` file.
        shapes: what there must be, no more and no fewer; compared before any value is read.
        without: names of layers that are neither read nor expected, whatever the file has there.

    Raises:
        CheckpointError: the file is missing, damaged, or of another network; of that it names the
            first differences, with names and shapes.
    """
    wanted = {name: shape for name, shape in shapes.items() if not is_of(name, without)}
    reader = _reader_of(path)
    if reader is None:
        expect = {f"{_PREFIX}{name}": (np.float32, shape) for name, shape in wanted.items()}
        skip = tuple(f"{_PREFIX}{layer}." for layer in without)
        arrays = checkpoint.load(path, expect, only=_PREFIX, skip=skip).arrays
        return {name.removeprefix(_PREFIX): array for name, array in arrays.items()}
    table = {
        name: tensor for name, tensor in reader.table(path).items() if not is_of(name, without)
    }
    found = {name: (tensor.dtype, tensor.shape) for name, tensor in table.items()}
    floats = {
        name: (tensor.dtype if tensor.is_float else "a float", wanted[name])
        for name, tensor in table.items()
        if name in wanted
    }
    expect_any = {name: floats.get(name, ("a float", shape)) for name, shape in wanted.items()}
    problem = checkpoint.mismatch(found, expect_any)
    if problem:
        raise CheckpointError(f"{path}: {problem}")
    return reader.arrays(path, table)


class _Reader(NamedTuple):
    """How the files of other programs are read."""

    table: Callable[[Path], dict[str, Tensor]]
    arrays: Callable[[Path, dict[str, Tensor]], dict[str, Array]]


def _reader_of(path: Path) -> _Reader | None:
    """The reader of a file of another program; None for one of ours."""
    if safetensors_file.is_safetensors(path):
        return _Reader(safetensors_file.read_table, safetensors_file.read_arrays)
    if plain_npz.is_plain_npz(path):
        return _Reader(plain_npz.read_table, plain_npz.read_arrays)
    return None


def is_of(name: str, layers: Iterable[str]) -> bool:
    """Whether a parameter or a layer is in one of some layers: ``3.body.0.weight`` is in ``3``."""
    return any(f"{name}.".startswith(f"{layer}.") for layer in layers)
