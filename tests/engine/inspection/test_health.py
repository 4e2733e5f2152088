"""The word about a layer: every rule, its threshold from both sides, and their order."""

import math

import numpy as np
import pytest

from engine.inspection.health import (
    FAST,
    MOSTLY_DEAD,
    SLOW,
    SOME_DEAD,
    TOO_FAST,
    VANISHING,
    classify,
    examine,
)
from engine.train.snapshot import LayerSnapshot, Snapshot


@pytest.mark.parametrize(
    ("facts", "word", "level"),
    [
        ({}, "–", "none"),
        ({"grad_rms": 1e-3}, "ok", "good"),
        ({"grad_rms": 1e-3, "update_ratio": 1e-3}, "ok", "good"),
        ({"update_ratio": SLOW}, "ok", "good"),
        ({"update_ratio": SLOW * 0.99}, "slow", "note"),
        ({"update_ratio": 0.0}, "slow", "note"),
        ({"update_ratio": FAST}, "ok", "good"),
        ({"update_ratio": FAST * 1.01}, "fast", "warning"),
        ({"update_ratio": TOO_FAST * 1.01}, "too fast", "error"),
        ({"update_ratio": math.inf}, "too fast", "error"),
        ({"grad_rms": 0.0, "largest_grad_rms": 1.0}, "no grad", "error"),
        ({"grad_rms": VANISHING, "largest_grad_rms": 1.0}, "ok", "good"),
        ({"grad_rms": VANISHING * 0.99, "largest_grad_rms": 1.0}, "vanishing", "warning"),
        ({"grad_rms": 1.0, "largest_grad_rms": math.inf}, "ok", "good"),
        ({"dead": 0.0}, "ok", "good"),
        ({"dead": SOME_DEAD - 0.01}, "ok", "good"),
        ({"dead": SOME_DEAD}, "dying", "warning"),
        ({"dead": MOSTLY_DEAD}, "dead", "error"),
        ({"dead": 1.0}, "dead", "error"),
    ],
)
def test_every_rule_from_both_sides(facts: dict[str, float], word: str, level: str) -> None:
    health = classify(finite=True, **facts)
    assert (health.word, health.level) == (word, level)
    assert len(health.symbol) == 1
    assert bool(health.advice) == (level not in ("good", "none"))


def test_what_is_not_finite_goes_before_all_else() -> None:
    assert classify(finite=False, dead=1.0, update_ratio=1.0).word == "NaN/inf"


def test_the_more_serious_of_two_is_said() -> None:
    assert classify(finite=True, grad_rms=0.0, update_ratio=1.0).word == "too fast"
    both = classify(finite=True, grad_rms=1e-9, largest_grad_rms=1.0, update_ratio=0.05)
    assert both.word == "vanishing"


def test_bad_words_differ_without_colour() -> None:
    words = [
        classify(finite=True, **facts)
        for facts in ({"dead": 1.0}, {"dead": 0.5}, {"update_ratio": 0.5}, {"update_ratio": 0.05})
    ]
    assert len({(health.symbol, health.word) for health in words}) == len(words)


def layer(name: str, weight: list[float], grad: list[float], ratio: float) -> LayerSnapshot:
    return LayerSnapshot(
        name=name,
        layer="Dense(2→1)",
        weights={"weight": np.array(weight, "f4"), "bias": np.zeros(1, "f4")},
        grads={"weight": np.array(grad, "f4"), "bias": np.ones(1, "f4")},
        update_ratio={"weight": ratio, "bias": 1e6},
        dead=None,
    )


def test_the_facts_are_those_of_the_weight_and_not_of_the_bias() -> None:
    first = layer("0", [1, -3], [3, 4], 1e-3)
    second = layer("1", [1, 1], [1e-6, 1e-6], 1e-3)
    relu = LayerSnapshot("2", "ReLU()", {}, {}, {}, dead=0.5)
    one, two, three = examine(Snapshot((first, second, relu)))
    assert (one.kind, one.mean, one.std, one.update_ratio) == ("Dense", -1, 2, 1e-3)
    assert one.grad_rms == pytest.approx(math.sqrt(12.5))
    assert one.health.word == "ok"
    assert two.health.word == "vanishing"
    assert (three.mean, three.grad_rms, three.health.word) == (None, None, "dying")


def test_nan_in_any_array_of_a_layer_is_seen() -> None:
    sick = layer("0", [1, 2], [math.nan, 1], 1e-3)
    well = layer("1", [1, 2], [1, 1], 1e-3)
    assert [facts.health.word for facts in examine(Snapshot((sick, well)))] == ["NaN/inf", "ok"]
    inf = layer("0", [math.inf, 2], [1, 1], 1e-3)
    assert examine(Snapshot((inf,)))[0].health.word == "NaN/inf"


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(0.05, "changes 5.0% of it"), (0.1, "changes 10% of it"), (0.25, "changes 25% of it")],
)
def test_shares_are_said_in_percent(ratio: float, words: str) -> None:
    assert words in classify(finite=True, update_ratio=ratio).advice


def layer_of(
    grad: float | None = None, weight: float = 1.0, name: str = "0", **facts: float
) -> LayerSnapshot:
    return LayerSnapshot(
        name=name,
        layer="Dense(2→2)",
        weights={} if grad is None else {"weight": np.full((2, 2), weight)},
        grads={} if grad is None else {"weight": np.full((2, 2), grad)},
        update_ratio={"weight": facts["ratio"]} if "ratio" in facts else {},
        dead=facts.get("dead"),
    )


def test_the_largest_finite_gradient_is_the_measure() -> None:
    layers = layer_of(math.inf), layer_of(1.0, name="1"), layer_of(1e-9, name="2")
    assert [facts.health.word for facts in examine(Snapshot(layers))] == [
        "NaN/inf", "ok", "vanishing",
    ]  # fmt: skip


def test_a_network_without_gradients_has_facts() -> None:
    (facts,) = examine(Snapshot((layer_of(dead=0.9),)))
    assert (facts.health.word, facts.mean, facts.grad_rms) == ("dead", None, None)


def test_the_update_of_a_layer_is_part_of_its_health() -> None:
    (facts,) = examine(Snapshot((layer_of(1.0, ratio=0.5),)))
    assert (facts.health.word, facts.update_ratio) == ("too fast", 0.5)


def test_huge_weights_give_no_warning() -> None:
    (facts,) = examine(Snapshot((layer_of(1.0, weight=1.7e308),)))
    assert type(facts.mean) is type(facts.std) is float
    assert facts.mean == math.inf


def test_a_frozen_layer_is_said_to_be_frozen_unless_its_numbers_are_not_finite() -> None:
    weight = {"weight": np.ones(4, np.float32)}
    broken = {"weight": np.full(4, np.nan, np.float32)}
    layers = (
        LayerSnapshot("0", "Dense(2→2)", weight, {}, {}, None, frozen=True),
        LayerSnapshot("1", "Dense(2→2)", broken, {}, {}, None, frozen=True),
    )
    assert [facts.health.word for facts in examine(Snapshot(layers))] == ["frozen", "NaN/inf"]
