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
        MissingPackageError: it is safetensors, and the package is not installed.
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
    problem = checkpoint.mismatch(*_to_compare(table, wanted))
    if problem:
        raise CheckpointError(f"{path}: {problem}")
    return reader.arrays(path, table)


def differences(
    path: Path, shapes: Mapping[str, Shape], without: Collection[str] = ()
) -> list[str]:
    """How a file differs from a network, a line for each array; no values are read.

    Args:
        path, shapes, without: as for ``load_state``.

    Raises:
        CheckpointError, MissingPackageError: as ``load_state``, but for the differences.
    """
    wanted = {name: shape for name, shape in shapes.items() if not is_of(name, without)}
    reader = _reader_of(path)
    if reader is None:
        found = {
            name.removeprefix(_PREFIX): (dtype, shape)
            for name, (dtype, shape) in checkpoint.read_table(path).items()
            if name.startswith(_PREFIX) and not is_of(name.removeprefix(_PREFIX), without)
        }
        return checkpoint.differences(
            found, {name: ("float32", shape) for name, shape in wanted.items()}
        )
    table = {
        name: tensor for name, tensor in reader.table(path).items() if not is_of(name, without)
    }
    return checkpoint.differences(*_to_compare(table, wanted))


_Described = dict[str, tuple[str, Shape]]


def _to_compare(
    table: Mapping[str, Tensor], wanted: Mapping[str, Shape]
) -> tuple[_Described, _Described]:
    """What a file of another program has, and what it should have: any kind of float."""
    found = {name: (tensor.dtype, tensor.shape) for name, tensor in table.items()}
    floats = {name: tensor.dtype for name, tensor in table.items() if tensor.is_float}
    return found, {name: (floats.get(name, "a float"), shape) for name, shape in wanted.items()}


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
