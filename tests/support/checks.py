"""The promises of every layer, as functions of a case that raise where it breaks one.

The tests run them on the rows of the conformance table; the mutation proof runs them on broken
layers, where one of them must raise.
"""

import json
from typing import TypeVar

import numpy as np
import pytest

from engine.arrays import Array
from engine.gradcheck import Report, check_layer
from engine.layers import AvgPool2D, Conv2D, Dense, Dropout, GlobalAvgPool2D, MaxPool2D
from engine.models import build
from engine.parallel.group import in_order
from engine.parallel.threads import MicroBatchGroup
from engine.parallel.workers import Workers
from tests.support import oracles
from tests.support.bounds import least_samples, output_range, unlimited_range
from tests.support.cases import Case, Check, applies_to
from tests.support.conformance import PROMISES, reference
from tests.support.memory_checks import (
    broadcast_upstream,
    independent,
    memory_orders,
    nothing_left_over,
    read_only,
)
from tests.support.memory_checks import fresh_memory_is_nan as fresh_memory_is_nan
from tests.support.misuse import misuse, needs_weights
from tests.support.passes import run, same

T = TypeVar("T")

TOLERANCE = 1e-6
"""Of a gradient, relative; the aim is 1e-7."""


def measure(case: Case) -> Report:
    """The gradient check of a case."""
    return check_layer(
        case.make(),
        case.input(),
        rng=np.random.default_rng(4),
        samples_per_tensor=case.samples,
        tolerance=TOLERANCE,
    )


def gradients(case: Case) -> None:
    """Central differences, entry by entry; and ``backward``'s promises."""
    report = measure(case)
    assert report.passed, f"\n{report}"
    assert {row.tensor for row in report.rows} >= {"input"}
    assert not any(row.verdict == "zero" for row in report.rows if row.tensor == "weight")


def directions(case: Case) -> None:
    """Central differences along random directions, each of which sees every entry."""
    report = check_layer(case.make(), case.input(), rng=np.random.default_rng(4), mode="directions")
    assert report.passed, f"\n{report}"


_expected: dict[str, Array] = {}  # plain loops are slow: once for each case


@applies_to(lambda case: not case.draws)
def forward(case: Case) -> None:
    """The output of the plain formula; and the running statistics of a batch norm."""
    layer, x = case.make(), case.input()
    if str(case) not in _expected:
        _expected[str(case)] = reference(layer, x)
    expected = _expected[str(case)]
    before = {name: array.copy() for name, array in layer.buffers.items()}
    same({"output": layer.forward(x)}, {"output": expected}, rtol=1e-12)
    if "running_mean" in before:
        momentum = layer.momentum if case.training else 0.0  # type: ignore[attr-defined]
        for c, (mean, _, unbiased) in enumerate(oracles.batch_statistics(x)):
            for name, value in (("running_mean", mean), ("running_var", unbiased)):
                wanted = (1 - momentum) * before[name][c] + momentum * value
                np.testing.assert_allclose(layer.buffers[name][c], wanted, rtol=1e-12)


@applies_to(lambda case: case.kind is Dropout)
def dropout(case: Case) -> None:
    """Zero with probability p, else x/(1 − p); nothing happens in evaluation."""
    layer, x = case.make(), case.input()
    assert isinstance(layer, Dropout)
    layer.set_rng(np.random.default_rng(1))
    first = layer.forward(x).copy()
    if not case.training or layer.p == 0:
        np.testing.assert_array_equal(first, x)
        return
    kept = first != 0
    np.testing.assert_allclose(first[kept], x[kept] / (1 - layer.p), rtol=1e-14)
    # Four standard deviations of a binomial share.
    assert abs(kept.mean() - (1 - layer.p)) < 4 * np.sqrt(layer.p * (1 - layer.p) / x.size)
    for axis in range(x.ndim):
        assert (kept != kept.take([0], axis)).any()
    layer.set_rng(np.random.default_rng(1))
    np.testing.assert_array_equal(layer.forward(x), first)
    assert (layer.forward(x) != first).any()


