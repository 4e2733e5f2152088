"""Export a trained network for other programs."""

import os
from collections.abc import Callable
from pathlib import Path

from engine import paths
from engine.config import Config
from engine.errors import ConfigError, RunError
from engine.export import EXPORTERS, Architecture
from engine.storage import atomic
from engine.train.weights import find_weights, load_model, trained_on


def to_replace(file_format: str, output: Path) -> list[Path]:
    """The files that an export would replace.

    Raises:
        RunError: one of its files cannot be written.
    """
    paths.check_writable(output, RunError)
    files = EXPORTERS[file_format].files(output)
    return [path for path in files if paths.check_writable(path, RunError) == "file"]


def write_network(
    config: Config,
    weights: Path,
    file_format: str,
    output: Path,
    *,
    ready: Callable[[], None] = lambda: None,
) -> list[Path]:
    """Write a trained network in a format of ``engine.export.EXPORTERS``.

    Args:
        config: the network's.
        weights: weights, a checkpoint or a run.
        file_format: a key of ``engine.export.EXPORTERS``.
        output: the file to write; the files of ``to_replace`` are replaced.
        ready: called just before the first file is written; may raise to stop.

    Returns:
        The files that were written.

    Raises:
        CheckpointError: the weights cannot be used.
        ConfigError: the output is the file of the weights themselves.
        RunError: the output cannot be written.
    """
    source = find_weights(weights)
    for path in to_replace(file_format, output):
        if os.path.exists(source) and os.path.samefile(path, source):
            raise ConfigError(f"{path}: it holds the weights to export; choose another name")
    model = load_model(config, weights)
    info = trained_on(weights) or config.dataset_info
    architecture = Architecture(
        layers=model.spec(),
        input_shape=info.image_shape,
        classes=info.classes,
        mean=info.mean,
        std=info.std,
    )
    ready()
    try:
        atomic.make_folder(output.parent)
        EXPORTERS[file_format].write(output, model, architecture)
    except OSError as error:
        raise RunError(f"{output}: not written: {error.strerror or error}") from None
    return EXPORTERS[file_format].files(output)
