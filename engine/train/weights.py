"""Trained weights of a file or a run: find, load and list them."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from engine.checkpoints import checkpoint
from engine.checkpoints.network_state import load_state
from engine.checkpoints.plain_npz import is_plain_npz
from engine.checkpoints.safetensors_file import is_safetensors, read_metadata
from engine.config import Config
from engine.data import DATASETS, Dataset, DatasetInfo
from engine.errors import CheckpointError, ConfigError
from engine.events import Logs
from engine.export.npz import npz_files
from engine.films import film
from engine.layers import Sequential
from engine.models import build
from engine.rng import Purpose, stream
from engine.runs.directory import RunDir
from engine.runs.record import DATA_SET, described_in
from engine.runs.weight_files import WEIGHTS, find_weights
from engine.sanitize import printable
from engine.storage import atomic
from engine.storage.untrusted_json import Count, Metrics, check_alike, check_rates, check_type
from engine.train import factory
from engine.train.snapshot import OptimizerState

UNNAMED = "another-data-set"
"""The data set of an export that does not name it, as those of earlier versions."""

_DESCRIBED = {"layers", "input_shape", "classes", "mean", "std", "preparation"}
_DESCRIPTION_LIMIT = 32 << 20  # bytes; as of a manifest
_LONGEST_REASON = 200  # characters of what a damaged description leads to


def load_model(config: Config, path: Path, dtype: DTypeLike = np.float32) -> Sequential:
    """The config's network with weights from a checkpoint of any kind.

    Args:
        config: the network; its weights' names and shapes are all that is read.
        path: a file of weights, an export, a checkpoint or a run directory.
        dtype: of the network; float64 to check its gradients.

    Raises:
        CheckpointError: the file is missing, damaged, or of another network.
    """
    model = factory.make_model(config, dtype)
    factory.take_state(model, load_state(find_weights(path), model.state_shapes()))
    return model


def load_optimizer(config: Config, model: Sequential, path: Path) -> OptimizerState | None:
    """The optimizer's memory in a checkpoint of the config's run; None in a file of weights alone.

    Args:
        config: of the run.
        model: its network.
        path: a file of weights, an export, a checkpoint or a run directory.

    Raises:
        CheckpointError: the file is missing, damaged, or of another optimizer or network.
    """
    source = find_weights(path)
    meta = meta_of(source).get("optimizer")
    if meta is None:
        return None
    try:
        check_alike(meta, {"t": 0, "lr": 0.0}, "optimizer")
        check_rates(meta, "optimizer")
        t = check_type(Count, meta["t"], "optimizer.t")
    except ValueError as error:
        raise CheckpointError(f"{source}: its state is odd: {error}") from None
    parameters = model.named_parameters()
    slots = factory.make_optimizer(config).slots
    expect = {
        f"optimizer/{slot}/{name}": (array.dtype, array.shape)
        for slot in slots
        for name, array in parameters.items()
    }
    arrays = checkpoint.load(source, expect, only="optimizer/").arrays
    return OptimizerState(
        t,
        float(meta["lr"]),
        {slot: {name: arrays[f"optimizer/{slot}/{name}"] for name in parameters} for slot in slots},
    )


def described_model(path: Path) -> Sequential:
    """The network that a file of weights describes, with these weights; no config is needed.

    Args:
        path: a file of weights, an export, a checkpoint or a run directory.

    Raises:
        CheckpointError: the file is missing or damaged, or does not say which network it is of.
    """
    source = find_weights(path)
    info, layers = trained_on(source), meta_of(source).get("layers")
    if info is None or layers is None:
        raise CheckpointError(
            f"{source}: it does not say which network it is of; add --config CONFIG"
        )
    try:
        model = build(layers, info.image_shape)
    except (ConfigError, RecursionError) as error:
        reason = printable(str(error), _LONGEST_REASON)
        raise CheckpointError(f"{source}: its network cannot be built: {reason}") from None
    # Compared with the network before that takes any memory.
    state = load_state(source, model.state_shapes())
    factory.take_state(model.initialise(stream(Purpose.INIT, 0)), state)
    return model


def meta_of(source: Path) -> dict[str, Any]:
    """What a file of weights says of itself; of an export, what was written in it or beside it.

    Args:
        source: the file; of a run, what ``find_weights`` finds.

    Raises:
        CheckpointError: the file is missing or damaged.
        MissingPackageError: it is safetensors, and the package is not installed.
    """
    if is_safetensors(source):
        text = read_metadata(source).get("network", "null")
    elif is_plain_npz(source):
        text = _beside(source)
    else:
        return checkpoint.read_meta(source)
    try:
        network = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(network, dict) or not network.keys() >= _DESCRIBED:
        return {}
    return {
        "layers": network["layers"],
        DATA_SET: {
            "name": network.get("dataset") or UNNAMED,
            "title": "what an exported network was trained on",
            "image_shape": network["input_shape"],
            "train": 1,
            "test": 1,
            **{key: network[key] for key in ("classes", "mean", "std", "preparation")},
        },
    }


def _beside(source: Path) -> str:
    """The description that an export wrote beside the arrays; ``null`` where there is none."""
    _, description = npz_files(source)
    try:
        with atomic.open_regular(description) as file:
            return file.read(_DESCRIPTION_LIMIT).decode()  # what is cut there is no JSON
    except (OSError, ValueError):
        return "null"


def trained_on(path: Path) -> DatasetInfo | None:
    """The data set that weights were trained on, as they describe it; None if it is unknown.

    Files of earlier versions only name it.

    Args:
        path: a file of weights, an export, a checkpoint or a run directory.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    source = find_weights(path)
    meta = meta_of(source)
    try:
        described = described_in(meta)
    except ValueError as error:
        raise CheckpointError(f"{source}: {error}") from None
    name = meta.get("dataset")
    return described or (DATASETS.get(name) if isinstance(name, str) else None)


