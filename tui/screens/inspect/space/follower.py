"""Where a network puts the images of the test set; follows what Inspect follows."""

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.arrays import Array
from engine.inspection.activations import last_features, restored
from engine.inspection.projection import Projection, project
from engine.layers import Sequential
from engine.train.snapshot import LayerSnapshot
from tui.state.network_inspector import InspectionContext, NetworkInspector, Samples

if TYPE_CHECKING:
    from tui.app import CnnApp

COUNT = 300
"""Images that are shown: enough for groups to be seen, few enough to be told apart."""


@dataclass(frozen=True)
class Space:
    """Images as points.

    Attributes:
        projection: where they are.
        features: how many numbers the network has for an image there.
        indices: the images' numbers in the test set, (n,).
        labels, predicted: their classes, (n,).
        classes: the names of the classes.
    """

    projection: Projection
    features: int
    indices: Array
    labels: Array
    predicted: Array
    classes: tuple[str, ...]


def measure(
    model: Sequential,
    layers: tuple[LayerSnapshot, ...],
    samples: Samples,
    before: Array | None,
) -> Space:
    """The space of a snapshot; slow, so for a job.

    Args:
        model: a network that the weights are loaded into.
        layers: the snapshot.
        samples: the test set, of which images at even distances are taken.
        before: the directions of the last moment, or None.
    """
    size = len(samples.split)
    indices = np.linspace(0, size - 1, min(COUNT, size)).astype(int)
    x, _ = samples.batches.load(indices)
    with np.errstate(all="ignore"):
        features, logits = last_features(restored(model, layers), x)
    labels = np.asarray(samples.split.labels)[indices]
    return Space(
        project(features, before),
        features.shape[1],
        indices,
        labels,
        logits.argmax(axis=1),
        samples.classes,
    )


class SpaceFollower:
    """Measures the space again whenever Inspect's inspector has found something new.

    Attributes:
        space: the newest; None before the first, and where there are no images.
        version: grows with every change.
    """

    def __init__(self, app: "CnnApp", inspector: NetworkInspector) -> None:
        self._app, self._inspector = app, inspector
        self.space: Space | None = None
        self.version = 0
        self._seen: object = None
        self._context: InspectionContext | None = None
        self._model: Sequential | None = None
        self._busy = False

    def poll(self) -> None:
        """Measure again, if there may be something new; called often."""
        self._inspector.poll()
        context, inspection = self._inspector.context, self._inspector.inspection
        if self._busy or inspection is self._seen:
            return
        self._seen = inspection
        if context is None or inspection is None or context.samples is None:
            self.space = None
            self.version += 1
            return
        layers, samples = tuple(inspection.layers.values()), context.samples
        if context is not self._context:
            self._context, self._model = context, None
        model, before = self._model, self.space.projection.directions if self.space else None
        self._busy = True

        def work() -> tuple[Sequential, Space]:
            # The inspector's own network is written to by its jobs.
            own = model or copy.deepcopy(context.model)
            return own, measure(own, layers, samples, before)

        def done(found: tuple[Sequential, Space]) -> None:
            self._inspector.pace.rest(job.seconds)
            self._busy = False
            self._model, self.space = found
            self.version += 1

        def failed(error: Exception) -> None:
            self._busy, self.space = False, None
            self.version += 1
            self._app.show_message(str(error), "o chooses another network", severity="error")

        job = self._app.start_job(lambda job: work(), on_done=done, on_error=failed, name="space")
