"""A look through the microscope: one number of one layer, and what it was made of."""

import copy
import math
from dataclasses import dataclass

import numpy as np

from engine.arrays import Array, Shape
from engine.inspection.activations import restored
from engine.layers import Sequential
from engine.microscope.arithmetic import Arithmetic
from engine.microscope.backward import explain_input_gradient
from engine.microscope.forward import explain, receptive_field
from tui.charts.layer_images import LayerPlace
from tui.state.network_inspector import Inspection, InspectionContext

Index = tuple[int, ...]
"""Channel, row and column of a number in a layer's output, or its feature alone."""


@dataclass(frozen=True)
class Frame:
    """A rectangle of pixels; the ends are the first that are outside."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True)
class Look:
    """Findings about one number.

    Attributes:
        place, index: where it is.
        gradient: whether it is the number's gradient that was computed.
        arithmetic: how it came about.
        field: the pixels of the image that it depends on.
    """

    place: LayerPlace
    index: Index
    gradient: bool
    arithmetic: Arithmetic
    field: Frame


class Microscope:
    """Computes looks, one at a time, on a copy of the network that is its own.

    Args:
        context: what is known of the network.
    """

    def __init__(self, context: InspectionContext) -> None:
        self.context = context
        self._model: Sequential | None = None

    def look(
        self, inspection: Inspection, place: LayerPlace, index: Index, *, gradient: bool
    ) -> Look:
        """Find out how a number came about; takes time, and is for one thread only.

        Args:
            inspection: weights, and the sample.
            place: the layer.
            index: the number in its output, without the batch.
            gradient: whether to explain the loss's gradient there, instead of the number.
        """
        samples = self.context.samples
        assert samples is not None
        if self._model is None:
            self._model = copy.deepcopy(self.context.model).eval()
        model = restored(self._model, tuple(inspection.layers.values()))
        x, labels = samples.batches.load(np.array([samples.index(inspection.sample)]))
        with np.errstate(all="ignore"):
            if gradient:
                loss = self.context.loss
                arithmetic = explain_input_gradient(model, loss, x, labels, place.name, index)
            else:
                arithmetic = explain(model, x, place.name, index)
        shape = samples.split.images.shape[1:]
        field = receptive_field(model, shape, place.name, index)
        return Look(place, index, gradient, arithmetic, Frame(*field))


def strongest(output: Array, channel: int | None = None) -> Index:
    """The place of the number that is farthest from zero.

    Args:
        output: (C, H, W) or (F,).
        channel: only in this feature map; of features there is only one picture.
    """
    sizes = np.nan_to_num(np.abs(output), nan=0.0)
    if channel is None or output.ndim == 1:
        return tuple(int(i) for i in np.unravel_index(int(sizes.argmax()), output.shape))
    row, column = np.unravel_index(int(sizes[channel].argmax()), output.shape[1:])
    return channel, int(row), int(column)


def carried(index: Index, before: Shape, after: Shape) -> Index | None:
    """The same place in the output of another layer; None if it has no such place.

    Between feature maps it is the same part of the image; a flattening keeps every number.
    """
    if len(before) == len(after) == 3:
        scaled = (
            min(int((i + 0.5) * new / old), new - 1)
            for i, old, new in zip(index[1:], before[1:], after[1:], strict=True)
        )
        return min(index[0], after[0] - 1), *scaled
    if math.prod(before) == math.prod(after):
        flat = np.ravel_multi_index(index, before)
        return tuple(int(i) for i in np.unravel_index(int(flat), after))
    return None
