"""Muon: the step of a matrix against singular values, and matrices whole for any workers."""

import copy
import math
import tracemalloc
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from engine.models import build
from engine.optim import SGD, Muon
from engine.optim.groups import REST, Group, Span, whole_matrices
from engine.optim.muon import orthogonalised
from engine.optim.parameters import FlatParameters, spans_of

SHAPES = [(4, 9), (9, 4), (5, 5), (1, 6)]


def by_singular_values(matrix: np.ndarray, steps: int) -> np.ndarray:
    """The polynomial of each singular value: the same in exact arithmetic, on another way."""
    u, s, vt = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    s = s / (np.linalg.norm(matrix.astype(np.float64)) + 1e-7)
    for _ in range(steps):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return (u * s) @ vt


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("steps", [1, 3, 5])
def test_orthogonalised_is_a_polynomial_of_the_singular_values(
    shape: tuple[int, int], dtype: type, tolerance: float, steps: int, rng: np.random.Generator
) -> None:
    matrix: np.ndarray = (3 * rng.standard_normal(shape)).astype(dtype)
    before = matrix.copy()
    found = orthogonalised(matrix, steps)
    assert found.dtype == dtype
    assert found.shape == shape
    np.testing.assert_allclose(found, by_singular_values(matrix, steps), rtol=0, atol=tolerance)
    np.testing.assert_array_equal(matrix, before)


@pytest.mark.parametrize("shape", [(1000, 2), (2, 1000)], ids=str)
def test_the_shorter_side_is_multiplied_out(shape: tuple[int, int]) -> None:
    matrix = np.ones(shape, np.float32)
    tracemalloc.start()
    orthogonalised(matrix, 3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_directions_of_very_different_sizes_get_about_the_same(rng: np.random.Generator) -> None:
    u, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    v, _ = np.linalg.qr(rng.standard_normal((20, 6)))
    for steps, least in ((3, 0.02), (5, 0.002)):
        matrix = (u * np.geomspace(least, 0.99, 6)) @ v.T
        sizes = np.linalg.svd(orthogonalised(matrix / np.linalg.norm(matrix), steps))[1]
        assert sizes.min() > 0.68
        assert sizes.max() < 1.21


def test_what_is_almost_nothing_is_not_divided_by_almost_nothing() -> None:
    np.testing.assert_array_equal(orthogonalised(np.zeros((2, 3)), 3), 0.0)
    tiny = np.array([[1e-7, 0.0]])
    np.testing.assert_allclose(orthogonalised(tiny, 1), by_singular_values(tiny, 1))


def step(
    optimizer: SGD, p: np.ndarray, grads: np.ndarray, group: Group = REST
) -> tuple[np.ndarray, SGD]:
    """Steps of a matrix (rows, columns) alone, with the gradients in turn."""
    flat = p.reshape(-1).copy()
    for gradient in grads:
        spans = [Span(0, flat.size, group, rows=len(p))]
        optimizer.step({"": flat}, {"": gradient.reshape(-1)}, spans=spans)
    return flat.reshape(p.shape), optimizer


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.6, 0.0])
def test_steps_of_a_matrix_by_the_formula(
    nesterov: bool, momentum: float, rng: np.random.Generator
) -> None:
    p, grads = rng.standard_normal((4, 7)), rng.standard_normal((3, 4, 7))
    expected, v = p.copy(), np.zeros((4, 7))
    for g in grads:
        v = momentum * v + g
        ahead = g + momentum * v if nesterov else v
        expected *= math.sqrt(4) / np.linalg.norm(expected)
        expected -= 0.2 * by_singular_values(ahead, 5)
    optimizer = Muon(0.2, momentum, nesterov and momentum > 0, 0.3, newton_schulz=5)
    found, _ = step(optimizer, p, grads)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    if momentum:
        np.testing.assert_allclose(optimizer.slots["momentum_buffer"][""], v.reshape(-1))


