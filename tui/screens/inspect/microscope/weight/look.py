"""A look at one weight: its place, its gradient's origin, and its next update."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.arrays import Array
from engine.data import Dataset
from engine.errors import DataError
from engine.inspection.activations import restored
from engine.microscope.receptive import receptive_field
from engine.microscope.steps import Steps, TrainingStep, WeightStep
from engine.train import factory
from tui.charts import layer_images
from tui.charts.layer_images import LayerPlace
from tui.screens.inspect.microscope.look import Frame, Index
from tui.state.network_inspector import Inspection, InspectionContext


@dataclass(frozen=True)
class Spot:
    """One weight.

    Attributes:
        layer: full name of its layer.
        parameter: its array there.
        index: its place in the array.
    """

    layer: str
    parameter: str
    index: Index


@dataclass(frozen=True, eq=False)  # arrays that are alike cannot be compared as a whole
class WeightLook:
    """Findings about one weight.

    Attributes:
        spot: which one.
        step: the training step that it is looked at in.
        weight: its way through the step.
        gradients: of its whole array.
        images: of the batch, from 0 to 1 as the network sees them: (N, H, W) or (N, H, W, 3).
        fields: for each of the largest products, the sample and the pixels that it depends on.
    """

    spot: Spot
    step: TrainingStep
    weight: WeightStep
    gradients: Array
    images: Array
    fields: tuple[tuple[int, Frame | None], ...]


class WeightMicroscope:
    """Computes looks, one at a time, on a copy of the network that is its own.

    A pass of a batch is kept for all weights that are looked at in it.

    Args:
        context: what is known of the network.
        find_dataset: finds the data set that it trains on, or None.
    """

    def __init__(
        self, context: InspectionContext, find_dataset: Callable[[], Dataset | None]
    ) -> None:
        self.context = context
        self._find_dataset = find_dataset
        self._steps: Steps | None = None
        self._step: tuple[Inspection, TrainingStep, Array] | None = None

    def look(self, inspection: Inspection, spot: Spot, largest: int) -> WeightLook:
        """Find out where a weight's gradient comes from; takes time, and is for one thread only.

        Args:
            inspection: weights, and the optimizer's memory.
            spot: the weight.
            largest: how many products to find the pixels of.

        Raises:
            DataError: the data set is not here.
        """
        step, images = self._taken_apart(inspection)
        weight = step.weight(spot.layer, spot.parameter, spot.index)
        shape = step.trace.layers["0"].x.shape[1:]
        fields = []
        for term in weight.gradient.arithmetic.terms[:largest]:
            assert term.place is not None
            sample, *where = term.place
            frame = None
            if len(where) == 2:
                place = (spot.index[0], *where)
                frame = Frame(*receptive_field(step.trace.model, shape, spot.layer, place))
            fields.append((sample, frame))
        gradients = step.trace.layers[spot.layer].layer.grads[spot.parameter]
        return WeightLook(spot, step, weight, gradients, images, tuple(fields))

    def _taken_apart(self, inspection: Inspection) -> tuple[TrainingStep, Array]:
        if self._step is None or self._step[0] is not inspection:
            if self._steps is None:
                dataset = self._find_dataset()
                if dataset is None:
                    raise DataError("the data set is not downloaded; training downloads it")
                self._steps = Steps(self.context.config, dataset)
                self._mean, self._std = np.array(dataset.mean), np.array(dataset.std)
                self._model = factory.make_model(self.context.config)
            model = restored(self._model, tuple(inspection.layers.values()))
            step = self._steps.next(model, inspection.optimizer)
            x = step.trace.layers["0"].x
            images = x * self._std[:, None, None] + self._mean[:, None, None]
            shown = images[:, 0] if images.shape[1] == 1 else np.moveaxis(images[:, :3], 1, 3)
            self._step = inspection, step, shown.clip(0, 1)
        return self._step[1:]


def picture(place: LayerPlace, array: Array, spot: Spot) -> tuple[Array, float, int, int]:
    """The weights around one of them.

    Args:
        place: the layer.
        array: the parameter.
        spot: the weight in it.

    Returns:
        Numbers around zero (h, w): the channel of a filter, or a whole matrix; what gets the
        strongest colour; row and column of the weight.
    """
    index = spot.index
    if array.ndim == 1:
        gallery = layer_images.maps(place, array)
        row, column = divmod(index[0], gallery.pictures.shape[2])
        return gallery.pictures[0], gallery.limit, row, column
    gallery = layer_images.maps(place, array[index[0]] if array.ndim == 4 else array[None])
    return gallery.pictures[index[1] if array.ndim == 4 else 0], gallery.limit, *index[-2:]


def moved(array: Array, spot: Spot, row: int, column: int, columns: int) -> Spot:
    """The weight at another place of the picture of an array.

    Args:
        array: the parameter.
        spot: a weight of the same picture.
        row, column: the place.
        columns: of the picture.
    """
    if array.ndim == 1:
        index: Index = (min(row * columns + column, array.size - 1),)
    else:
        index = (*spot.index[:-2], row, column)
    return Spot(spot.layer, spot.parameter, index)
