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


def dirac(rng: np.random.Generator) -> np.ndarray:
    weight = rng.uniform(-1 / math.sqrt(FAN_IN), 1 / math.sqrt(FAN_IN), SHAPE)
    for i in range(3):
        weight[i] = 0
        weight[i, i, 1, 2] = 1
    return weight


RULES: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "he": normal(2 / FAN_IN),
    "he_uniform": uniform(math.sqrt(6 / FAN_IN)),
    "xavier": uniform(math.sqrt(6 / (FAN_IN + FAN_OUT))),
    "xavier_normal": normal(2 / (FAN_IN + FAN_OUT)),
    "pytorch": uniform(1 / math.sqrt(FAN_IN)),
    "dirac": dirac,
}


@pytest.mark.parametrize("name", INITS)
def test_a_seed_says_every_number(name: str) -> None:
    weight = INITS[name](SHAPE, np.random.default_rng(3), np.float64)
    expected = RULES[name](np.random.default_rng(3))
    np.testing.assert_allclose(weight, expected, rtol=1e-14)


@pytest.mark.parametrize("shape", [(2, 5), (5, 2), (3, 3, 3, 3), (2, 3, 2, 2)])
def test_dirac_copies_inputs_to_outputs(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    weight = INITS["dirac"](shape, rng, np.float32)
    both = min(shape[:2])
    place = {(): 0, (3, 3): 4, (2, 2): 3}[shape[2:]]
    middle = weight.reshape(*shape[:2], -1)[:, :, place]
    np.testing.assert_array_equal(middle[:both], np.eye(both, shape[1]))
    assert np.count_nonzero(weight[:both]) == both
    assert np.count_nonzero(weight[both:]) == weight[both:].size


def test_a_seed_says_every_number_of_a_bias() -> None:
    bias = init_bias("pytorch", (50,), 16, np.random.default_rng(3), np.float64)
    expected = np.random.default_rng(3).uniform(-0.25, 0.25, 50)
    np.testing.assert_allclose(bias, expected, rtol=1e-14)


@pytest.mark.parametrize("name", sorted(INITS.keys() - {"pytorch"}))
def test_a_bias_of_zero_is_plus_zero(name: str, rng: np.random.Generator) -> None:
    bias = init_bias(name, (4,), 9, rng, np.float32)
    assert bias.tobytes() == bytes(16)
