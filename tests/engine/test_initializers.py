"""Initialisers: the spread that each rule promises, along the right axis."""

import math

import numpy as np
import pytest

from engine.initializers import INITS, fans, init_bias, pytorch_default, xavier_uniform

SHAPES = [(300, 50), (50, 300), (64, 16, 3, 5), (16, 64, 5, 3)]

# Written out again, by axis, so that a swapped axis or a forgotten kernel is seen.
FAN_IN = {(300, 50): 50, (50, 300): 300, (64, 16, 3, 5): 240, (16, 64, 5, 3): 960}
FAN_OUT = {(300, 50): 300, (50, 300): 50, (64, 16, 3, 5): 960, (16, 64, 5, 3): 240}
STD = {
    "he": lambda i, o: math.sqrt(2 / i),
    "he_uniform": lambda i, o: math.sqrt(2 / i),
    "xavier": lambda i, o: math.sqrt(2 / (i + o)),
    "xavier_normal": lambda i, o: math.sqrt(2 / (i + o)),
    "pytorch": lambda i, o: 1 / math.sqrt(3 * i),
}


def test_the_table_of_this_test_is_complete() -> None:
    assert STD.keys() == INITS.keys() - {"dirac"}  # which has ones and zeros


@pytest.mark.parametrize("shape", SHAPES)
def test_fans(shape: tuple[int, ...]) -> None:
    assert fans(shape) == (FAN_IN[shape], FAN_OUT[shape])


@pytest.mark.parametrize("shape", [(), (3,), (3, 4, 5), (3, 4, 5, 6, 7), (0, 4), (3, 4, 0, 1)])
def test_fans_of_what_is_no_weight(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(out, in\)"):
        fans(shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", STD)
def test_bug_10_standard_deviation_follows_the_right_fan(
    name: str, shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    w = INITS[name](shape, rng, np.float64)
    expected = STD[name](FAN_IN[shape], FAN_OUT[shape])
    assert w.shape == shape
    # 15,000 draws: the standard error of a standard deviation is below 0.6 percent.
    assert w.std() == pytest.approx(expected, rel=0.025)
    assert abs(w.mean()) < 4 * expected / math.sqrt(w.size)


@pytest.mark.parametrize("name", ["he_uniform", "xavier", "pytorch"])
def test_uniform_rules_fill_their_range_and_stay_inside(
    name: str, rng: np.random.Generator
) -> None:
    w = INITS[name]((200, 100), rng, np.float64)
    bound = math.sqrt(3) * STD[name](100, 200)
    assert 0.99 * bound < np.abs(w).max() <= bound


@pytest.mark.parametrize("name", ["he", "xavier_normal"])
def test_normal_rules_have_tails(name: str, rng: np.random.Generator) -> None:
    w = INITS[name]((200, 100), rng, np.float64)
    assert np.abs(w).max() > 3 * w.std()


@pytest.mark.parametrize("name", INITS)
def test_bug_18_dtype_and_memory_order(name: str) -> None:
    wide = INITS[name]((8, 4, 3, 3), np.random.default_rng(1), np.float64)
    narrow = INITS[name]((8, 4, 3, 3), np.random.default_rng(1), np.float32)
    assert narrow.dtype == np.float32
    assert narrow.flags.c_contiguous
    np.testing.assert_array_equal(narrow, wide.astype(np.float32))


@pytest.mark.parametrize("name", INITS)
def test_same_stream_same_weights_and_no_global_state(name: str) -> None:
    before = np.random.get_state(legacy=False)["state"]["key"].copy()  # noqa: NPY002
    first = INITS[name]((6, 5), np.random.default_rng(3), np.float32)
    again = INITS[name]((6, 5), np.random.default_rng(3), np.float32)
    other = INITS[name]((6, 5), np.random.default_rng(4), np.float32)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    np.testing.assert_array_equal(np.random.get_state(legacy=False)["state"]["key"], before)  # noqa: NPY002


def test_names() -> None:
    assert INITS["xavier"] is xavier_uniform
    assert INITS["pytorch"] is pytorch_default


@pytest.mark.parametrize("name", [name for name in INITS if name != "pytorch"])
def test_bug_15_biases_start_at_zero(name: str, rng: np.random.Generator) -> None:
    state = rng.bit_generator.state
    bias = init_bias(name, (32,), 144, rng, np.float32)
    np.testing.assert_array_equal(bias, np.zeros(32))
    assert bias.dtype == np.float32
    assert rng.bit_generator.state == state


def test_bug_15_biases_of_the_pytorch_rule_follow_fan_in(rng: np.random.Generator) -> None:
    bias = init_bias("pytorch", (10_000,), 144, rng, np.float32)
    assert bias.dtype == np.float32
    assert 0.99 / 12 < np.abs(bias).max() <= 1 / 12
    assert bias.std() == pytest.approx(1 / 12 / math.sqrt(3), rel=0.02)


def test_bias_errors_teach(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match=r"'hee'.*he, he_uniform"):
        init_bias("hee", (3,), 4, rng, np.float32)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        init_bias("pytorch", (3,), 0, rng, np.float32)


@pytest.mark.torch
@pytest.mark.parametrize("shape", [(4, 3, 3, 3), (3, 4, 2, 5)])
def test_dirac_like_pytorch(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    import torch

    first = min(shape[:2])
    theirs = torch.nn.init.dirac_(torch.empty(first, *shape[1:]))
    np.testing.assert_array_equal(INITS["dirac"](shape, rng, np.float32)[:first], theirs.numpy())


@pytest.mark.torch
@pytest.mark.parametrize("shape", SHAPES)
def test_fans_and_bounds_like_pytorch(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    import torch

    assert fans(shape) == torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    theirs = torch.empty(shape)
    torch.nn.init.kaiming_uniform_(
        theirs, a=math.sqrt(5), generator=torch.Generator().manual_seed(0)
    )
    ours = pytorch_default(shape, rng, np.float32)
    assert np.abs(ours).max() == pytest.approx(theirs.abs().max().item(), rel=0.01)
    assert ours.std() == pytest.approx(theirs.std().item(), rel=0.03)
