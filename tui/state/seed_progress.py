"""Which seed of a group a training is, and what the seeds before it did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from engine.runs.groups import Band, Place, band


@dataclass(frozen=True)
class SeedProgress:
    """A training's place among the seeds of its group.

    Attributes:
        place: its place.
        runs_after: how many runs are still to be trained after it.
        curves: of the seeds that finished before it, a row an epoch.
    """

    place: Place
    runs_after: int = 0
    curves: tuple[Sequence[Mapping[str, Any]], ...] = ()

    @property
    def words(self) -> str:
        """``seed 2 of 5``."""
        return f"seed {self.place.index} of {self.place.size}"

    @cached_property
    def bands(self) -> Mapping[str, Band]:
        """Mean and standard deviation over the curves, of each metric that is drawn."""
        found = {name: band(self.curves, name) for name in ("val_loss", "val_acc")}
        return {name: one for name, one in found.items() if one is not None}