def shapes(case: Case) -> None:
    """``output_shape`` tells the truth, before and without any array."""
    layer = case.make()
    layer.set_rng(np.random.default_rng(1))
    assert layer.forward(case.input()).shape == (
        case.shape[0],
        *build([case.spec], case.shape[1:]).output_shape(case.shape[1:]),
    )
    (bare,) = build([case.spec], case.shape[1:])
    assert {**bare.state_shapes()} == {
        name: array.shape for name, array in layer.state_dict().items()
    }
    assert bare.count_parameters() == sum(a.size for a in layer.named_parameters().values())


def float32(case: Case) -> None:
    """No float64 anywhere in a float32 network, and the same numbers to float32's precision."""
    layer = case.make(np.float32)
    found = run(layer, case.input(np.float32), case.upstream(np.float32))
    for name, array in (found | layer.named_parameters()).items():
        assert array.dtype == np.float32, name
    exact = run(case.make(), case.input(), case.upstream())
    same(found, exact, rtol=2e-5)


def replicas(case: Case) -> None:
    """A replica computes the same, shares the parameters, and has gradients of its own."""
    layer = case.make()
    twin = layer.replica()
    assert all(
        a is b for a, b in zip(layer.state_dict().values(), twin.state_dict().values(), strict=True)
    )
    expected = run(case.make(), case.input(), case.upstream())
    same(run(twin, case.input(), case.upstream()), expected)
    assert all(not np.any(grad) for grad in layer.named_grads().values())
    twin.release()
    with pytest.raises(RuntimeError, match="forward"):
        twin.backward(case.upstream())


@applies_to(lambda case: case.shape[0] >= 3 and not case.draws)
def micro_batches(case: Case) -> None:
    """A batch in three pieces, each a thread of its own, gives what the whole batch gives."""
    n = case.shape[0]
    x, dout = case.input(), case.upstream()
    expected = run(case.make(), x, dout)
    layer = case.make()
    pieces = [slice(0, 1), slice(1, n - 1), slice(n - 1, n)]
    twins = [layer.replica() for _ in pieces]

    met: list[int] = []

    class Watched:
        def __init__(self, group: MicroBatchGroup) -> None:
            self.group, self.index = group, group.index

        def all_gather(self, value: T) -> list[T]:
            met.append(self.index)
            return self.group.all_gather(value)

    def task(i: int, group: MicroBatchGroup) -> dict[str, Array]:
        for each in twins[i].walk():
            each.group = Watched(group)
        return run(twins[i], x[pieces[i]], dout[pieces[i]])

    with Workers(2) as workers:
        parts = in_order(workers.group.map(task, len(pieces)))
    says_so = any(each.needs_sync and each.training for each in layer.walk())
    assert bool(met) == says_so, "``needs_sync`` says whether a layer all-gathers"
    found = {name: np.concatenate([part[name] for part in parts]) for name in ("output", "input")}
    found |= {
        f"d {name}": np.sum([part[f"d {name}"] for part in parts], axis=0)
        for name in layer.named_parameters()
    }
    found |= {f"buffer {name}": array for name, array in layer.named_buffers().items()}
    same(found, expected)


@applies_to(lambda case: bool(case.make().named_parameters()))
def first_layer(case: Case) -> None:
    """Without dx, the gradients of the parameters stay the same."""
    layer = case.make()
    expected = run(case.make(), case.input(), case.upstream())
    layer.needs_dx = False
    found = run(layer, case.input(), case.upstream())
    expected = {name: expected[name] for name in found}
    same(found, expected)
    if case.kind in (Conv2D, Dense):
        assert "input" not in found


