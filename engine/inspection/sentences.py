"""What a layer does in this network, in a sentence with the network's own numbers."""

import math
from functools import singledispatch

from engine.arrays import Array, Shape
from engine.kernels.window import pair
from engine.layers import (
    AvgPool2D,
    BatchNorm1D,
    BatchNorm2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
    shape_text,
)
from engine.layers.layer import Layer
from engine.numbers import percent


def in_numbers(layer: Layer, in_shape: Shape) -> str:
    """The sentence about a layer.

    Args:
        layer: the layer; it needs no weights.
        in_shape: of its input, (C, H, W) or (F,).

    Raises:
        ShapeError: the layer cannot take such an input.
    """
    return _sentence(layer, in_shape, layer.output_shape(in_shape))


def whitened(shares: Array | None) -> str:
    """The sentence about the filters of a whitening layer.

    Args:
        shares: of the patches' variance, see ``Whitening2D.variance_shares``.
    """
    if shares is None:
        return "The filters are random until a training begins, which computes them from images."
    own = shares[: len(shares) // 2]
    others = [f"filter {i} for {percent(s)}" for i, s in enumerate(own[1:3].tolist(), 1)]
    if len(own) > 3:
        rest = "the last" if len(own) == 4 else f"the other {len(own) - 3}"
        others.append(f"{rest} for {percent(float(own[3:].sum()))}")
    return (
        f"Filter 0 stands for {percent(float(own[0]))} of the variance of all patches, that is, of "
        f"how they differ; {', '.join(others)}. They are scaled so that all count the same. "
        f"Filters {len(own)} to {len(shares) - 1} are the negatives of these."
    )


@singledispatch
def _sentence(layer: Layer, inside: Shape, outside: Shape) -> str:
    if inside == outside:
        return f"Here it changes each of {_numbers(inside)} by itself."
    return f"Here {_arrays(inside)} become {_arrays(outside)}."


@_sentence.register
def _(layer: Conv2D, inside: Shape, outside: Shape) -> str:
    channels, (high, wide) = layer.in_channels // layer.groups, pair(layer.kernel_size)
    products = channels * high * wide
    return (
        f"Here {_count(layer.out_channels, 'filter')} of {shape_text((channels, high, wide))} "
        f"{'read' if layer.out_channels > 1 else 'reads'} {_arrays(inside)}, and each makes a map "
        f"of {shape_text(outside[1:])}. Every number in a map is a sum of "
        f"{_count(products, 'product')}, with {'a' if layer.bias else 'no'} bias; "
        f"{layer.count_parameters():,} numbers are learnt, and used "
        f"{math.prod(outside[1:]):,} times for each image."
    )


@_sentence.register
def _(layer: Dense, inside: Shape, outside: Shape) -> str:
    return (
        f"Here each of {_count(outside[0], 'output')} is a sum of {_count(inside[0], 'product')}, "
        f"with {'a' if layer.bias else 'no'} bias; {layer.count_parameters():,} numbers are learnt."
    )


@_sentence.register(MaxPool2D)
@_sentence.register(AvgPool2D)
def _(layer: MaxPool2D | AvgPool2D, inside: Shape, outside: Shape) -> str:
    window = shape_text(pair(layer.kernel_size))
    kept = math.prod(outside[1:]) / math.prod(inside[1:])
    return (
        f"Here a window of {window} becomes one number: maps of {shape_text(inside[1:])} become "
        f"maps of {shape_text(outside[1:])}, with {kept:.0%} as many numbers."
    )


@_sentence.register
def _(layer: GlobalAvgPool2D, inside: Shape, outside: Shape) -> str:
    return f"Here {_arrays(inside)} become {_count(outside[0], 'number')}."


@_sentence.register
def _(layer: Flatten, inside: Shape, outside: Shape) -> str:
    return f"Here {_arrays(inside)} become a row of {_count(outside[0], 'feature')}."


@_sentence.register
def _(layer: BatchNorm2D, inside: Shape, outside: Shape) -> str:
    return (
        f"Here each of {_count(inside[0], 'map')} is normalised over its "
        f"{math.prod(inside[1:]):,} places in all images of a batch; a scale and a shift are "
        "learnt for each."
    )


@_sentence.register
def _(layer: BatchNorm1D, inside: Shape, outside: Shape) -> str:
    return (
        f"Here each of {_count(inside[0], 'feature')} is normalised over the images of a batch; a "
        "scale and a shift are learnt for each."
    )


@_sentence.register
def _(layer: Dropout, inside: Shape, outside: Shape) -> str:
    return f"Here {layer.p:.0%} of {_numbers(inside)} are set to 0 in every step of the training."


def _arrays(shape: Shape) -> str:
    if len(shape) == 1:
        return _count(shape[0], "number")
    return f"{_count(shape[0], 'map')} of {shape_text(shape[1:])}"


def _numbers(shape: Shape) -> str:
    return f"{math.prod(shape):,} numbers"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
