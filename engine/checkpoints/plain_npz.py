"""Weights as plain ``.npz`` files: from ``cnn-tui export --format npz``, or NumPy's ``savez``.

The arrays have PyTorch's names, which are ours too: ``3.body.0.weight``. A checkpoint is such an
archive as well, but begins with its manifest; it is read in ``checkpoint``, which verifies every
byte.
"""

import struct
from pathlib import Path

from engine.arrays import Array
from engine.checkpoints.checkpoint import reason_of
from engine.checkpoints.tensors import Tensor, arrays_of, is_counter
from engine.data.npz import NpzArray, open_npz
from engine.errors import CheckpointError, DataError
from engine.storage import atomic

_MEMBER = struct.Struct("<4s22xHH")  # signature, and the lengths of the name and of what follows
_LONGEST = 1000  # bytes of a name; no layer's is longer


def is_plain_npz(path: Path) -> bool:
    """Whether a file is a zip archive whose first member is an array, by its first bytes.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        with atomic.open_regular(path) as file:
            head = file.read(_MEMBER.size + _LONGEST)
    except OSError as error:
        raise CheckpointError(f"{path}: {reason_of(error)}") from None
    if len(head) < _MEMBER.size or not head.startswith(b"PK\x03\x04"):
        return False
    _, length, _ = _MEMBER.unpack_from(head)
    return head[_MEMBER.size :][:length].endswith(b".npy")


def read_table(path: Path) -> dict[str, Tensor]:
    """Dtype and shape of every array by name, without PyTorch's counters; no values are read.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    try:
        with open_npz(path) as arrays:
            return {
                name: _described(array) for name, array in arrays.items() if not is_counter(name)
            }
    except DataError as error:
        raise CheckpointError(str(error)) from None


def read_arrays(path: Path, table: dict[str, Tensor]) -> dict[str, Array]:
    """The values of some arrays as float32.

    Args:
        path: the file.
        table: those that are wanted, floats all of them, as ``read_table`` gave them.

    Raises:
        CheckpointError: the file cannot be read, is another one by now, or holds numbers that are
            not finite, or too large for float32.
    """
    try:
        with open_npz(path) as arrays:
            now = {name: _described(array) for name, array in arrays.items()}
            return arrays_of(path, table, now, lambda name: arrays[name].read())
    except DataError as error:
        raise CheckpointError(str(error)) from None


def _described(array: NpzArray) -> Tensor:
    is_float = array.dtype.kind == "f" and array.dtype.itemsize <= 8
    return Tensor(array.dtype.name, array.shape, is_float)