def normalised_for(dataset: Dataset, path: Path) -> tuple[Dataset, str]:
    """A data set, normalised as in the training of the weights.

    Args:
        dataset: the samples to be classified.
        path: a file of weights, an export, a checkpoint or a run directory.

    Returns:
        The data set, and in a line how it differs from its own normalisation; empty if it does
        not.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    origin = trained_on(path)
    if origin is None or len(origin.mean) != len(dataset.mean):
        return dataset, ""
    if (origin.mean, origin.std) == (dataset.mean, dataset.std):
        return dataset, ""
    return replace(dataset, mean=origin.mean, std=origin.std), (
        f"the weights were trained on {origin.name}: images are normalised as there "
        f"(mean {_numbers(origin.mean)}, std {_numbers(origin.std)}), not as in {dataset.name} "
        f"(mean {_numbers(dataset.mean)}, std {_numbers(dataset.std)})"
    )


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)


Kind = Literal["finished", "best", "step", "film"]


@dataclass(frozen=True)
class SavedWeights:
    """A file of a run with weights in it.

    Attributes:
        path: the file.
        kind: "finished" at the end of the run, "best" by validation, the state at a "step", or the
            last frame of the run's "film".
        size: in bytes.
        epoch: epochs done; None where the file does not say.
        global_step: optimizer steps done; None where the file does not say.
        logs: metrics of the last of those epochs; empty where there is none.
        problem: the reason why it cannot be read, in one line; None if it can.
    """

    path: Path
    kind: Kind
    size: int
    epoch: int | None = None
    global_step: int | None = None
    logs: Logs = field(default_factory=dict)
    problem: str | None = None


def list_weights(run: Path) -> list[SavedWeights]:
    """The weights of a run: the finished ones, the best ones, then the latest step first.

    Of a run that has none of these, as it diverged in its first epoch: the last frame of its film.

    Only what the files say about themselves is read, not the weights.

    Raises:
        RunError: it is not a run directory.
        CheckpointError: the folder of its checkpoints cannot be read.
    """
    store = RunDir.view(run).store
    places: list[tuple[Path, Kind]] = [
        (run / WEIGHTS, "finished"),
        (store.best_path, "best"),
        *((store.path(step), "step") for step in reversed(store.steps())),
    ]
    if not any(path.exists() for path, _ in places):
        places = [(frame, "film") for frame in film.frames(run)[-1:]]
    found = []
    for path, kind in places:
        try:
            size = path.stat().st_size
        except OSError:
            continue  # it was pruned in between, or never was
        found.append(_describe(path, kind, size))
    return found


def _describe(path: Path, kind: Kind, size: int) -> SavedWeights:
    try:
        meta = checkpoint.read_meta(path)
        if "progress" not in meta:
            return SavedWeights(path, kind, size)
        progress, history = meta["progress"], meta["history"]
        last = history[-1] if history else {}
        return SavedWeights(
            path,
            kind,
            size,
            epoch=check_type(Count, progress["epoch"], "epoch"),
            global_step=check_type(Count, progress["global_step"], "global_step"),
            logs={
                key: float("nan") if value is None else value
                for key, value in check_type(Metrics, last, "history").items()
            },
        )
    except CheckpointError as error:
        return SavedWeights(path, kind, size, problem=str(error))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        return SavedWeights(path, kind, size, problem=f"{path}: its state is odd: {error!r}")
