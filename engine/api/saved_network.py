"""Files of networks that were trained from Python: the weights of a run, and what arrays mean."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

import engine
from engine.api.encoding import Encoding
from engine.checkpoints import checkpoint
from engine.data import describe, described
from engine.errors import CheckpointError, ConfigError
from engine.layers import Sequential
from engine.losses import LOSSES
from engine.options import OneOf
from engine.runs.record import DATA_SET
from engine.storage.untrusted_json import check_type
from engine.train.weights import described_model, find_weights, meta_of, trained_on

KEY = "arrays"
"""Where it stands in the meta of saved weights; those of runs have none."""

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Meaning(BaseModel):
    """What a file says of the arrays that a network takes.

    Attributes:
        low, high: the numbers that are black and white.
        numbers: whether its classes are whole numbers.
        loss, label_smoothing: what ``evaluate`` measures.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    low: Finite = 0.0
    high: Finite = 255.0
    numbers: bool = False
    loss: Annotated[str, OneOf(LOSSES)] = "cross_entropy"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0


def write(path: Path, network: Sequential, encoding: Encoding, loss: dict[str, Any]) -> None:
    """Write a network; see ``Sequential.save``."""
    info = encoding.info(1, 1)
    description = describe(info)
    try:
        described(description)
    except ValueError as error:
        raise ConfigError(f"{path}: not saved: {error}") from None
    meaning = Meaning(
        low=encoding.low, high=encoding.high, numbers=encoding.classes.dtype.kind == "i", **loss
    )
    checkpoint.save(
        path,
        {f"model/{name}": array for name, array in network.state_dict().items()},
        {
            "kind": "weights",
            "dataset": info.name,
            DATA_SET: description,
            "layers": network.spec(),
            "version": engine.__version__,
            KEY: meaning.model_dump(),
        },
        follow_symlinks=True,
    )


def read(path: Path) -> tuple[Sequential, Encoding, dict[str, Any]]:
    """A network, what it takes, and its loss; see ``Sequential.load``."""
    source = find_weights(path)
    network, info = described_model(source), trained_on(source)
    assert info is not None, "described_model has refused it"
    value = meta_of(source).get(KEY)
    try:
        meaning = Meaning() if value is None else check_type(Meaning, value, KEY)
        if not meaning.low < meaning.high:
            raise ValueError(f"{KEY}.high: expected more than {meaning.low}, got {meaning.high}")
        names = np.array(info.classes)
        classes = names.astype(np.int64) if meaning.numbers else names
    except ValueError as error:
        raise CheckpointError(f"{source}: {error}") from None
    encoding = Encoding(info.image_shape, classes, meaning.low, meaning.high, info.mean, info.std)
    return network, encoding, {"loss": meaning.loss, "label_smoothing": meaning.label_smoothing}
