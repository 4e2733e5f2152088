"""NumPy's own format: weights by PyTorch's names, the architecture as JSON beside them."""

from pathlib import Path

import numpy as np

from engine.export.architecture import Architecture
from engine.layers import Sequential
from engine.train import durable


def write_npz(path: Path, model: Sequential, architecture: Architecture) -> list[Path]:
    """Write ``lenet.npz`` (``numpy.load`` reads it) and the architecture as ``lenet.json``.

    Raises:
        OSError: the disk refused; what was there before is untouched.
    """
    state = {name: np.ascontiguousarray(array) for name, array in model.state_dict().items()}
    description = path.with_name(path.name.removesuffix(".npz") + ".json")
    # A file object: given a path, NumPy would append .npz to it.
    durable.write_atomic(path, lambda file: np.savez(file, **state))  # type: ignore[arg-type]
    durable.write_atomic(description, architecture.to_json().encode())
    return [path, description]
