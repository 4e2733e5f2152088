"""The optimizer's arithmetic for a weight ends at the weight that the optimizer makes."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from engine.microscope.update import explain_matrix_update, explain_update
from engine.optim import OPTIMIZERS, Optimizer
from engine.optim.groups import REST, Span
from engine.optim.muon import Muon
from engine.optim.rules import SGD, Adam, AdamW, Momentum, RMSprop
from tests.support.calculator import calculated

RULES: list[tuple[str, Callable[[], Optimizer]]] = [
    ("sgd", lambda: SGD(0.1)),
    ("sgd", lambda: SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01)),
    ("momentum", lambda: Momentum(0.1, weight_decay=0.02)),
    ("rmsprop", lambda: RMSprop(0.01, alpha=0.8, weight_decay=0.1)),
    ("adam", lambda: Adam(0.01, weight_decay=0.1)),
    ("adamw", lambda: AdamW(0.01, betas=(0.8, 0.9), weight_decay=0.1)),
    ("muon", lambda: Muon(0.1, nesterov=True, weight_decay=0.02)),
]


def test_every_optimizer_has_a_row() -> None:
    missing = sorted(set(OPTIMIZERS) - {name for name, _ in RULES})
    assert missing == [], "explain it in engine/microscope/update.py, and add a row here"


@pytest.mark.parametrize(("name", "make"), RULES, ids=[name for name, _ in RULES])
def test_the_last_step_is_the_new_weight(name: str, make: Callable[[], Optimizer]) -> None:
    optimizer, rng = make(), np.random.default_rng(1)
    weights = {"0.weight": rng.standard_normal(3)}
    for _ in range(4):
        gradient = rng.standard_normal(3)
        slots = {
            slot: float(arrays["0.weight"][1]) for slot, arrays in optimizer.slots.items() if arrays
        }
        steps = explain_update(optimizer, slots, float(weights["0.weight"][1]), float(gradient[1]))
        optimizer.step(weights, {"0.weight": gradient})
        assert steps[-1].value == pytest.approx(float(weights["0.weight"][1]), rel=1e-9)
        assert steps[-1].words == "the new weight"


@pytest.mark.parametrize(("name", "make"), RULES, ids=[name for name, _ in RULES])
@pytest.mark.parametrize("gradient", [0.37, -0.37])
def test_a_pocket_calculator_gets_the_same(
    name: str, make: Callable[[], Optimizer], gradient: float
) -> None:
    optimizer = make()
    optimizer.t = 2
    slots = {"momentum_buffer": -0.2, "square_avg": 0.3, "exp_avg": 0.15, "exp_avg_sq": 0.25}
    steps = explain_update(optimizer, slots, -1.5, gradient)
    assert sum(bool(step.formula) for step in steps) >= 2
    for step in steps:
        assert not re.search("[·+−^] ?-", step.formula), "a negative number is in brackets"
        if step.formula:
            assert calculated(step.formula) == pytest.approx(step.value, rel=2e-3), step


class Plain(Optimizer):
    def _update(self, p: np.ndarray, g: np.ndarray, scratch: np.ndarray, *_: np.ndarray) -> None:
        p -= g


def test_a_rule_without_an_explanation_says_so() -> None:
    steps = explain_update(Plain(0.1), {}, 2.0, 0.5)
    assert steps[-1].words == "no arithmetic is written for Plain"


GRADIENT, STEP, NEW = "the gradient", "the step", "the new weight"
MOMENTS = (
    "first moment, the mean of gradients",
    "second moment, the mean of squares",
    "first moment, corrected for its start",
    "second moment, corrected",
)


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        (SGD(0.1), [GRADIENT, STEP, NEW]),
        (
            SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
            ["the gradient with weight decay", "the velocity", "looking ahead", STEP, NEW],
        ),
        (Momentum(0.1), [GRADIENT, "the velocity", STEP, NEW]),
        (RMSprop(0.1), [GRADIENT, "the mean of squares", STEP, NEW]),
        (Adam(0.1), [GRADIENT, *MOMENTS, STEP, NEW]),
        (AdamW(0.1, weight_decay=0.1), [GRADIENT, "the weight, decayed", *MOMENTS, STEP, NEW]),
        (AdamW(0.1, weight_decay=0.0), [GRADIENT, *MOMENTS, STEP, NEW]),
    ],
    ids=["sgd", "nesterov", "momentum", "rmsprop", "adam", "adamw", "adamw without decay"],
)
def test_each_step_of_the_rule_is_one_step_and_no_other(
    optimizer: Optimizer, words: list[str]
) -> None:
    assert [step.words for step in explain_update(optimizer, {}, 1.0, 0.5)] == words


@pytest.mark.parametrize(
    "optimizer", [RMSprop(0.1, eps=0.5), Adam(0.1, eps=0.5)], ids=["rmsprop", "adam"]
)
def test_the_small_number_of_the_divisor_is_added(optimizer: Optimizer) -> None:
    weights = {"w": np.array([1.0])}
    expected = explain_update(optimizer, {}, 1.0, 0.25)[-1].value
    optimizer.step(weights, {"w": np.array([0.25])})
    assert weights["w"][0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Muon(0.1, weight_decay=0.1), ["the velocity"]),
        (lambda: Muon(0.1, nesterov=True, newton_schulz=5), ["the velocity", "looking ahead"]),
        (lambda: Muon(0.1, momentum=0.0), []),
    ],
    ids=["momentum", "nesterov", "plain"],
)
def test_the_update_of_a_convolution_s_weight_ends_at_the_new_weight(
    make: Callable[[], Muon], words: list[str], rng: np.random.Generator
) -> None:
    optimizer, shape, index = make(), (4, 3, 2, 2), (2, 1, 0, 1)
    weights = rng.standard_normal(48)
    for _ in range(3):
        gradient = rng.standard_normal(48)
        slots = {s: a[""].reshape(shape) for s, a in optimizer.slots.items() if a}
        before = weights.reshape(shape)[index]
        steps = explain_matrix_update(
            optimizer, slots, weights.reshape(shape), gradient.reshape(shape), index
        )
        optimizer.step({"": weights}, {"": gradient}, spans=[Span(0, 48, REST, rows=4)])
        assert steps[-1].value == pytest.approx(weights.reshape(shape)[index], rel=1e-9)
        assert [step.words for step in steps] == [
            "the gradient",
            *words,
            "its number in the orthogonal matrix of all, 4×12",
            "the weight, with all weights scaled to norm √4",
            "the step",
            "the new weight",
        ]
        assert before != pytest.approx(steps[-3].value)
        for step in steps:
            if step.formula:
                assert calculated(step.formula) == pytest.approx(step.value, rel=2e-3), step
