"""Trained weights from a file or a run, checked against the network that they are for."""

from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from engine.config import Config
from engine.errors import CheckpointError
from engine.layers import Sequential
from engine.train import checkpoint, setup
from engine.train.rundir import CHECKPOINTS
from engine.train.session import WEIGHTS


def find_weights(path: Path) -> Path:
    """The file of weights at a path: the file itself, or the finished or best one of a run.

    Raises:
        CheckpointError: there is none.
    """
    if not path.is_dir():
        return path
    for candidate in (path / WEIGHTS, path / CHECKPOINTS / "best.npz"):
        if candidate.is_file():
            return candidate
    raise CheckpointError(f"{path}: the folder holds no {WEIGHTS} and no best checkpoint")


def load_model(config: Config, path: Path, dtype: DTypeLike = np.float32) -> Sequential:
    """The config's network with weights from a checkpoint of any kind.

    Args:
        config: the network; its weights' names and shapes are all that is read.
        path: a file of weights, a checkpoint or a run directory.
        dtype: of the network; float64 to check its gradients.

    Raises:
        CheckpointError: the file is missing, damaged, or of another network.
    """
    model = setup.make_model(config, dtype)
    expect = {
        f"model/{name}": (np.dtype(np.float32), shape)
        for name, shape in model.state_shapes().items()
    }
    saved = checkpoint.load(find_weights(path), expect, only="model/")
    for name, array in model.state_dict().items():
        array[...] = saved.arrays[f"model/{name}"]
    return model
