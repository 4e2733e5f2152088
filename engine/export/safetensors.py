"""safetensors: the weights alone, by PyTorch's names, in a format that runs no code."""

from pathlib import Path
from typing import TYPE_CHECKING

from engine.export.architecture import Architecture
from engine.export.registry import register
from engine.storage import atomic

if TYPE_CHECKING:
    from engine.layers import Sequential


def safetensors_content(model: "Sequential", architecture: Architecture) -> bytes:
    """The content of the file; the metadata's only key ``network`` is the architecture as JSON.

    One key, as several are written in an order that is another every time.
    """
    import numpy as np
    from safetensors.numpy import save

    # What is not contiguous would be written in the order of its memory, without a word.
    state = {name: np.ascontiguousarray(array) for name, array in model.state_dict().items()}
    return save(state, metadata={"network": architecture.to_json()})


@register(
    "safetensors",
    about="weights for a torch.nn.Sequential",
    extra="safetensors",
    package="safetensors",
)
def write_safetensors(path: Path, model: "Sequential", architecture: Architecture) -> None:
    """Write the weights, which the equal ``torch.nn.Sequential`` loads strictly.

    Raises:
        OSError: the disk refused; what was there before is untouched.
    """
    atomic.write_atomic(path, safetensors_content(model, architecture), follow_symlinks=True)
