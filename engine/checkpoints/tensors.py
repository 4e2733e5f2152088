"""Arrays of a file of another program: what it says of them, and their values as float32."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.arrays import Array
from engine.errors import CheckpointError
from engine.sanitize import literal

IGNORED = "num_batches_tracked"
"""PyTorch's counter in a batch norm, which no arithmetic here needs."""


@dataclass(frozen=True)
class Tensor:
    """What a file says of an array.

    Attributes:
        dtype: by the format's name.
        shape: of the array.
        is_float: whether the values can become float32: those of 16, 32 and 64 bits.
    """

    dtype: str
    shape: tuple[int, ...]
    is_float: bool


def is_counter(name: str) -> bool:
    """Whether an array is one of PyTorch's counters, which are passed over."""
    return name.rpartition(".")[2] == IGNORED


def arrays_of(
    path: Path,
    table: Mapping[str, Tensor],
    now: Mapping[str, Tensor],
    read: Callable[[str], NDArray[np.floating]],
) -> dict[str, Array]:
    """The values of some arrays as float32.

    Args:
        path: of the file, for messages.
        table: the arrays that are wanted, as the file described them before.
        now: its arrays as it describes them now.
        read: gives the values of one, by its name.

    Raises:
        CheckpointError: the file was changed, or see ``as_float32``.
    """
    found = {}
    for name, tensor in table.items():
        if now.get(name) != tensor:
            raise CheckpointError(f"{path}: the file was changed while it was read")
        found[name] = as_float32(path, name, read(name))
    return found


def as_float32(path: Path, name: str, values: NDArray[np.floating]) -> Array:
    """Values as float32: wider ones are rounded, narrower ones are exact.

    Args:
        path, name: of the file and the array, for the message.
        values: of any float type and byte order.

    Raises:
        CheckpointError: some are not finite, or too large for float32.
    """
    with np.errstate(over="ignore"):
        array = values.astype(np.float32)
    odd = array.size - int(np.isfinite(array).sum())
    if odd:
        raise CheckpointError(
            f"{path}: {literal(name)} holds {odd} numbers that are not finite as float32"
        )
    return array
