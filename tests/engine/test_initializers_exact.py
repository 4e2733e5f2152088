"""Initialisers, number by number: the generator's, times the spread of the rule."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from engine.initializers import INITS, init_bias

SHAPE, FAN_IN, FAN_OUT = (6, 3, 2, 5), 30, 60


def normal(variance: float) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: rng.standard_normal(SHAPE) * math.sqrt(variance)


def uniform(bound: float) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: rng.uniform(-bound, bound, SHAPE)


RULES: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "he": normal(2 / FAN_IN),
    "he_uniform": uniform(math.sqrt(6 / FAN_IN)),
    "xavier": uniform(math.sqrt(6 / (FAN_IN + FAN_OUT))),
    "xavier_normal": normal(2 / (FAN_IN + FAN_OUT)),
    "pytorch": uniform(1 / math.sqrt(FAN_IN)),
}


@pytest.mark.parametrize("name", INITS)
def test_a_seed_says_every_number(name: str) -> None:
    weight = INITS[name](SHAPE, np.random.default_rng(3), np.float64)
    expected = RULES[name](np.random.default_rng(3))
    np.testing.assert_allclose(weight, expected, rtol=1e-14)


def test_a_seed_says_every_number_of_a_bias() -> None:
    bias = init_bias("pytorch", (50,), 16, np.random.default_rng(3), np.float64)
    expected = np.random.default_rng(3).uniform(-0.25, 0.25, 50)
    np.testing.assert_allclose(bias, expected, rtol=1e-14)


@pytest.mark.parametrize("name", sorted(INITS.keys() - {"pytorch"}))
def test_a_bias_of_zero_is_plus_zero(name: str, rng: np.random.Generator) -> None:
    bias = init_bias(name, (4,), 9, rng, np.float32)
    assert bias.tobytes() == bytes(16)
