"""The conformance table: one row for each layer and way to construct it.

Every row runs every check of ``checks`` that applies to it: gradients by central differences, the
forward pass against a plain formula, and what all layers promise; and the comparison with PyTorch.
A new layer adds a row here, and in its first row the plain formula and PyTorch's module:

    Case(Swish, (2, 3, 4, 4), reference=plain_swish, torch=lambda nn, layer: nn.SiLU())

Run as a script, it prints the table of docs/gradient-check.md:

    python -m tests.support.conformance [--full-grid]
"""

import contextlib
import math
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from engine.arrays import Array
from engine.kernels import winograd
from engine.layers import (
    ELU,
    GELU,
    AvgPool2D,
    BatchNorm1D,
    BatchNorm2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Residual,
    Scale,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
    Whitening2D,
)
from tests.support import oracles
from tests.support.cases import Case


@contextlib.contextmanager
def every_kernel() -> Iterator[None]:
    """Fast convolutions of any size: rows that are small enough for finite differences too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "LEAST_WORK", 0)
        yield


def reference(layer: Layer, x: Array) -> Array:
    """The output of a layer for x by its plain formula."""
    formula = PROMISES[type(layer).__name__].reference
    assert formula is not None
    return formula(layer, x)


def plain_residual(layer: Any, x: Array) -> Array:
    """The sum of what both branches make of x."""
    body = shortcut = x
    for inner in layer.body:
        body = reference(inner, body)
    for inner in layer.shortcut:
        shortcut = reference(inner, shortcut)
    return body + shortcut


def torch_residual(nn: Any, layer: Any) -> Any:
    from tests.support.torch_twins import SameResidual

    return SameResidual(layer)


def torch_dropout(nn: Any, layer: Any) -> Any:
    from tests.support.torch_twins import SameDropout

    return SameDropout(layer)


def torch_conv(nn: Any, layer: Any) -> Any:
    from tests.support import torch_twins

    return torch_twins.conv(layer)


def torch_batch_norm(nn: Any, layer: Any) -> Any:
    from tests.support.torch_twins import fixed_weight

    twin = nn.BatchNorm2d(layer.num_features, layer.eps, layer.momentum)
    return twin if layer.scale else fixed_weight(twin)


def torch_whitening(nn: Any, layer: Any) -> Any:
    from tests.support.torch_twins import conv, fixed_weight

    return fixed_weight(conv(layer))


def torch_scale(nn: Any, layer: Any) -> Any:
    from tests.support.torch_twins import Times

    return Times(layer.factor)


def torch_global_max(nn: Any, layer: Any) -> Any:
    return nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten())


def torch_global_average(nn: Any, layer: Any) -> Any:
    from tests.support.torch_twins import GlobalAverage

    return GlobalAverage()


def conv(shape: tuple[int, ...], out_channels: int = 4, **arguments: Any) -> Case:
    return Case(Conv2D, shape, {"out_channels": out_channels, **arguments})


def wide(
    shape: tuple[int, ...], out_channels: int = 6, samples: int = 15, **arguments: Any
) -> Case:
    return Case(Conv2D, shape, {"out_channels": out_channels, **arguments}, samples=samples)


def pools(shape: tuple[int, ...], samples: int | None = None, **arguments: Any) -> list[Case]:
    without = {**arguments, "count_include_pad": False}
    return [
        Case(MaxPool2D, shape, arguments, inputs="distinct", samples=samples),
        Case(AvgPool2D, shape, arguments, samples=samples),
        Case(AvgPool2D, shape, without, samples=samples),
    ]


CASES: list[Case] = [
    Case(
        Conv2D,
        (2, 3, 7, 6),
        {"out_channels": 4, "kernel_size": 3},
        reference=oracles.conv2d_layer,
        torch=torch_conv,
    ),
    conv((2, 3, 7, 6), kernel_size=3, padding="same"),
    conv((2, 3, 7, 6), kernel_size=3, padding=1, bias=False),
    conv((2, 3, 7, 6), kernel_size=[3, 2], padding="same"),
    conv((2, 3, 6, 7), kernel_size=[2, 5], padding=[1, 2]),
    conv((2, 3, 7, 6), kernel_size=4, padding="same", dilation=[1, 2]),
    conv((2, 3, 8, 6), kernel_size=3, stride=2),
    conv((1, 3, 8, 9), kernel_size=5, stride=3, padding=2),
    conv((3, 2, 7, 6), kernel_size=[3, 2], stride=[2, 1], padding=[0, 1]),
    conv((3, 2, 6, 8), kernel_size=3, stride=[1, 2], padding="same", dilation=[2, 1]),
    conv((2, 3, 8, 9), kernel_size=3, dilation=2),
    conv((2, 3, 7, 6), kernel_size=3, dilation=[1, 2], padding=2, stride=2),
    conv((2, 3, 5, 6), kernel_size=1),
    conv((2, 3, 5, 6), kernel_size=1, stride=2),
    conv((2, 3, 5, 6), kernel_size=1, padding=1),
    conv((2, 2, 5, 6), kernel_size=2, padding=3),
    conv((5, 1, 4, 6), kernel_size=3, padding=1),
    conv((2, 2, 6, 5), out_channels=9, kernel_size=3, padding=1),
    conv((2, 4, 6, 5), out_channels=6, kernel_size=3, padding=1, groups=2),
    conv((2, 4, 6, 7), out_channels=6, kernel_size=3, stride=2, groups=2, bias=False),
    conv((2, 3, 6, 5), out_channels=3, kernel_size=3, padding=1, groups=3),
    conv((2, 2, 6, 5), out_channels=8, kernel_size=[2, 3], groups=2),
    conv((2, 3, 7, 6), kernel_size=7, padding=3, init="pytorch"),
    conv((2, 3, 7, 6), kernel_size=3, padding=1, bias=False, init="dirac"),
    conv((2, 2, 3, 3), kernel_size=2, stride=2, padding=1, dilation=3),  # pixels that nothing meets
    # Long rows, deep products, more than fits into a cache: kernels may do these another way.
    wide((16, 2, 5, 9), kernel_size=3, padding=1),
    wide((16, 2, 6, 9), kernel_size=3, stride=2),
    wide((20, 1, 7, 12), kernel_size=[3, 2], stride=[1, 2], padding="same"),
    wide((16, 4, 5, 8), kernel_size=[3, 1], stride=[2, 1], padding=[1, 0], groups=2),
    wide((16, 3, 6, 9), kernel_size=[2, 3], dilation=[1, 2]),
    wide((16, 3, 8, 9), kernel_size=3, dilation=2, padding="same"),
    wide((16, 17, 5, 9), kernel_size=3, padding=1),
    wide((16, 34, 5, 8), kernel_size=3, padding=1, stride=[2, 1], groups=2),
    wide((16, 17, 5, 9), kernel_size=[2, 3], stride=2, padding=[0, 1]),
    wide((16, 17, 5, 10), kernel_size=[2, 3], dilation=[1, 3], padding="same"),
    wide((8, 4, 20, 22), kernel_size=3, padding=1),
    wide((16, 4, 38, 24), kernel_size=3, stride=[2, 1], padding=[0, 1]),
    wide((16, 2, 21, 14), out_channels=32, kernel_size=[3, 1], padding=[1, 0]),
    wide((16, 2, 40, 12), out_channels=32, kernel_size=[3, 1], stride=[2, 1]),
    wide((16, 8, 30, 20), out_channels=3, kernel_size=3, stride=2, dilation=[2, 1]),
    wide((16, 16, 4, 38), out_channels=3, samples=8, kernel_size=3),
    wide((8, 4, 14, 12), kernel_size=3),
    wide((6, 8, 9, 16), out_channels=3, kernel_size=5, dilation=2, padding=4),
    wide((16, 32, 3, 24), out_channels=32, kernel_size=[3, 2]),
    wide((16, 40, 3, 35), out_channels=33, kernel_size=[3, 2]),
    wide((16, 64, 5, 45), out_channels=3, samples=4, kernel_size=3, stride=2),
    # 3x3, stride 1, many channels: what fast algorithms for small kernels are for.
    wide((16, 24, 3, 8), out_channels=24, samples=8, kernel_size=3, padding=1),
    wide((16, 24, 4, 9), out_channels=25, samples=8, kernel_size=3, padding=1),
    wide((16, 25, 3, 12), out_channels=24, samples=8, kernel_size=3, padding=[0, 3]),
    wide((16, 24, 2, 9), out_channels=24, samples=8, kernel_size=3, padding=[4, 1], bias=False),
    wide((16, 48, 3, 8), out_channels=48, samples=8, kernel_size=3, padding=1, groups=2),
    wide((16, 24, 3, 8), out_channels=24, samples=8, kernel_size=3, padding=2),
    wide((16, 24, 1, 5), out_channels=24, samples=8, kernel_size=3, padding=[1, 4]),
    wide((16, 520, 1, 8), out_channels=24, samples=4, kernel_size=3, padding=1),
    wide((32, 64, 1, 10), out_channels=24, samples=8, kernel_size=3, padding=1),
    wide((1, 3, 40, 44), kernel_size=3, padding=1),
    Case(
        MaxPool2D,
        (2, 3, 6, 8),
        {"kernel_size": 2},
        inputs="distinct",
        reference=oracles.max_pool,
        torch=lambda nn, layer: nn.MaxPool2d(layer.kernel_size, layer.stride, layer.padding),
    ),
    Case(
        AvgPool2D,
        (2, 3, 6, 8),
        {"kernel_size": 2},
        reference=oracles.avg_pool,
        torch=lambda nn, layer: nn.AvgPool2d(
            layer.kernel_size,
            layer.stride,
            layer.padding,
            count_include_pad=layer.count_include_pad,
        ),
    ),
    Case(AvgPool2D, (2, 3, 6, 8), {"kernel_size": 2, "count_include_pad": False}),
    *pools((2, 3, 7, 6), kernel_size=[3, 2], stride=[2, 1]),
    *pools((2, 3, 7, 6), kernel_size=3, stride=2, padding=1),
    *pools((1, 2, 6, 7), kernel_size=[2, 5], stride=[3, 2], padding=[1, 2]),
    *pools((6, 2, 4, 7), kernel_size=3, stride=1),
    *pools((2, 2, 5, 4), kernel_size=2, stride=3, padding=1),
    *pools((2, 1, 3, 4), kernel_size=1, stride=2),
    *pools((2, 1, 19, 18), samples=20, kernel_size=17, stride=1),
    Case(
        GlobalAvgPool2D,
        (3, 4, 5, 6),
        reference=oracles.global_avg_pool,
        torch=torch_global_average,
    ),
    Case(GlobalAvgPool2D, (1, 1, 1, 2)),
    Case(
        GlobalMaxPool2D,
        (3, 4, 5, 6),
        inputs="distinct",
        reference=oracles.global_max_pool,
        torch=torch_global_max,
    ),
    Case(GlobalMaxPool2D, (1, 1, 1, 2), inputs="distinct"),
    Case(
        Whitening2D,
        (2, 3, 5, 6),
        reference=oracles.conv2d_layer,
        torch=torch_whitening,
    ),
    Case(Whitening2D, (3, 1, 4, 5), {"kernel_size": [2, 3], "bias": False}),
    Case(
        Scale,
        (3, 2, 4, 5),
        {"factor": 3.0},
        reference=oracles.elementwise(lambda layer, x: layer.factor * x),
        torch=torch_scale,
    ),
    Case(Scale, (4, 5), {"factor": 0.111}, inputs="shifted"),
    Case(
        Dense,
        (3, 5),
        {"out_features": 4},
        reference=oracles.dense,
        torch=lambda nn, layer: nn.Linear(layer.in_features, layer.out_features, layer.bias),
    ),
    Case(Dense, (1, 7), {"out_features": 1, "bias": False}),
    Case(Dense, (4, 3), {"out_features": 6, "init": "xavier"}),
    Case(
        BatchNorm2D,
        (3, 4, 5, 6),
        inputs="shifted",
        reference=oracles.batch_norm,
        torch=torch_batch_norm,
    ),
    Case(BatchNorm2D, (3, 4, 5, 6), {"scale": False, "momentum": 0.4}, inputs="shifted"),
    Case(BatchNorm2D, (3, 4, 5, 6), {"scale": False}, training=False, inputs="shifted"),
    Case(BatchNorm2D, (1, 2, 3, 4), {"eps": 0.1, "momentum": 0.3}, inputs="shifted"),
    Case(BatchNorm2D, (3, 4, 5, 6), training=False, inputs="shifted"),
    Case(BatchNorm2D, (16, 8, 30, 24), inputs="shifted", samples=10),
    Case(
        BatchNorm1D,
        (7, 5),
        inputs="shifted",
        reference=oracles.batch_norm,
        torch=lambda nn, layer: nn.BatchNorm1d(layer.num_features, layer.eps, layer.momentum),
    ),
    Case(BatchNorm1D, (3, 4), {"eps": 0.01, "momentum": 1.0}, inputs="shifted"),
    Case(BatchNorm1D, (7, 5), training=False, inputs="shifted"),
    Case(Dropout, (8, 9, 6, 7), {"p": 0.3}, samples=200, torch=torch_dropout),
    Case(Dropout, (60, 50), {"p": 0.8}, samples=200),
    Case(Dropout, (5, 6), {"p": 0.0}),
    Case(Dropout, (5, 6), {"p": 0.3}, training=False),
    Case(
        Flatten,
        (3, 2, 4, 5),
        reference=oracles.flatten,
        torch=lambda nn, layer: nn.Flatten(),
    ),
    Case(Flatten, (3, 4)),
    Case(
        ReLU,
        (3, 2, 4, 5),
        inputs="off zero",
        reference=oracles.elementwise(lambda layer, x: x if x > 0 else 0.0),
        torch=lambda nn, layer: nn.ReLU(),
        at_zero=lambda layer: 0.0,
    ),
    Case(ReLU, (4, 5), inputs="off zero"),
    Case(
        LeakyReLU,
        (3, 2, 4, 5),
        inputs="off zero",
        reference=oracles.elementwise(lambda layer, x: x if x > 0 else layer.negative_slope * x),
        torch=lambda nn, layer: nn.LeakyReLU(layer.negative_slope),
        at_zero=lambda layer: layer.negative_slope,
    ),
    Case(LeakyReLU, (4, 5), {"negative_slope": 0.3}, inputs="off zero"),
    Case(
        ELU,
        (3, 2, 4, 5),
        inputs="off zero",
        reference=oracles.elementwise(
            lambda layer, x: x if x > 0 else layer.alpha * (math.exp(x) - 1)
        ),
        torch=lambda nn, layer: nn.ELU(layer.alpha),
        at_zero=lambda layer: layer.alpha,
    ),
    Case(ELU, (4, 5), {"alpha": 0.5}, inputs="off zero"),
    Case(
        GELU,
        (3, 2, 4, 5),
        reference=oracles.elementwise(oracles.gelu),
        torch=lambda nn, layer: nn.GELU(approximate=layer.approximate),
    ),
    Case(GELU, (3, 2, 4, 5), {"approximate": "none"}),
    Case(GELU, (4, 5), inputs="shifted"),
    Case(
        SiLU,
        (3, 2, 4, 5),
        reference=oracles.elementwise(lambda layer, x: x / (1 + math.exp(-x))),
        torch=lambda nn, layer: nn.SiLU(),
    ),
    Case(SiLU, (4, 5), inputs="shifted"),
    Case(
        Sigmoid,
        (3, 2, 4, 5),
        reference=oracles.elementwise(lambda layer, x: 1 / (1 + math.exp(-x))),
        torch=lambda nn, layer: nn.Sigmoid(),
    ),
    Case(Sigmoid, (4, 5), inputs="shifted"),
    Case(
        Tanh,
        (3, 2, 4, 5),
        reference=oracles.elementwise(lambda layer, x: math.tanh(x)),
        torch=lambda nn, layer: nn.Tanh(),
    ),
    Case(Tanh, (4, 5), inputs="shifted"),
    Case(
        Softmax,
        (3, 4, 2, 5),
        reference=oracles.softmax,
        torch=lambda nn, layer: nn.Softmax(dim=1),
    ),
    Case(Softmax, (4, 5), inputs="shifted"),
    Case(
        Residual,
        (2, 3, 5, 6),
        {"body": [{"Conv2D": {"out_channels": 3, "kernel_size": 3, "padding": 1}}, "Tanh"]},
        reference=plain_residual,
        torch=torch_residual,
    ),
    Case(
        Residual,
        (3, 2, 6, 5),
        {
            "body": [
                {"Conv2D": {"out_channels": 4, "kernel_size": 3, "padding": 1, "stride": 2}},
                "BatchNorm2D",
            ],
            "shortcut": [
                {"Conv2D": {"out_channels": 4, "kernel_size": 1, "stride": 2, "bias": False}},
                "BatchNorm2D",
            ],
        },
    ),
    Case(
        Residual,
        (3, 2, 4, 5),
        {
            "body": ["BatchNorm2D"],
            "shortcut": [{"Conv2D": {"out_channels": 2, "kernel_size": 1}}],
        },
    ),
    Case(
        Residual,
        (3, 4),
        {"body": [{"Residual": {"body": [{"Dense": {"out_features": 4}}]}}, "Sigmoid"]},
    ),
]

PROMISES: dict[str, Case] = {}
"""The first row of every layer, which says what it must compute."""

for _case in CASES:
    PROMISES.setdefault(_case.layer, _case)


def main(arguments: list[str]) -> None:
    """Print the table of docs/gradient-check.md: all rows, and the grid or a sample of it."""
    from tests.support.checks import measure
    from tests.support.grid import grid

    cases = CASES + grid(full="--full-grid" in arguments)
    lines = ["| layer | cases | gradients compared | worst relative error |", "|---|--:|--:|--:|"]
    totals = [0, 0]
    for layer in sorted({case.layer for case in cases}):
        with every_kernel():
            reports = [measure(case) for case in cases if case.layer == layer]
        assert all(report.passed for report in reports)
        compared = sum(row.checked for report in reports for row in report.rows)
        worst = max(report.worst.error for report in reports)
        lines.append(f"| {layer} | {len(reports):,} | {compared:,} | {worst:.0e} |")
        totals = [totals[0] + len(reports), totals[1] + compared]
    lines.append(f"| all | {totals[0]:,} | {totals[1]:,} | |")
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