@applies_to(lambda case: bool(case.arguments.keys() - case.kind.branches))
def arguments_kept(case: Case) -> None:
    """Every constructor argument is an attribute of the same name."""
    layer = case.make()
    for name in case.arguments.keys() - layer.branches:
        value = case.arguments[name]
        assert getattr(layer, name) == (tuple(value) if isinstance(value, list) else value), name


def state_and_spec(case: Case) -> None:
    """A layer comes back from its spec and state dict, through JSON."""
    layer = case.make()
    spec = json.loads(json.dumps(layer.spec()))
    (twin,) = build([spec], case.shape[1:])
    assert twin.spec() == layer.spec()
    assert repr(twin) == repr(layer)
    twin.initialise(np.random.default_rng(99), np.float64)
    twin.load_state_dict({name: array.copy() for name, array in layer.state_dict().items()})
    twin.train(case.training)
    x, dout = case.input(), case.upstream()
    same(run(twin, x, dout), run(layer, x, dout), rtol=0)


def _keeps_sums(case: Case) -> bool:
    """Of a window of zeros in the border that counts, a share is lost."""
    layer = case.make()
    if isinstance(layer, AvgPool2D):
        return not (layer.count_include_pad and layer.window.is_padded)
    return isinstance(layer, MaxPool2D | GlobalAvgPool2D)


@applies_to(_keeps_sums)
def pool_sums(case: Case) -> None:
    """What flows into a pool flows out of it: Σ dx = Σ dout, ties or not."""
    dout = case.upstream()
    for x in (case.input(), np.zeros(case.shape), np.maximum(case.input(), 0), -1 - case.input()):
        dx = run(case.make(), x, dout)["input"]
        np.testing.assert_allclose(dx.sum(axis=(2, 3)), dout.reshape(*dx.shape[:2], -1).sum(2))


@applies_to(lambda case: PROMISES[case.layer].at_zero is not None)
def kinks(case: Case) -> None:
    """At a kink at 0 the gradient is the one that PyTorch gives."""
    layer, dout, at_zero = case.make(), case.upstream(), PROMISES[case.layer].at_zero
    assert at_zero is not None
    dx = run(layer, np.zeros(case.shape), dout)["input"]
    np.testing.assert_allclose(dx, at_zero(layer) * dout)


@applies_to(lambda case: case.kind is MaxPool2D)
def ties(case: Case) -> None:
    """Of equal maxima the first in row order gets the gradient."""
    layer, dout, coarse = case.make(), case.upstream(), np.round(3 * case.input())
    for x in (np.zeros(case.shape), coarse, np.maximum(coarse, 0), np.minimum(coarse, -1)):
        found = run(layer, x, dout)
        expected = oracles.max_pool_backward(layer, x, dout)
        same(
            {"output": found["output"], "input": found["input"]},
            {"output": reference(layer, x), "input": expected},
        )


@applies_to(lambda case: case.kind is MaxPool2D)
def infinite(case: Case) -> None:
    """In a window of −∞, or with NaN in it, a pixel of the image gets the gradient all the same."""
    layer, dout = case.make(), case.upstream()
    marks = np.random.default_rng(6).random(case.shape)
    low = np.where(marks < 0.8, -np.inf, case.input())
    broken = np.where(marks < 0.3, np.nan, low)
    for x in (np.full(case.shape, -np.inf), low, broken, np.full(case.shape, np.nan)):
        dx = run(layer, x, dout)["input"]
        same({"input": dx}, {"input": oracles.max_pool_backward(layer, x, dout)})


CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        each if isinstance(each, Check) else Check(each)
        for each in (
            directions,
            gradients,
            forward,
            dropout,
            shapes,
            float32,
            read_only,
            memory_orders,
            broadcast_upstream,
            nothing_left_over,
            independent,
            replicas,
            micro_batches,
            first_layer,
            arguments_kept,
            state_and_spec,
            pool_sums,
            kinks,
            ties,
            infinite,
            misuse,
            needs_weights,
            least_samples,
            output_range,
            unlimited_range,
        )
    )
}
