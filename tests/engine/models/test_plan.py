"""A plan computes what the network computes in evaluation mode: small networks, in float64."""

from typing import Any

import numpy as np
import pytest

from engine.errors import ShapeError
from engine.layers import Dense, Layer, ReLU, Residual, Sequential
from engine.models import build, plan_convolution, plan_memory
from engine.models.inference import fold_batch_norms
from engine.models.plan import Plan

WAYS = {
    "winograd": {"FEWEST_CHANNELS": 1},
    "rows": {"FEWEST_CHANNELS": 1000, "LONG_ROW": 1},
    "columns": {"FEWEST_CHANNELS": 1000, "LONG_ROW": 1000},
    "winograd, a row of tiles at a time": {"FEWEST_CHANNELS": 1, "BLOCK_BYTES": 1},
    "rows, one at a time": {"FEWEST_CHANNELS": 1000, "LONG_ROW": 1, "BLOCK_BYTES": 1},
    "columns, a row at a time": {"FEWEST_CHANNELS": 1000, "LONG_ROW": 1000, "BLOCK_BYTES": 1},
}
"""Settings with which convolutions go each way."""


def go(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WAYS[way].items():
        monkeypatch.setattr(plan_convolution, name, value)


def moved(model: Sequential) -> Sequential:
    """The network with every parameter and statistic away from its first value."""
    rng = np.random.default_rng(3)
    for array in model.state_dict().values():
        array += rng.uniform(0.05, 0.5, array.shape).astype(array.dtype)
    return model


def check(layers: list[Layer], x: np.ndarray, tolerance: float) -> None:
    """Twice the same, and close to the network, which has another order of sums."""
    model = Sequential(layers)
    plan = Plan(fold_batch_norms(model), x.shape[1:], len(x), x.dtype)
    before = x.copy()
    other = plan(x[::-1] + 1)
    found = plan(x)
    expected = model.eval().forward(x)
    assert found.shape == expected.shape
    assert found.dtype == x.dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())
    np.testing.assert_array_equal(plan(x[::-1] + 1), other)
    np.testing.assert_array_equal(x, before)


def check_specs(specs: list[Any], shape: tuple[int, ...], n: int = 3) -> None:
    model = moved(build(specs, shape).initialise(np.random.default_rng(0), np.float64))
    check(model.layers, np.random.default_rng(1).standard_normal((n, *shape)), 1e-12)


def conv(channels: int, kernel: Any = 3, **arguments: Any) -> dict[str, Any]:
    return {"Conv2D": {"out_channels": channels, "kernel_size": kernel, **arguments}}


def pool(kernel: Any, **arguments: Any) -> dict[str, Any]:
    return {"MaxPool2D": {"kernel_size": kernel, **arguments}}


