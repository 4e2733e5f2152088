"""Optimizers and norms where a number more or less would not show in a trajectory."""

import json
import math

import numpy as np
import pytest

from engine.optim import OPTIMIZERS, SGD, Adam, Momentum
from engine.optim.clipping import clip_factor, norm_of, square_sums
from tests.support.optim_problem import LR, every_rule


@every_rule
def test_without_weight_decay_a_weight_is_not_looked_at(name: str) -> None:
    """Not even multiplied by 0, which makes NaN of infinity."""
    params = {"w": np.array([math.inf, 1.0])}
    OPTIMIZERS[name](LR, weight_decay=0.0).step(params, {"w": np.array([1.0, 1.0])})
    assert params["w"][0] == math.inf


def test_what_is_remembered_starts_at_plus_zero() -> None:
    optimizer = Momentum(LR)
    optimizer.step({"w": np.ones(2)}, {"w": np.array([-0.0, -0.0])})
    assert optimizer.slots["momentum_buffer"]["w"].tobytes() == bytes(16)


@every_rule
def test_whole_numbers_become_floats(name: str) -> None:
    optimizer = OPTIMIZERS[name](1, weight_decay=0)
    assert type(optimizer.lr) is type(optimizer.weight_decay) is float
    optimizer.lr = np.float32(0.5)  # type: ignore[assignment]
    assert json.dumps(optimizer.lr) == "0.5"
    assert type(Momentum(1, momentum=0).momentum) is type(Adam(1, eps=1).eps) is float


def test_names_without_a_partner_are_in_order() -> None:
    odd = {name: np.ones(1) for name in "hgfedcba"}
    with pytest.raises(ValueError, match="not so for a, b, c, d, e, f, g, h"):
        OPTIMIZERS["sgd"](LR).step(odd, {})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_squares_are_products_of_the_pieces_in_their_own_precision(dtype: type) -> None:
    vector: np.ndarray = np.random.default_rng(0).standard_normal(20_000).astype(dtype)
    pieces = [vector[:8192], vector[8192:16384], vector[16384:]]
    sums = square_sums(vector)
    assert sums == [float(np.dot(piece, piece)) for piece in pieces]
    huge = square_sums(np.full(2, 1e30, np.float32))
    assert {type(square) for square in sums + huge} == {float}
    total = 0.0
    for square in sums:
        total += square
    assert norm_of(sums) == math.sqrt(total)


def test_the_clip_factor_by_hand() -> None:
    assert clip_factor(10.0, 5.0) == 5.0 / (10.0 + 1e-6)
    assert clip_factor(0.5, 5.0) == 1.0
    assert clip_factor(0.0, 5.0) == 1.0
    for norm in (math.inf, math.nan):
        assert clip_factor(norm, 5.0) == 1.0


def test_without_momentum_nothing_is_remembered() -> None:
    for optimizer in (SGD(LR), SGD(LR, momentum=0.0)):
        optimizer.step({"w": np.ones(2)}, {"w": np.ones(2)})
        assert optimizer.slots == {}
    optimizer = SGD(LR, momentum=0.5)
    optimizer.step({"w": np.ones(2)}, {"w": np.ones(2)})
    assert optimizer.slots.keys() == {"momentum_buffer"}
