"""Write a trained network for other programs: ``cnn-tui export``."""

from collections.abc import Callable
from pathlib import Path

from engine.commands.output import Output
from engine.commands.signals import Signals
from engine.config import Config
from engine.data import DATASETS
from engine.errors import RunError
from engine.export import FORMATS, Architecture
from engine.train import durable
from engine.train.weights import load_model


def export(config: Config, weights: Path, file_format: str, output: Path, out: Output) -> int:
    """Write the network in a format of ``engine.export.FORMATS``.

    Raises:
        CheckpointError: the weights cannot be used.
        RunError: the output cannot be written.
        Interrupted: by a signal, before anything was written.
    """
    with Signals() as signals:
        written = write_network(config, weights, file_format, output, ready=signals.check)
    out.json({"format": file_format, "files": [str(path) for path in written]})
    for path in written:
        out.text(f"{path}  {path.stat().st_size:,} bytes")
    return 0


def write_network(
    config: Config,
    weights: Path,
    file_format: str,
    output: Path,
    *,
    ready: Callable[[], None] = lambda: None,
) -> list[Path]:
    """The export itself, without a word: the command's and the app's one code path.

    Args:
        config: the network's.
        weights: weights, a checkpoint or a run.
        file_format: a key of ``engine.export.FORMATS``.
        output: the file to write; one that is there is replaced.
        ready: called before anything is written; may raise to stop.

    Returns:
        The files that were written.

    Raises:
        CheckpointError, RunError: as ``export``.
    """
    if output.is_dir() or not output.name:
        raise RunError(f"{output}: not written: it is a folder; expected the name of a file")
    info = DATASETS[config.dataset]
    model = load_model(config, weights)
    architecture = Architecture(
        layers=model.spec(),
        input_shape=info.image_shape,
        classes=info.classes,
        mean=info.mean,
        std=info.std,
    )
    ready()
    try:
        durable.make_folder(output.parent)
        return FORMATS[file_format](output, model, architecture)
    except OSError as error:
        raise RunError(f"{output}: not written: {error.strerror or error}") from None
