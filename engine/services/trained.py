"""Find a trained network, named by a run or a file of weights, and its config."""

from collections.abc import Sequence
from pathlib import Path

from engine.checkpoints.safetensors_file import SUFFIX
from engine.config import Config
from engine.errors import CheckpointError, ConfigError
from engine.paths import kind_at, parse
from engine.runs.weight_files import find_weights
from engine.services.configs import open_config
from engine.services.runs import find_run, run_at
from engine.train import factory


def find_trained(
    name: str, root: Path | None, config: str | None, overrides: Sequence[str]
) -> tuple[Config, Path]:
    """The config and the weights of a trained network.

    Args:
        name: a file or folder with weights; or a run, as ``find_run`` takes it: the newest, if it
            is the name of a config.
        root: the folder of the runs; None for that of the config.
        config: the network's config, as ``open_config`` takes it; None for that of the run.
        overrides: values on top of it.

    Raises:
        CheckpointError: there is no such file and no such run.
        ConfigError: the name means several runs, or the network is not known.
    """
    given = None if config is None else open_config(config, overrides)
    if root is None:
        root = Path("runs") if given is None else given.runs_dir
    weights = locate(name, root)
    if given is not None:
        return given, weights
    run = run_at(str(weights))
    if run is None:
        find_weights(weights)
        raise ConfigError(
            f"{weights}: it is in no run, so its config is not known; add --config CONFIG"
        )
    return factory.config_of(run, overrides), weights


def locate(name: str, root: Path) -> Path:
    """The file or the run that a name means, as ``find_trained`` takes it.

    Raises:
        CheckpointError: there is no such file and no such run.
        ConfigError: the name means several runs.
    """
    path = parse(name)
    kind = kind_at(path, CheckpointError)
    if kind != "missing":
        run = run_at(name)
        if run is not None and path.suffix not in (".npz", SUFFIX):
            return run
        if kind != "folder" or _holds_weights(path):
            return path
    try:
        return find_run(root, name, newest=True).path
    except CheckpointError:
        if kind == "folder":  # of images, say
            return path
        raise CheckpointError(
            f"{path}: no such file, and no run of that name in {root}; "
            "'cnn-tui runs list' lists all runs"
        ) from None


def _holds_weights(folder: Path) -> bool:
    try:
        find_weights(folder)
    except CheckpointError:
        return False
    return True
