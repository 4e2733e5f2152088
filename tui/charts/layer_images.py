"""Filters and feature maps of a layer, as small pictures."""

import math
from dataclasses import dataclass

import numpy as np

from engine.arrays import Array, Shape
from engine.inspection.sentences import in_numbers
from engine.layers import Sequential, Whitening2D, shape_text
from engine.layers.layer import Layer
from engine.numbers import percent, short
from engine.train.snapshot import LayerSnapshot

NUMBER = 6
"""Characters of a number in a picture's table."""


@dataclass(frozen=True)
class LayerPlace:
    """A layer's place in its network.

    Attributes:
        name: full name (``3.body.0``).
        kind: its class.
        layer: class and arguments.
        in_shape, out_shape: without the batch.
        image_shape: the (C, H, W) that a flattening before it made its input of, or None.
        parameters: how many numbers it trains.
        has_filters: whether its weight is a set of small images.
        sees_colours: whether its input are the images themselves, in red, green and blue.
        in_numbers: what it does in this network, in a sentence.
        whitening_eps: of a whitening layer, what it adds to variances; None of others.
    """

    name: str
    kind: str
    layer: str
    in_shape: Shape
    out_shape: Shape
    image_shape: Shape | None
    parameters: int
    has_filters: bool = False
    sees_colours: bool = False
    in_numbers: str = ""
    whitening_eps: float | None = None

    @property
    def shows_channels(self) -> bool:
        """Whether its weight is shown for one input channel at a time."""
        return self.has_filters or self.image_shape is not None


@dataclass(frozen=True)
class Gallery:
    """Pictures to be shown together.

    Attributes:
        pictures: (n, h, w), numbers around zero; or in colour (n, h, w, 3), 0 where all is grey.
        captions: one for each.
        limit: what gets the strongest colour: only a fiftieth of all numbers is larger.
        title: what they are.
        views: what there is to choose from: the input channels, and all together in colour.
        notes: what is known of each picture, in a few words; empty if nothing is.
    """

    pictures: Array
    captions: tuple[str, ...]
    limit: float
    title: str
    views: tuple[str, ...] = ("",)
    notes: tuple[str, ...] = ()

    @property
    def in_colour(self) -> bool:
        """Whether the pictures have red, green and blue."""
        return self.pictures.ndim == 4


def places(model: Sequential, in_shape: Shape) -> tuple[LayerPlace, ...]:
    """Every layer that computes, in order."""
    found: list[LayerPlace] = []
    flattened: Shape | None = None
    for i, (name, layer, inside, outside) in enumerate(model.named_shapes(in_shape)):
        found.append(
            LayerPlace(
                name=name,
                kind=type(layer).__name__,
                layer=repr(layer),
                in_shape=inside,
                out_shape=outside,
                image_shape=_image_shape(layer, inside, flattened),
                parameters=layer.count_parameters(),
                has_filters=layer.has_filters,
                sees_colours=i == 0 and len(inside) == 3 and inside[0] == 3,
                in_numbers=in_numbers(layer, inside),
                whitening_eps=layer.eps if isinstance(layer, Whitening2D) else None,
            )
        )
        if layer.flattens:
            flattened = inside
    return tuple(found)


def _image_shape(layer: Layer, inside: Shape, flattened: Shape | None) -> Shape | None:
    """Only a layer right behind the flattening sees pixels; another has other features."""
    is_dense = len(inside) == 1 and "weight" in layer.param_shapes()
    if not is_dense or flattened is None or len(flattened) != 3:
        return None
    return flattened if math.prod(flattened) == inside[0] and flattened[1] > 1 else None


