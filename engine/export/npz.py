"""NumPy's own format: weights by PyTorch's names, the architecture as JSON beside them."""

from pathlib import Path
from typing import TYPE_CHECKING

from engine.export.architecture import Architecture
from engine.export.registry import register
from engine.storage import atomic

if TYPE_CHECKING:
    from engine.layers import Sequential


def npz_files(path: Path) -> list[Path]:
    """The weights, and the architecture beside them: ``lenet.npz`` and ``lenet.json``."""
    return [path, path.with_name(path.name.removesuffix(".npz") + ".json")]


@register("npz", npz_files, about="weights for NumPy, the architecture as JSON")
def write_npz(path: Path, model: "Sequential", architecture: Architecture) -> None:
    """Write ``lenet.npz`` (``numpy.load`` reads it) and the architecture as ``lenet.json``.

    Raises:
        OSError: the disk refused; what was there before is untouched.
    """
    import numpy as np

    state = {name: np.ascontiguousarray(array) for name, array in model.state_dict().items()}
    weights, description = npz_files(path)
    # A file object: given a path, NumPy would append .npz to it.
    atomic.write_atomic(
        weights,
        lambda file: np.savez(file, **state),  # type: ignore[arg-type]
        follow_symlinks=True,
    )
    atomic.write_atomic(description, architecture.to_json().encode(), follow_symlinks=True)
