"""A plan computes what the network computes in evaluation mode, whatever it is made of."""

import threading
from typing import Any

import numpy as np
import pytest

from engine.layers import Dense, Layer, ReLU, Sequential
from engine.models import PRESETS, build, plan_convolution, preset
from engine.models.inference import MOST_PLANNED, PLANS, Predictor, fold_batch_norms
from engine.models.plan import Plan
from engine.parallel.workers import Workers
from tests.support.cases import Case
from tests.support.conformance import CASES
from tests.support.proofs import rest_as_proofs

SHAPE = (3, 11, 9)
BEHIND: dict[str, list[Any]] = {
    "alone": [],
    "relu": ["ReLU"],
    "relu and pool": ["ReLU", {"MaxPool2D": {"kernel_size": 2}}, "Flatten"],
    "pool and convolution": [
        {"MaxPool2D": {"kernel_size": [1, 2]}},
        "ReLU",
        {"Conv2D": {"out_channels": 3, "kernel_size": [3, 1], "padding": [1, 0]}},
        "LeakyReLU",  # has no rule, and keeps the size of rounding errors
    ],
    "residual": [{"Residual": {"body": ["ReLU", "BatchNorm2D", "ReLU"]}}, "ReLU", "Flatten"],
}


def moved(model: Sequential) -> Sequential:
    """The network with every parameter and statistic away from its first value."""
    rng = np.random.default_rng(3)
    for array in model.state_dict().values():
        array += rng.uniform(0.05, 0.5, array.shape).astype(array.dtype)
    return model


def check(layers: list[Layer], x: np.ndarray, tolerance: float = 1e-5) -> None:
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


def behind(case: Case, name: str) -> list[Layer]:
    """Layers behind a case's layer; none where they cannot take its output."""
    shape = case.make().output_shape(case.shape[1:])
    if not BEHIND[name] or len(shape) != 3 or min(shape[1:]) < 2:
        return []
    rng = np.random.default_rng(0)
    return moved(build(BEHIND[name], shape).initialise(rng, np.float32)).layers


@pytest.mark.parametrize("case", rest_as_proofs(CASES, every=2), ids=str)
@pytest.mark.parametrize("fewest", [1, 1000], ids=["winograd", "columns"])
def test_a_plan_of_a_layer_computes_the_layer(
    case: Case, fewest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_convolution, "FEWEST_CHANNELS", fewest)
    for name in BEHIND:
        layers = [case.make(np.float32).eval(), *behind(case, name)]
        check(layers, case.input(np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_convolutions_behind_each_other(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_convolution, "FEWEST_CHANNELS", 1)
    monkeypatch.setattr(plan_convolution, "BLOCK_BYTES", 20_000)  # a part of the images at a time
    specs: list[Any] = [
        {"Conv2D": {"out_channels": 4, "kernel_size": 3, "padding": "same"}},
        "ReLU",
        {"Conv2D": {"out_channels": 5, "kernel_size": [3, 2], "padding": [1, 0], "bias": False}},
        "BatchNorm2D",
        "ReLU",
        {"MaxPool2D": {"kernel_size": 3, "stride": 2, "padding": 1}},
        "ReLU",
        {"Conv2D": {"out_channels": 6, "kernel_size": 1, "bias": False}},
        "GlobalAvgPool2D",
        {"Dropout": {"p": 0.5}},
        {"Dense": {"out_features": 4}},
        "BatchNorm1D",
        "ReLU",
        {"Dense": {"out_features": 3, "bias": False}},
    ]
    model = moved(build(specs, SHAPE).initialise(np.random.default_rng(0), dtype))
    x = np.random.default_rng(1).standard_normal((5, *SHAPE)).astype(dtype)
    check(model.layers, x, 1e-5 if dtype is np.float32 else 1e-13)


@pytest.mark.parametrize("n", rest_as_proofs([5, 1, 2, 32, 33]))
@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_plan_of_a_preset_computes_the_preset(name: str, n: int) -> None:
    model = moved(build(preset(name, 10), (3, 32, 32)).initialise(np.random.default_rng(0)))
    x = np.random.default_rng(1).standard_normal((n, 3, 32, 32), np.float32)
    check(model.layers, x)


def test_a_layer_of_its_own_kind_runs_its_own_forward() -> None:
    class Doubled(ReLU):
        """What no rule may take for a ReLU."""

        def forward(self, x: np.ndarray) -> np.ndarray:
            return 2 * super().forward(x)

    x = np.random.default_rng(0).standard_normal((2, *SHAPE), np.float32)
    check([Doubled(), ReLU()], x)


@pytest.mark.parametrize("n", [1, MOST_PLANNED + 1], ids=["planned", "not planned"])
def test_changed_weights_count_from_the_next_renewal(n: int) -> None:
    model = moved(build(preset("lenet_mnist", 10), (1, 28, 28)).initialise(np.random.default_rng()))
    x = np.random.default_rng(1).standard_normal((n, 1, 28, 28), np.float32)
    with Workers(1) as workers:
        predictor = Predictor(model, workers)
        before = predictor.logits(x)
        moved(model)
        np.testing.assert_array_equal(predictor.logits(x), before)
        predictor.renew()
        after = predictor.logits(x)
    expected = model.eval().forward(x)
    assert np.abs(after - before).max() > 0.1 * np.abs(expected).max()
    np.testing.assert_allclose(after, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_few_plans_are_kept() -> None:
    model = build(["ReLU"], (3,)).initialise(np.random.default_rng(0))
    with Workers(1) as workers:
        predictor = Predictor(model, workers)
        for features in range(1, PLANS + 4):
            predictor.logits(np.ones((1, features), np.float32))
        assert len(predictor._plans) == PLANS


def test_a_type_that_is_not_the_weights_s_has_no_plan() -> None:
    model = build([{"Dense": {"out_features": 2}}], (3,)).initialise(np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((2, 3))
    with Workers(1) as workers:
        predictor = Predictor(model, workers)
        for dtype in (np.float64, np.float16):
            np.testing.assert_array_equal(
                predictor.logits(x.astype(dtype)), model.eval().forward(x.astype(dtype))
            )
        assert not predictor._plans


@pytest.mark.parametrize(
    ("shape", "plans"), [((8, 1, 32, 32), 1), ((9, 1, 2, 2), 0), ((2, 1, 65, 64), 0)]
)
def test_only_a_few_small_images_are_planned(shape: tuple[int, ...], plans: int) -> None:
    x = np.full(shape, -1, np.float32)
    with Workers(1) as workers:
        predictor = Predictor(build(["ReLU"], shape[1:]), workers)
        assert not predictor.logits(x).any()
        assert len(predictor._plans) == plans


def test_threads_that_share_a_plan_wait_for_each_other() -> None:
    dense = Dense(400, 400).initialise(np.random.default_rng(0))
    plan = Plan([dense, ReLU()], (400,), 8, np.float32)
    inputs = [np.full((8, 400), value, np.float32) for value in range(4)]
    expected = [plan(x) for x in inputs]
    right: list[bool] = []

    def ask(number: int) -> None:
        right.extend(np.array_equal(plan(inputs[number]), expected[number]) for _ in range(50))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 200
