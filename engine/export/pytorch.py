"""PyTorch: a module that builds the network, and its weights as safetensors beside it."""

import runpy
from pathlib import Path
from typing import TYPE_CHECKING

from engine.export.architecture import Architecture
from engine.export.registry import Runner, register
from engine.export.safetensors import safetensors_content
from engine.storage import atomic

if TYPE_CHECKING:
    from engine.arrays import Array
    from engine.layers import Sequential

_MODULE = '''\
"""A network that cnn-tui trained, in PyTorch.

    model = load()                              # with the weights of the file beside this one
    logits = model(normalise(pixels / 255))     # pixels: (N, C, H, W), here (N, {shape})
    names = [CLASSES[i] for i in logits.argmax(1)]

It needs: pip install torch safetensors
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

WEIGHTS = Path(__file__).with_name({weights})
CLASSES = {classes}
IMAGE_SHAPE = {input_shape}  # channels, height, width
MEAN = {mean}  # for each channel, of pixels divided by 255
STD = {std}
PREPARATION = {preparation}  # of image files of another size, before that

{helpers}
def build() -> nn.Sequential:
    """The network, with weights that are not trained."""
    return {network}


def normalise(images: torch.Tensor) -> torch.Tensor:
    """The network's input, from pixels divided by 255; both (N, C, H, W)."""
    mean, std = (torch.tensor(v, device=images.device).view(1, -1, 1, 1) for v in (MEAN, STD))
    return (images - mean) / std


def load(weights: Path = WEIGHTS) -> nn.Sequential:
    """The trained network, ready to evaluate."""
    model = build()
    model.load_state_dict(load_file(weights))
    return model.eval()
'''


def pytorch_files(path: Path) -> list[Path]:
    """The module, and the weights beside it: ``lenet.py`` and ``lenet.safetensors``."""
    return [path, path.with_name(path.name.removesuffix(".py") + ".safetensors")]


def run_pytorch(path: Path, images: "Array") -> "Array":
    """Logits that PyTorch computes with a written module, (N, classes).

    Args:
        path: the module, which is executed.
        images: (N, C, H, W), float32 pixels divided by 255.
    """
    import torch

    names = runpy.run_path(str(path))
    with torch.no_grad():
        return names["load"]()(names["normalise"](torch.from_numpy(images))).numpy()


@register(
    "pytorch",
    pytorch_files,
    about="a module that builds it, and its weights",
    suffix="py",
    extra="safetensors",
    package="safetensors",
    runner=Runner("torch", run_pytorch),
)
def write_pytorch(path: Path, model: "Sequential", architecture: Architecture) -> None:
    """Write ``lenet.py``, which anybody can read, and ``lenet.safetensors``.

    Raises:
        ConfigError: PyTorch has nothing for a layer.
        OSError: the disk refused; what was there before is untouched.
    """
    module, weights = pytorch_files(path)
    text = _source(model, architecture, weights.name)
    content = safetensors_content(model, architecture)
    atomic.write_atomic(weights, content, follow_symlinks=True)
    atomic.write_atomic(module, text.encode(), follow_symlinks=True)


def _source(model: "Sequential", architecture: Architecture, weights: str) -> str:
    import textwrap
    from pprint import pformat

    from engine.export.layers.torch_code import HELPERS, code

    network = code(model)
    needed = (source for name, source in HELPERS.items() if f"{name}(" in network)
    return _MODULE.format(
        shape=", ".join(map(str, architecture.input_shape)),
        weights=repr(weights),
        helpers="".join(f"\n{source}\n" for source in needed),
        network=textwrap.indent(network, "    ").lstrip(),
        **{
            key: pformat(value, width=90, compact=True)
            for key, value in architecture.to_dict().items()
            if key != "layers"
        },
    )
