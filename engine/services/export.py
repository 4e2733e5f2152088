"""Export a trained network for other programs."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine import paths
from engine.config import Config
from engine.errors import ConfigError, RunError
from engine.export import EXPORTERS, Architecture
from engine.export.comparison import agree, largest_difference, logits_of
from engine.layers import Sequential
from engine.runs.weight_files import find_weights
from engine.storage import atomic
from engine.train import factory
from engine.train.weights import load_model, trained_on

_VERIFIED = 64  # test images


def to_replace(file_format: str, output: Path) -> list[Path]:
    """The files that an export would replace.

    Raises:
        ConfigError: a package that the format needs is not installed.
        RunError: one of its files cannot be written.
    """
    EXPORTERS[file_format].check_installed()
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
        ConfigError: the output is the file of the weights themselves, a package is missing, or
            the format cannot hold a layer.
        RunError: the output cannot be written, or was found to be wrong.
    """
    source = find_weights(weights)
    there = to_replace(file_format, output)
    for path in there:
        if os.path.exists(source) and os.path.samefile(path, source):
            raise ConfigError(f"{path}: it holds the weights to export; choose another name")
    model, architecture = _described(config, weights)
    ready()
    try:
        atomic.make_folder(output.parent)
        EXPORTERS[file_format].write(output, model, architecture)
    except OSError as error:
        # One of several files alone is of no use.
        for path in EXPORTERS[file_format].files(output):
            if path not in there and path.is_file():
                with suppress(OSError):
                    atomic.remove(Path(os.path.realpath(path)))
        raise RunError(f"{output}: not written: {error.strerror or error}") from None
    return EXPORTERS[file_format].files(output)


@dataclass(frozen=True)
class Verification:
    """How far the logits of a written file are from those of the network.

    Attributes:
        program: the package that ran the file.
        images: test images that it was asked about.
        difference: the largest difference of a logit.
        largest: the largest logit of the network, to compare it with.
        agrees: whether that is rounding.
    """

    program: str
    images: int
    difference: float
    largest: float
    agrees: bool


def verify(config: Config, weights: Path, file_format: str, output: Path) -> Verification:
    """Let the program that an export is for compute the logits of some test images.

    Args:
        config: the network's, and the data set.
        weights: weights, a checkpoint or a run.
        file_format, output: as they were given to ``write_network``.

    Raises:
        CheckpointError: the weights cannot be used.
        ConfigError: nothing can run such a file, or it is not installed.
        DataError: the data set is missing or corrupt.
    """
    runner = EXPORTERS[file_format].expect_runner()
    model, architecture = _described(config, weights)
    test = factory.load_dataset(config).test
    pixels = test.take(np.arange(min(len(test), _VERIFIED)))
    images = pixels.astype(np.float32) / 255
    ours, theirs = logits_of(model, architecture, images), runner.logits(output, images)
    return Verification(
        runner.package,
        len(images),
        largest_difference(ours, theirs),
        float(np.abs(ours).max()),
        agree(ours, theirs),
    )


def _described(config: Config, weights: Path) -> tuple[Sequential, Architecture]:
    """A trained network and its description."""
    model = load_model(config, weights)
    info = trained_on(weights) or config.dataset_info
    return model, Architecture(
        layers=model.spec(),
        input_shape=info.image_shape,
        classes=info.classes,
        mean=info.mean,
        std=info.std,
        preparation=info.preparation.model_dump(),
        dataset=info.name,
    )