KERNELS: list[dict[str, Any]] = [
    conv(4),
    conv(4, padding=1, bias=False),
    conv(5, [3, 2], padding=[2, 1]),
    conv(3, [3, 1], padding=[1, 0]),
    conv(3, [2, 3], stride=[2, 1], padding=1),
    conv(3, [3, 4], stride=[1, 2], bias=False),
    conv(3, 3, stride=[3, 2], padding=[0, 2]),
    conv(3, 2, dilation=[1, 3]),
    conv(3, [2, 3], dilation=[2, 1], padding=1),
    conv(3, dilation=2),
    conv(3, stride=[1, 2], dilation=[1, 2]),
    conv(3, stride=[2, 1], dilation=[2, 1]),
    conv(4, 2, groups=2),
    conv(4, 3, groups=2, padding=1, bias=False),
    conv(2, 1),
    conv(2, 1, stride=2),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("first", KERNELS, ids=str)
def test_a_convolution(
    first: dict[str, Any], n: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(way, monkeypatch)
    check_specs([first], (2, 9, 8), n)


@pytest.mark.parametrize("rows", [2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("way", ["rows", "columns"])
def test_some_rows_at_a_time(
    way: str, stride: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(way, monkeypatch)
    channels, length, item = 2, 3 * (6 // stride + 1), 8
    depth = 2 * channels * 2 if way == "columns" else stride * 2 * channels + 3
    monkeypatch.setattr(plan_convolution, "BLOCK_BYTES", rows * depth * length * item)
    specs: list[Any] = [conv(3, 2, stride=stride), "ReLU", "Flatten"]
    check_specs(specs, (channels, 23, 8))
    steps = names(specs, (channels, 23, 8))
    assert steps.count("matmul") == -(-(22 // stride) // rows)


def test_convolutions_do_not_share_the_ones_of_their_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    go("columns", monkeypatch)
    check_specs([conv(5, [1, 2], padding=[0, 1]), conv(3, 1, bias=False), conv(2, 1)], (2, 6, 5))


@pytest.mark.parametrize(
    ("layer", "channels", "n", "way"),
    [
        (conv(16, padding=1), 16, 1, "_winograd"),
        (conv(16, padding=1), 15, 16, "_rows"),
        (conv(15, padding=1), 16, 16, "_rows"),
        (conv(16, [3, 1]), 16, 1, "_winograd"),
        (conv(16, [2, 3]), 16, 16, "_rows"),
        (conv(16, 5), 16, 16, "_rows"),
        (conv(16, stride=2, padding=1), 16, 16, "_rows"),
        (conv(16, dilation=2), 16, 16, "_columns"),
        (conv(16, dilation=[1, 2]), 16, 16, "_rows"),
        (conv(16, padding=1, groups=2), 16, 16, "_columns"),
        (conv(2, 1), 2, 8, "_rows"),
        (conv(2, 1), 2, 7, "_columns"),
    ],
    ids=str,
)
def test_each_convolution_goes_the_way_that_is_the_quickest(
    layer: dict[str, Any], channels: int, n: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    for name in ("_winograd", "_rows", "_columns"):
        monkeypatch.setattr(plan_convolution, name, lambda *_, name=name: taken.append(name) or [])
    model = build([layer], (channels, 8, 8)).initialise(np.random.default_rng(0), np.float64)
    value = plan_memory.Value((8, channels, 8, n))
    plan_convolution.conv(plan_memory.Drawing(np.dtype(float)), model.layers[0], value)
    assert taken == [way]


def names(specs: list[Any], shape: tuple[int, ...], n: int = 3) -> list[str]:
    """The functions that a plan calls."""
    model = build(specs, shape).initialise(np.random.default_rng(0), np.float64)
    steps: list[Any] = Plan(fold_batch_norms(model), shape, n, np.float64)._steps
    return [getattr(step, "func", step).__name__ for step in steps]


WINOGRAD = ["matmul", "copyto", "matmul", "matmul"]


@pytest.mark.parametrize("run", [1, 1000])
def test_a_plan_takes_few_steps(run: int, monkeypatch: pytest.MonkeyPatch) -> None:
    go("winograd", monkeypatch)
    monkeypatch.setattr(plan_memory, "LONG_RUN", run)
    put = ["copyto"] if run == 1000 else []  # finished where it was computed
    first = [*WINOGRAD, "maximum", *put]
    assert names([conv(3, padding=1), "ReLU", conv(2, padding=1)], (2, 8, 8)) == [
        *first,
        *WINOGRAD,
        "copyto",
    ]
    for rows in (2, 4):
        pooled = [*WINOGRAD, *["maximum"] * (rows - 1), "maximum", "maximum", *put]
        specs = [conv(3, padding=1), "ReLU", pool([rows, 2]), "Flatten"]
        assert names(specs, (2, 8, 8)) == pooled
    block = {"Residual": {"body": [conv(3, padding=1), "ReLU", conv(3, padding=1)]}}
    inside = [*first, *WINOGRAD, "add", "maximum", *put]
    assert names([conv(3, padding=1), "ReLU", block, "ReLU", "Flatten"], (2, 8, 8)) == [
        *first,
        *inside,
    ]
    assert names(["Flatten", {"Dense": {"out_features": 2}}, "ReLU"], (2, 2, 2)) == [
        "matmul",
        "add",
        "maximum",
    ]
    assert names(["Flatten", "Dropout"], (2, 2, 2)) == []
    with monkeypatch.context() as small:
        small.setattr(plan_convolution, "BLOCK_BYTES", 1)
        assert names(specs, (2, 8, 8)) == [*pooled, *pooled]
    go("columns", monkeypatch)
    assert names(["LeakyReLU", conv(1, 1)], (2, 2, 2)) == ["forward", "copyto", "matmul", "copyto"]
    block = {"Residual": {"body": [conv(2, padding=1)], "shortcut": [conv(2, 1)]}}
    copied = ["forward", "copyto"]  # into a border, once
    both = ["copyto", "matmul", "copyto", "copyto", "matmul", "add"]
    assert names(["LeakyReLU", block], (2, 4, 4))[: len(copied + both)] == copied + both


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("height", [8, 9, 10, 11, 14])
def test_images_of_each_height(height: int, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    go(way, monkeypatch)
    check_specs([conv(3, padding=1), "ReLU", pool(2), conv(2, padding=1)], (2, height, 6))


POOLS = [
    pool(2),
    pool(3),
    pool([2, 1]),
    pool([1, 2]),
    pool(1, stride=2),
    pool(3, stride=2),
    pool(2, padding=1),
    pool([4, 2], padding=[2, 0]),
    pool([3, 2], stride=[2, 1], padding=1),
    pool([2, 3], stride=[1, 2], padding=[0, 1]),
    pool([4, 2], stride=[4, 3]),
]


@pytest.mark.parametrize("way", list(WAYS)[::2])
@pytest.mark.parametrize("second", POOLS, ids=str)
def test_a_pooling_behind_a_convolution(
    second: dict[str, Any], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(way, monkeypatch)
    for between in ([], ["ReLU"], [{"Residual": {"body": [conv(3, padding=1)]}}, "ReLU"]):
        check_specs([conv(3, padding=1), *between, second, "ReLU"], (2, 12, 10))


@pytest.mark.parametrize("second", POOLS, ids=str)
def test_a_pooling_first_of_all(second: dict[str, Any]) -> None:
    check_specs([second], (2, 12, 10))
    check_specs(["LeakyReLU", second, second, "Flatten"], (2, 19, 18))


RESIDUALS: list[list[Any]] = [
    [{"Residual": {"body": ["ReLU"]}}],
    [{"Residual": {"body": [conv(2, padding=1)]}}, "ReLU", "ReLU"],
    [{"Residual": {"body": [conv(4, 3, padding=1), "ReLU"], "shortcut": [conv(4, 1)]}}, "ReLU"],
    [
        {
            "Residual": {
                "body": [conv(4, 3, stride=2, padding=1), "ReLU", conv(4, padding=1)],
                "shortcut": [conv(4, 1, stride=2)],
            }
        },
        "ReLU",
        conv(2, padding=1),
    ],
    [
        {
            "Residual": {
                "body": [conv(2, padding=1), {"Residual": {"body": [conv(2, padding=1), "ReLU"]}}],
                "shortcut": ["ReLU"],
            }
        },
        pool(2),
    ],
    [
        {
            "Residual": {
                "body": [conv(2, [3, 1], padding=[1, 0])],
                "shortcut": [conv(2, [1, 3], padding=[0, 1])],
            }
        }
    ],
    [{"Residual": {"body": ["ReLU", "BatchNorm2D", "ReLU"]}}, "Flatten"],
    [{"Residual": {"body": [conv(2, padding=1)], "shortcut": ["ReLU", conv(2, 1)]}}],
    [{"Residual": {"body": [conv(2, padding=1), conv(2)], "shortcut": [conv(2)]}}],
    *(
        [
            {
                "Residual": {
                    "body": [conv(2, padding=1)],
                    "shortcut": [conv(2, kernel, padding="same")],
                }
            }
        ]
        for kernel in (5, [5, 3], [3, 5], [4, 3], [3, 4], [2, 1])
    ),
    [
        {
            "Residual": {
                "body": [conv(2, padding=1)],
                "shortcut": [pool(3, stride=1, padding=1), {"Scale": {"factor": 3}}],
            }
        }
    ],
    [
        {
            "Residual": {
                "body": [conv(2, padding=1)],
                "shortcut": [{"Residual": {"body": ["Dropout"]}}, conv(2, padding=1)],
            }
        },
    ],
    [{"Residual": {"body": ["LeakyReLU"], "shortcut": ["ReLU"]}}, "GlobalAvgPool2D"],
    ["Flatten", {"Residual": {"body": [{"Dense": {"out_features": 60}}, "ReLU"]}}, "ReLU"],
]


@pytest.mark.parametrize("layers", RESIDUALS, ids=str)
@pytest.mark.parametrize("way", list(WAYS)[:3])
def test_a_residual_block(layers: list[Any], way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    go(way, monkeypatch)
    for before in ([], ["LeakyReLU"], [conv(2, padding=1), "ReLU"]):
        for n in (1, 3):
            check_specs([*before, *layers], (2, 6, 5), n)


def test_features() -> None:
    dense, last = {"Dense": {"out_features": 4}}, {"Dense": {"out_features": 3, "bias": False}}
    check_specs(["Flatten", dense, "BatchNorm1D", "ReLU", {"Dropout": {"p": 0.5}}, last], (2, 3, 4))
    check_specs(["ReLU", dense, "ReLU", "Flatten", last, "ReLU"], (5,))
    check_specs([conv(3), "ReLU", "GlobalAvgPool2D", "ReLU", dense], (2, 7, 6))
    check_specs(["GlobalAvgPool2D"], (2, 7, 6), 1)
    check_specs(["Flatten"], (2, 3, 4), 2)


@pytest.mark.parametrize("run", [1, 1000])
@pytest.mark.parametrize("way", WAYS)
def test_rows_of_any_length(run: int, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short ones are finished where they are computed, long ones on their way to the next layer."""
    go(way, monkeypatch)
    monkeypatch.setattr(plan_memory, "LONG_RUN", run)
    block = {"Residual": {"body": [conv(3, padding=1), "ReLU", conv(3, padding=1)]}}
    check_specs([conv(3, padding=1), "ReLU", block, "ReLU", pool(2), "ReLU", "Flatten"], (2, 9, 8))


def test_a_layer_of_its_own_kind_runs_its_own_forward() -> None:
    class Doubled(ReLU):
        """What no rule may take for a ReLU."""

        def forward(self, x: np.ndarray) -> np.ndarray:
            return 2 * super().forward(x)

    check([Doubled(), ReLU()], np.random.default_rng(0).standard_normal((2, 3, 4, 5)), 1e-12)


@pytest.mark.parametrize("layer", [conv(2), pool(2), "GlobalAvgPool2D"], ids=str)
def test_features_have_no_plan_where_images_are_wanted(layer: Any) -> None:
    model = build([layer], (2, 5, 5)).initialise(np.random.default_rng(0))
    with pytest.raises(ShapeError):
        Plan(model, (3,), 2, np.float32)


def test_images_have_no_plan_where_features_are_wanted() -> None:
    model = build([{"Dense": {"out_features": 2}}], (3,)).initialise(np.random.default_rng(0))
    with pytest.raises(ShapeError):
        Plan(model, (3, 5, 5), 2, np.float32)


def test_branches_of_different_shapes_have_no_plan() -> None:
    block = Residual([Dense(3, 3)], [Dense(3, 1)]).initialise(np.random.default_rng(0))
    with pytest.raises(ShapeError, match="they are added"):
        Plan([block], (3,), 2, np.float32)
