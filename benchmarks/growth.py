"""How the time of a training step grows with the batch, the image, the channels and the depth."""

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.report import Curve, Section, markdown_table, milliseconds
from benchmarks.timing import FULL, Effort, compare
from benchmarks.twins import THREADS, Work, preset_work, step_ways

BATCH, SIDE, CHANNELS, DEPTH = 32, 32, 32, 3


@dataclass(frozen=True)
class Axis:
    """Something that grows, all else being the same.

    Attributes:
        name: what it is.
        sizes: the values it takes; a quick run leaves the last out.
        work: the network, and the batch, for each.
    """

    name: str
    sizes: Sequence[int]
    work: Callable[[int], tuple[Work, int]]


def plain_network(side: int, channels: int, depth: int) -> Work:
    """Convolutions 3x3 with ReLU, all of the same width, on square images."""
    layers: list[Any] = []
    for _ in range(depth):
        conv = {"out_channels": channels, "kernel_size": 3, "padding": 1}
        layers += [{"Conv2D": conv}, "ReLU"]
    return Work([*layers, "GlobalAvgPool2D", {"Dense": {"out_features": 10}}], (3, side, side))


AXES = (
    Axis(
        "batch, lenet_mnist",
        (16, 64, 256),
        lambda n: (preset_work("lenet_mnist"), n),
    ),
    Axis(
        "batch, tiny_vgg_cifar10",
        (16, 64),
        lambda n: (preset_work("tiny_vgg_cifar10"), n),
    ),
    Axis("image side", (8, 16, 32), lambda n: (plain_network(n, CHANNELS, DEPTH), BATCH)),
    Axis("channels", (8, 32, 64), lambda n: (plain_network(SIDE, n, DEPTH), BATCH)),
    Axis("depth", (1, 4, 8), lambda n: (plain_network(SIDE, CHANNELS, n), BATCH)),
)


def growth(effort: Effort) -> Section:
    """Time per step along every axis, with the exponent of the power law that fits it best."""
    section = Section("Growth")
    section.text.append(
        "Milliseconds of a training step, ours on all cores, PyTorch at its best of layouts "
        "and threads for every size. The exponent is the slope in the double logarithm: 1 where "
        "the time grows like the size. Image side, channels and depth: a network of 3x3 "
        f"convolutions, batch {BATCH}, {SIDE}x{SIDE} pixels, {CHANNELS} channels, depth {DEPTH} "
        "but for what grows."
    )
    for axis in AXES:
        sizes = axis.sizes if effort is FULL else axis.sizes[:-1]
        ours, theirs = [], []
        for size in sizes:
            work, batch = axis.work(size)
            with ExitStack() as stack:
                ways = step_ways(work, batch, stack, workers=THREADS[-1:], steps=1)
                result = compare(ways, Effort(3, effort.turn / 2, effort.limit))
            ours.append(result.median(result.best("ours")))
            theirs.append(result.median(result.best("PyTorch")))
        section.curves += [
            Curve(axis.name, "ours", sizes, ours),
            Curve(axis.name, "PyTorch", sizes, theirs),
        ]
        section.text.append(_table(axis, sizes, {"ours": ours, "PyTorch": theirs}))
    return section


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """The slope of the line through the logarithms (least squares)."""
    slope, _ = np.polyfit([math.log(s) for s in sizes], [math.log(t) for t in seconds], 1)
    return float(slope)


def _table(axis: Axis, sizes: Sequence[int], sides: dict[str, list[float]]) -> str:
    header = (axis.name, *map(str, sizes), "exponent")
    rows = [
        (name, *map(milliseconds, seconds), f"{exponent(sizes, seconds):.2f}")
        for name, seconds in sides.items()
    ]
    if axis.name.startswith("batch"):
        for name, seconds in sides.items():
            per_sample = [1e6 * t / n for n, t in zip(sizes, seconds, strict=True)]
            slope = exponent(sizes, per_sample)
            rows.append((f"{name}, µs a sample", *(f"{t:.0f}" for t in per_sample), f"{slope:.2f}"))
    return markdown_table(header, rows)