def test_the_defaults_are_those_of_airbench(rng: np.random.Generator) -> None:
    p, grads = rng.standard_normal((3, 5)), rng.standard_normal((2, 3, 5))
    found, optimizer = step(Muon(0.24), p, grads)
    assert (optimizer.momentum, optimizer.nesterov, optimizer.weight_decay) == (0.6, False, 0.0)
    expected, _ = step(Muon(0.24, 0.6, False, 0.0, 3), p, grads)
    np.testing.assert_array_equal(found, expected)


def test_weights_get_a_fixed_norm_before_each_step_and_zeros_stay(
    rng: np.random.Generator,
) -> None:
    p, nothing = rng.standard_normal((4, 6)).astype(np.float32), np.zeros((1, 4, 6), np.float32)
    found, _ = step(Muon(0.1), p, nothing)
    assert found.dtype == np.float32
    assert np.linalg.norm(found) == pytest.approx(2.0)
    np.testing.assert_allclose(found, p * (2 / np.linalg.norm(p)), rtol=1e-5)
    still, _ = step(Muon(0.1), np.zeros((4, 6), np.float32), nothing)
    np.testing.assert_array_equal(still, 0.0)
    large, _ = step(Muon(0.1), np.full((4, 6), 1e25, np.float32), nothing)
    np.testing.assert_allclose(large, 2 / math.sqrt(24), rtol=1e-5)


def test_the_rate_of_its_group_counts_for_a_matrix(rng: np.random.Generator) -> None:
    p, grads = rng.standard_normal((3, 5)), rng.standard_normal((2, 3, 5))
    scaled, optimizer = step(Muon(0.1), p, grads, Group("*", lr_scale=3.0))
    np.testing.assert_array_equal(scaled, step(Muon(0.1 * 3.0), p, grads)[0])
    assert optimizer.lr == 0.1


def test_the_rest_learns_by_sgd(rng: np.random.Generator) -> None:
    p = rng.standard_normal(10)
    other = p.copy()
    muon, sgd = Muon(0.1, 0.6, True, 0.01), SGD(0.1, 0.6, True, 0.01)
    for gradient in rng.standard_normal((3, 10)):
        muon.step({"": p}, {"": gradient}, spans=[Span(0, 10, REST)])
        sgd.step({"": other}, {"": gradient})
    np.testing.assert_array_equal(p, other)


def test_a_number_of_steps_below_1_is_refused() -> None:
    with pytest.raises(ValueError, match="newton_schulz must be at least 1, got 0"):
        Muon(0.1, newton_schulz=0)
    assert Muon(0.1, newton_schulz=1).newton_schulz == 1


def test_a_rule_without_matrices_is_given_none() -> None:
    assert not SGD.takes_matrices
    with pytest.raises(NotImplementedError):
        SGD(0.1).step({"": np.ones(4)}, {"": np.ones(4)}, spans=[Span(0, 4, REST, rows=2)])


SPECS: list[Any] = [
    {"Conv2D": {"out_channels": 2, "kernel_size": 3}},
    {"Conv2D": {"out_channels": 3, "kernel_size": 1, "bias": False}},
    {"Conv2D": {"out_channels": 4, "kernel_size": 2, "bias": False}},
    "BatchNorm2D",
    "Flatten",
    {"Dense": {"out_features": 3}},
]


def test_the_weight_of_each_convolution_is_a_matrix_and_nothing_else(
    rng: np.random.Generator,
) -> None:
    model = build(SPECS, (1, 5, 5)).initialise(rng)
    group = Group("4.*", 3.0)
    spans = spans_of(model, FlatParameters(model), [group, Group("BatchNorm2D.*")], matrices=True)
    assert [(span.start, span.stop, span.rows) for span in spans] == [
        (0, 18, 2), (18, 20, 0), (20, 26, 3), (26, 74, 4), (74, 82, 0), (82, 133, 0),
    ]  # fmt: skip
    spans = spans_of(model, FlatParameters(model), [], matrices=True)
    assert [(span.start, span.stop, span.rows) for span in spans] == [
        (0, 18, 2), (18, 20, 0), (20, 26, 3), (26, 74, 4), (74, 133, 0),
    ]  # fmt: skip
    model[0].freeze()
    spans = spans_of(model, FlatParameters(model), [], matrices=True)
    assert [(span.start, span.stop, span.rows) for span in spans] == [
        (0, 6, 3), (6, 54, 4), (54, 113, 0),
    ]  # fmt: skip


