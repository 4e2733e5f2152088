"""Every combination of the arguments of convolution and pooling, or a seeded sample of them."""

import itertools
from typing import Any

import numpy as np

from engine.layers import AvgPool2D, Conv2D, MaxPool2D
from tests.support.cases import Case

BATCHES = (1, 2, 3)
CHANNELS = (1, 3, 8)
KERNELS: tuple[Any, ...] = (1, 2, 3, 5, [3, 2])
STRIDES: tuple[Any, ...] = (1, 2, 3, [2, 1])
PADDINGS: tuple[Any, ...] = (0, 1, 2, "same")
DILATIONS = (1, 2)
SIZES = ((10, 9), (9, 11))  # H unlike W; no stride above divides all that is left of both

SAMPLES = 30  # entries of each tensor of a case
CONV_SAMPLE, POOL_SAMPLE = 120, 60


def conv_grid() -> list[Case]:
    cases = []
    for index, (n, c, kernel, stride, padding, dilation, grouped, bias) in enumerate(
        itertools.product(
            BATCHES, CHANNELS, KERNELS, STRIDES, PADDINGS, DILATIONS, (False, True), (True, False)
        )
    ):
        if grouped and c == 1:
            continue
        arguments = {
            "out_channels": 2 * c if grouped else 5,
            "kernel_size": kernel,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": c if grouped else 1,
            "bias": bias,
        }
        shape = (n, c, *SIZES[index // 7 % 2])
        cases.append(Case(Conv2D, shape, arguments, samples=SAMPLES))
    return cases


def pool_grid() -> list[Case]:
    cases = []
    for index, (n, c, kernel, stride, padding) in enumerate(
        itertools.product(BATCHES, CHANNELS, KERNELS, (None, *STRIDES), (0, 1, 2))
    ):
        if 2 * padding > min(kernel if isinstance(kernel, list) else [kernel]):
            continue
        arguments = {"kernel_size": kernel, "stride": stride, "padding": padding}
        shape = (n, c, *SIZES[index // 7 % 2])
        cases.append(Case(MaxPool2D, shape, arguments, inputs="distinct", samples=SAMPLES))
        cases += [
            Case(AvgPool2D, shape, {**arguments, "count_include_pad": count}, samples=SAMPLES)
            for count in (True, False)
        ]
    return cases


def grid(*, full: bool) -> list[Case]:
    """All of it, or the same sample every time."""
    convolutions, pools = conv_grid(), pool_grid()
    if full:
        return convolutions + pools
    rng = np.random.default_rng(3)
    return [
        cases[i]
        for cases, size in ((convolutions, CONV_SAMPLE), (pools, POOL_SAMPLE))
        for i in np.sort(rng.choice(len(cases), size, replace=False))
    ]
