"""Files of weights as safetensors: from PyTorch, or from ``cnn-tui export``, read without trust.

The names are PyTorch's, which are ours too: ``3.body.0.weight``. The package ``safetensors``, an
optional extra, reads the container; what the numbers mean is compared here, before any is read.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from engine.arrays import Array
from engine.checkpoints.checkpoint import reason_of
from engine.checkpoints.tensors import Tensor, arrays_of, is_counter
from engine.errors import CheckpointError, require_package
from engine.sanitize import literal
from engine.storage import atomic

SUFFIX = ".safetensors"
HOW_TO_SAVE = "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')"
"""How PyTorch's weights are saved in a form that can be read here."""

_FLOATS = {"F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8"}
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_HEAD = 512  # bytes that tell the formats apart; the name of a member can be long
_SIZE_LIMIT = 4 << 30  # bytes, as of our own files


def is_safetensors(path: Path) -> bool:
    """Whether a file is to be read as safetensors, by its name or its first bytes.

    Raises:
        CheckpointError: it cannot be read, or is a pickle of PyTorch, which could run code.
    """
    try:
        with atomic.open_regular(path) as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise CheckpointError(f"{path}: {reason_of(error)}") from None
    if head[8:9] == b"{":
        return True
    if head.startswith(_PICKLES) or (head.startswith(b"PK") and b"/data.pkl" in head):
        raise CheckpointError(
            f"{path}: it is a pickle of PyTorch, which can run code when it is read; in Python, "
            f"save the weights as safetensors: {HOW_TO_SAVE}"
        )
    return path.suffix == SUFFIX


def read_table(path: Path) -> dict[str, Tensor]:
    """Dtype and shape of every tensor by name, without PyTorch's counters; no values are read.

    Raises:
        CheckpointError: the file is missing or damaged.
        MissingPackageError: safetensors is not installed.
    """
    with _opened(path) as file:
        found = {}
        for name in file.keys():  # noqa: SIM118 - it is no mapping
            if not is_counter(name):
                part = file.get_slice(name)
                found[name] = _described(str(part.get_dtype()), part.get_shape())
        return found


def read_metadata(path: Path) -> dict[str, str]:
    """The texts that the file says about itself; empty where it says nothing.

    Raises:
        CheckpointError: as ``read_table``.
    """
    with _opened(path) as file:
        return dict(file.metadata() or {})


def read_arrays(path: Path, table: dict[str, Tensor]) -> dict[str, Array]:
    """The values of some tensors as float32: wider ones are rounded, narrower ones are exact.

    Args:
        path: the file.
        table: those that are wanted, floats all of them, as ``read_table`` gave them.

    Raises:
        CheckpointError: the file cannot be read, is another one by now, or holds numbers that are
            not finite, or too large for float32.
    """
    from safetensors import SafetensorError, deserialize

    try:
        with atomic.open_regular(path) as file:
            content = _content(file, path)
        parts = dict(deserialize(content))
    except OSError as error:
        raise CheckpointError(f"{path}: {reason_of(error)}") from None
    except SafetensorError as error:
        raise _damaged(path, error) from None
    except MemoryError:
        raise CheckpointError(f"{path}: does not fit into memory") from None
    now = {name: _described(part["dtype"], part["shape"]) for name, part in parts.items()}
    return arrays_of(path, table, now, lambda name: _floats(parts[name]["data"], table[name]))


def _described(dtype: str, shape: Sequence[int]) -> Tensor:
    return Tensor(dtype, tuple(shape), dtype in _FLOATS)


def _floats(data: bytes, tensor: Tensor) -> NDArray[np.floating]:
    values = np.frombuffer(data, _FLOATS[tensor.dtype]).reshape(tensor.shape)
    if tensor.dtype == "BF16":  # the upper half of a float32
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values


def _content(file: BinaryIO, path: Path) -> bytes:
    size = os.fstat(file.fileno()).st_size
    if size > _SIZE_LIMIT:
        raise CheckpointError(f"{path}: {size:,} bytes; expected at most {_SIZE_LIMIT:,}")
    return file.read()


def _opened(path: Path) -> Any:
    require_package("safetensors", "safetensors", f"{path}: to read it needs")
    from safetensors import SafetensorError, safe_open

    try:
        with atomic.open_regular(path):  # a pipe would be waited for
            return safe_open(path, framework="numpy")
    except SafetensorError as error:
        raise _damaged(path, error) from None
    except OSError as error:
        raise CheckpointError(f"{path}: {reason_of(error)}") from None


def _damaged(path: Path, error: Exception) -> CheckpointError:
    reason = literal(str(error), 120).strip("'\"")
    return CheckpointError(f"{path}: damaged, or not a safetensors file: {reason}")