def test_a_part_has_the_matrices_that_begin_in_it() -> None:
    spans = [Span(0, 10, REST, 2), Span(10, 20, REST), Span(20, 30, REST, 5), Span(30, 44, REST, 7)]

    def moved(start: int, stop: int) -> tuple[int, int]:
        part = whole_matrices(slice(start, stop), spans)
        return part.start, part.stop

    assert moved(0, 44) == (0, 44)
    assert moved(0, 1) == (0, 10)
    assert moved(1, 10) == (10, 10)
    assert moved(10, 15) == (10, 15)
    assert moved(15, 20) == (15, 20)
    assert moved(20, 21) == (20, 30)
    assert moved(9, 31) == (10, 44)
    assert moved(43, 44) == (44, 44)
    assert whole_matrices(slice(3, 7), []) == slice(3, 7)


@pytest.mark.parametrize("cuts", [(0, 44), (0, 1, 44), (0, 5, 8, 22, 31, 44), (0, 20, 30, 44)])
def test_members_with_parts_of_any_size_make_the_same_bits(
    cuts: tuple[int, ...], rng: np.random.Generator
) -> None:
    spans = [Span(0, 10, REST, 2), Span(10, 20, REST), Span(20, 30, REST, 5), Span(30, 44, REST, 7)]
    start = rng.standard_normal(44).astype(np.float32)
    alone, shared = start.copy(), start.copy()
    one = Muon(0.1, nesterov=True)
    crew = [Muon(0.1, nesterov=True) for _ in cuts[1:]]
    crew[0].slots["momentum_buffer"][""] = np.zeros(44, np.float32)
    for member in crew[1:]:
        member.slots = crew[0].slots
    for _ in range(3):
        gradient = rng.standard_normal(44).astype(np.float32)
        one.step({"": alone}, {"": gradient}, spans=spans)
        for member, (low, high) in zip(crew, pairwise(cuts), strict=True):
            part = whole_matrices(slice(low, high), spans)
            member.step({"": shared}, {"": gradient}, part, spans)
    np.testing.assert_array_equal(shared, alone)
    np.testing.assert_array_equal(
        crew[0].slots["momentum_buffer"][""], one.slots["momentum_buffer"][""]
    )


def test_a_restored_state_goes_on_bit_for_bit(rng: np.random.Generator) -> None:
    p, grads = rng.standard_normal((3, 8)).astype(np.float32), rng.standard_normal((6, 3, 8))
    grads = grads.astype(np.float32)
    whole, _ = step(Muon(0.1, nesterov=True), p, grads)
    half, optimizer = step(Muon(0.1, nesterov=True), p, grads[:3])
    restored = Muon(0.1, nesterov=True)
    restored.slots = copy.deepcopy(optimizer.slots)
    np.testing.assert_array_equal(step(restored, half, grads[3:])[0], whole)


@pytest.mark.torch
@pytest.mark.parametrize("steps", [3, 5])
def test_orthogonalised_like_pytorch(steps: int, rng: np.random.Generator) -> None:
    """PyTorch computes in bfloat16, which has three digits."""
    import torch

    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this PyTorch has no Muon")
    matrix = rng.standard_normal((6, 40)).astype(np.float32)
    weight = torch.nn.Parameter(torch.zeros(6, 40))
    weight.grad = torch.from_numpy(matrix)
    torch.optim.Muon([weight], 1.0, 0.0, momentum=0.0, nesterov=False, ns_steps=steps).step()
    theirs = -weight.detach().numpy()
    assert np.abs(theirs - orthogonalised(matrix, steps)).max() < 0.02
    assert np.abs(theirs).max() > 0.2
