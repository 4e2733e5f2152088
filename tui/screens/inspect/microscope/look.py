"""A look through the microscope: one number of one layer, and what it was made of."""

import copy
import math
from dataclasses import dataclass

import numpy as np

from engine.arrays import Array, Shape
from engine.inspection.activations import restored
from engine.layers import Residual, Sequential
from engine.losses import SoftmaxCrossEntropy
from engine.microscope.arithmetic import Arithmetic
from engine.microscope.backward import explain_input_gradient
from engine.microscope.forward import explain, explain_loss, receptive_field
from tui.charts.layer_images import LayerPlace
from tui.state.network_inspector import Inspection, InspectionContext

Index = tuple[int, ...]
"""Channel, row and column of a number in a layer's output, or its feature alone."""


LOSS = "loss"
"""Name of the place behind the last layer."""


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
        loss, name = self.context.loss, place.name
        if name == LOSS:
            name = self.context.places[-1].name
        with np.errstate(all="ignore"):
            if gradient:
                arithmetic = explain_input_gradient(model, loss, x, labels, name, index)
            elif place.name == LOSS and isinstance(loss, SoftmaxCrossEntropy):
                logits = model.forward(x)[0]
                arithmetic = explain_loss(logits, int(labels[0]), loss.label_smoothing)
            else:
                arithmetic = explain(model, x, name, index)
        field = receptive_field(model, samples.split.images.shape[1:], name, index)
        return Look(place, index, gradient, arithmetic, Frame(*field))


def stops(context: InspectionContext) -> tuple[LayerPlace, ...]:
    """All places to look at: every layer, each ``Residual`` behind the layers in it, the loss.

    The loss has softmax's probabilities as its numbers; another loss than cross-entropy has none.
    """
    found = list(context.places)
    blocks = [name for name, each in context.model.named_layers() if isinstance(each, Residual)]
    for name in sorted(blocks, key=lambda name: -name.count(".")):  # inner ones first
        inside = [place for place in found if place.name.startswith(f"{name}.")]
        end = [place for place in inside if place.name.startswith(f"{name}.body.")][-1]
        block = LayerPlace(name, "Residual", "", inside[0].in_shape, end.out_shape, None, 0)
        found.insert(found.index(inside[-1]) + 1, block)
    last = found[-1].out_shape
    if isinstance(context.loss, SoftmaxCrossEntropy) and len(last) == 1:
        found.append(LayerPlace(LOSS, "cross-entropy", "", last, last, None, 0))
    return tuple(found)


def probabilities(logits: Array) -> Array:
    """Softmax of the network's output (C,), as the loss takes it."""
    with np.errstate(all="ignore"):
        powers = np.exp(logits - logits.max(), dtype=np.float64)
        return powers / powers.sum()


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