def filters(place: LayerPlace, layer: LayerSnapshot, view: int) -> Gallery | None:
    """The weight of a layer as pictures; None if it has none.

    A convolution gives one picture a filter, of one input channel; if it sees the images, at
    first of their three colours together. So does a dense layer behind a flattening; any other
    dense layer is one picture, a row for each output.

    Args:
        place: the layer.
        layer: its weights.
        view: the input channel, from 0, behind the colours if there are some; beyond the last one
            counts as the last.
    """
    weight = layer.weights.get("weight")
    if weight is None:
        return None
    if weight.ndim == 2 and place.image_shape is not None:
        weight = weight.reshape(len(weight), *place.image_shape)
    if weight.ndim == 4:
        channels = weight.shape[1]
        views = tuple(f"input channel {i + 1}/{channels}" for i in range(channels))
        if place.sees_colours:
            views = ("in colour", *views)
        chosen = min(max(view, 0), len(views) - 1)
        size = shape_text(weight.shape[2:])
        word = "filters" if place.has_filters else "neurons"
        if place.sees_colours and chosen == 0:
            pictures = np.moveaxis(weight, 1, 3)
        else:
            pictures = weight[:, chosen - place.sees_colours]
        return Gallery(
            pictures,
            tuple(str(i) for i in range(len(weight))),
            _strong(weight),
            f"{len(weight)} {word} of {size}",
            views,
            _variances(place, weight),
        )
    if weight.ndim == 2:
        title = f"weights, {weight.shape[0]} outputs down, {weight.shape[1]} inputs across"
        return Gallery(weight[None], ("",), _strong(weight), title)
    return Gallery(_as_rows(weight), ("",), _strong(weight), f"{weight.size} scales")


def _variances(place: LayerPlace, weight: Array) -> tuple[str, ...]:
    """How much of the variance each filter of a whitening layer stands for."""
    shares = variance_shares(place, weight)
    return () if shares is None else tuple(f"{percent(s)} of the variance" for s in shares.tolist())


def variance_shares(place: LayerPlace, weight: Array) -> Array | None:
    """``Whitening2D.variance_shares`` of a layer; None where it is no such layer."""
    eps = place.whitening_eps
    return None if eps is None else Whitening2D.variance_shares(weight, eps)


def maps(place: LayerPlace, output: Array) -> Gallery:
    """Feature maps of one image: a picture for every channel, or one of all features.

    Args:
        place: the layer.
        output: without the batch.
    """
    if output.ndim == 3:
        captions = tuple(str(i) for i in range(len(output)))
        title = f"{len(output)} maps of {shape_text(output.shape[1:])}"
        return Gallery(output, captions, _strong(output), title)
    return Gallery(_as_rows(output), ("",), _strong(output), f"{output.size} features")


def as_pictures(images: Array) -> Array:
    """Images of a data set, uint8 (n, C, H, W), as ``Tiles`` shows them: from 0 to 1."""
    scaled = images.astype(np.float32) / 255
    return scaled[:, 0] if scaled.shape[1] == 1 else np.moveaxis(scaled[:, :3], 1, 3)


def as_colours(shown: Gallery) -> Array:
    """Numbers around zero in red, green and blue, as ``Tiles`` shows images: 0 is grey."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = 0.5 + 0.5 * shown.pictures / shown.limit
    return np.nan_to_num(scaled, nan=0.5).clip(0, 1)


def numbers(picture: Array, width: int, height: int) -> list[str] | None:
    """A picture's numbers as lines of text; None in colour, or if there is no room for them."""
    if picture.ndim == 3:
        return None
    h, w = picture.shape
    if h > height or w * (NUMBER + 1) - 1 > width:
        return None
    return [" ".join(f"{short(value):>{NUMBER}}" for value in row) for row in picture.tolist()]


def _as_rows(vector: Array) -> Array:
    """(F,) -> (1, rows, columns), wider than high; the last row is filled with zeros."""
    columns = max(1, min(vector.size, math.ceil(2 * math.sqrt(vector.size))))
    rows = -(-vector.size // columns)
    picture = np.zeros(rows * columns, vector.dtype)
    picture[: vector.size] = vector
    return picture.reshape(1, rows, columns)


def _strong(array: Array) -> float:
    """The size that only a fiftieth of the numbers exceeds: one outlier must not dim the rest."""
    sizes = np.abs(array.reshape(-1)[:: max(1, array.size >> 16)])
    finite = sizes[np.isfinite(sizes)]
    if not finite.size:
        return 0.0
    # np.percentile would load a tenth of a second of np.ma, in the app's thread.
    share, place = math.modf(0.98 * (finite.size - 1))
    ends = int(place), min(int(place) + 1, finite.size - 1)
    low, high = np.partition(finite, ends)[list(ends)].astype(np.float64)
    return float(low + (high - low) * share) or float(finite.max())
