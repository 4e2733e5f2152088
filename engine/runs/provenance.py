"""Provenance of a run's weights: enough to train them again elsewhere and compare.

It is kept in every checkpoint, so that an interrupted and resumed run has one history, and in
``run.json`` when the run is over.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from engine.storage.untrusted_json import Count, Facts, Rate, Text, check_type

KEY = "provenance"
"""Where it stands in a checkpoint's meta and in ``run.json``."""


def weights_hash(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names, dtypes, shapes and values, in the order of the names; hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()


@dataclass(frozen=True)
class Part:
    """A part of a run that was trained in one environment.

    Attributes:
        step: optimizer steps done when it began.
        config_hash: of the config it was trained by.
        environment: see ``environment.environment``.
        data: see ``factory.Sources.digests``; empty where an earlier version recorded none.
    """

    step: Count
    config_hash: Text
    environment: Facts
    data: dict[Text, Text] = field(default_factory=dict)

    def other_data(self, data: Mapping[str, str]) -> list[str]:
        """The names of the digests that differ from this part's, as far as both are known."""
        both = self.data.keys() & data.keys()
        return sorted(name for name in both if self.data[name] != data[name])


@dataclass(frozen=True)
class RateChange:
    """A learning rate that was set by hand, after ``step`` batches of ``epoch`` (from 0)."""

    epoch: Count
    step: Count
    lr: Annotated[Rate, Field(gt=0)]


@dataclass
class Provenance:
    """Provenance of a run's weights.

    Attributes:
        weights: hash of the weights after every epoch; empty text where it is not known.
        rates: learning rates set by hand, in order.
        parts: where it was trained, in order; a resume on the same machine adds none.
        final: hash of the finished weights; empty until the run has finished.
        start: hash of the weights that it began with; empty where they were fresh.
    """

    weights: list[Text] = field(default_factory=list)
    rates: list[RateChange] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    final: Text = ""
    start: Text = ""

    def begin(self, part: Part) -> None:
        """Record the start of training, or of a resumed part."""
        last = self.parts[-1] if self.parts else None
        if last is None or replace(part, step=last.step) != last:
            self.parts.append(part)

    def to_json(self) -> dict[str, Any]:
        """Encode as plain JSON; without a start where there is none, as earlier versions did."""
        values = asdict(self)
        if not self.start:
            del values["start"]
        return values

    @classmethod
    def from_json(cls, value: Any, epochs: int) -> "Provenance":
        """Decode from plain JSON.

        Args:
            value: from ``to_json``, or from an untrusted file.
            epochs: epochs done; a file without hashes for them gets unknown ones.

        Raises:
            ValueError: it is something else.
        """
        if value is None:
            return cls(weights=[""] * epochs)
        found: Provenance = check_type(cls, value, KEY)
        if len(found.weights) != epochs:
            raise ValueError(f"{KEY}: expected the weights' hashes of {epochs} epochs")
        return found
