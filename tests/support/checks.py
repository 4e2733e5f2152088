"""What every layer must do, as functions of a case that raise where it does not.

The tests run them on the rows of the conformance table; the mutation proof runs them on broken
layers, where one of them must raise.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import pytest

from engine.gradcheck import Report, check_layer
from engine.layers import Dropout, Layer, MaxPool2D
from engine.models import build
from engine.parallel.group import in_order
from engine.parallel.threads import Group
from engine.parallel.workers import Workers
from tests.support import oracles
from tests.support.bounds import least_samples, output_range
from tests.support.cases import Array, Case
from tests.support.misuse import misuse

T = TypeVar("T")

TOLERANCE = 1e-6
"""Of a gradient, relative; the aim is 1e-7."""


def run(layer: Layer, x: Array, dout: Array) -> dict[str, Array]:
    """Output, gradients and buffers of one pass, as copies."""
    layer.set_rng(np.random.default_rng(5))
    out = layer.forward(x).copy()
    dx = layer.backward(dout)
    found = {"output": out} | ({} if dx is None else {"input": dx})
    found |= {f"d {name}": array for name, array in layer.named_grads().items()}
    found |= {f"buffer {name}": array for name, array in layer.named_buffers().items()}
    return {name: array.copy() for name, array in found.items()}


def same(found: dict[str, Array], expected: dict[str, Array], rtol: float = 1e-11) -> None:
    """Equal but for the order of sums: to ``rtol`` of the array's largest number, or of 1."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].shape == array.shape, name
        scale = max(float(np.abs(array).max(initial=0)), 1.0)
        np.testing.assert_allclose(found[name], array, rtol=rtol, atol=rtol * scale, err_msg=name)


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


def forward(case: Case) -> None:
    """The output of plain loops; and the running statistics of a batch norm."""
    if case.layer == "Dropout":
        dropout(case)
        return
    layer, x = case.make(), case.input()
    if str(case) not in _expected:
        _expected[str(case)] = oracles.reference(layer, x)
    expected = _expected[str(case)]
    before = {name: array.copy() for name, array in layer.buffers.items()}
    same({"output": layer.forward(x)}, {"output": expected}, rtol=1e-12)
    if before:
        momentum = layer.momentum if case.training else 0.0  # type: ignore[attr-defined]
        for c, (mean, _, unbiased) in enumerate(oracles.batch_statistics(x)):
            for name, value in (("running_mean", mean), ("running_var", unbiased)):
                wanted = (1 - momentum) * before[name][c] + momentum * value
                np.testing.assert_allclose(layer.buffers[name][c], wanted, rtol=1e-12)


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
    assert bare.multiply_adds(case.shape[1:]) >= 0


def float32(case: Case) -> None:
    """No float64 anywhere in a float32 network, and the same numbers to float32's precision."""
    layer = case.make(np.float32)
    found = run(layer, case.input(np.float32), case.upstream(np.float32))
    for name, array in (found | layer.named_parameters()).items():
        assert array.dtype == np.float32, name
    exact = run(case.make(), case.input(), case.upstream())
    same(found, exact, rtol=2e-5)


def read_only(case: Case) -> None:
    """Neither the input nor the upstream gradient is written to."""
    x, dout = case.input(), case.upstream()
    x.flags.writeable = dout.flags.writeable = False
    run(case.make(), x, dout)


def _orders(x: Array) -> Iterator[tuple[str, Array]]:
    """The same numbers, differently in memory."""
    yield "C order", np.ascontiguousarray(x)
    yield "batch innermost", np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0)
    yield "Fortran order", np.asfortranarray(x)
    wide = np.full([2 * size + 1 for size in x.shape], np.nan)
    view = wide[tuple(slice(1, None, 2) for _ in x.shape)]
    view[...] = x
    yield "every other of a larger array", view
    backwards = tuple(slice(None, None, -1) for _ in x.shape)
    yield "backwards in memory", np.ascontiguousarray(x[backwards])[backwards]


def memory_orders(case: Case) -> None:
    """The numbers do not depend on how the arrays lie in memory."""
    x, dout = case.input(), case.upstream()
    layer = case.make()
    expected = run(layer, x, dout)
    for order, other in _orders(x):
        found = run(case.make(), other, dout)
        assert found.keys() == expected.keys(), order
        same(found, expected)
    for _, other in _orders(dout):
        same(run(case.make(), x, other), expected)


def broadcast_upstream(case: Case) -> None:
    """An upstream gradient with strides of 0, as a mean gives it."""
    x, dout = case.input(), case.upstream()
    for axes in {(), tuple(range(2, dout.ndim)), (0,), tuple(range(dout.ndim))}:
        index = tuple(slice(0, 1) if a in axes else slice(None) for a in range(dout.ndim))
        spread = np.broadcast_to(dout[index], dout.shape)
        same(run(case.make(), x, spread), run(case.make(), x, spread.copy()))


@contextlib.contextmanager
def fresh_memory_is_nan() -> Iterator[None]:
    """``np.empty`` gives NaN, so that whatever is read before it is written shows."""

    def filled(make: Callable[..., Array]) -> Callable[..., Array]:
        def make_filled(*arguments: Any, **settings: Any) -> Array:
            array = make(*arguments, **settings)
            if array.dtype.kind == "f":
                array.fill(np.nan)
            return array

        return make_filled

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "empty", filled(np.empty))
        patch.setattr(np, "empty_like", filled(np.empty_like))
        yield


def nothing_left_over(case: Case) -> None:
    """What ran before, on other shapes and full of NaN, does not matter."""
    x, dout = case.input(), case.upstream()
    expected = run(case.make(), x, dout)
    layer = case.make()
    # Filled with NaN, smaller and larger: all memory that is reused is full of it.
    for grow in (3, 0, 1):
        shape = [case.shape[0] + grow, case.shape[1], *(size + grow for size in case.shape[2:])]
        other = case.make()
        other.set_rng(np.random.default_rng(0))
        with np.errstate(all="ignore"):
            out = other.forward(np.full(shape, np.nan)) if len(shape) == 4 else None
            if out is not None and case.layer != "Flatten":
                other.backward(np.full(out.shape, np.nan))
    with fresh_memory_is_nan():
        same(run(layer, x, dout), expected)


def independent(case: Case) -> None:
    """Layers that take turns do not disturb each other, and results outlive the next pass."""
    layers = [case.make(seed=seed) for seed in (0, 1)]
    inputs = [case.input(seed=seed) for seed in (0, 1)]
    upstreams = [case.upstream(seed=seed) for seed in (0, 1)]
    alone = [run(case.make(seed=s), inputs[s], upstreams[s]) for s in (0, 1)]
    for layer in layers:
        layer.set_rng(np.random.default_rng(5))
    outs = [layer.forward(x) for layer, x in zip(layers, inputs, strict=True)]
    dxs = [layer.backward(dout) for layer, dout in zip(layers, upstreams, strict=True)]
    for seed, layer in enumerate(layers):
        dx = dxs[seed]
        assert dx is not None
        found = {"output": outs[seed], "input": dx}
        found |= {f"d {name}": array for name, array in layer.named_grads().items()}
        found |= {f"buffer {name}": array for name, array in layer.named_buffers().items()}
        same(found, alone[seed])


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


def micro_batches(case: Case) -> None:
    """A batch in three pieces, each a thread of its own, gives what the whole batch gives."""
    n = case.shape[0]
    if n < 3 or case.layer == "Dropout":
        return
    x, dout = case.input(), case.upstream()
    expected = run(case.make(), x, dout)
    layer = case.make()
    pieces = [slice(0, 1), slice(1, n - 1), slice(n - 1, n)]
    twins = [layer.replica() for _ in pieces]

    met: list[int] = []

    class Watched:
        def __init__(self, group: Group) -> None:
            self.group, self.index = group, group.index

        def all_gather(self, value: T) -> list[T]:
            met.append(self.index)
            return self.group.all_gather(value)

    def task(i: int, group: Group) -> dict[str, Array]:
        for each in twins[i].walk():
            each.group = Watched(group)
        return run(twins[i], x[pieces[i]], dout[pieces[i]])

    with Workers(2) as workers:
        parts = in_order(workers.group.map(task, len(pieces)))
    says_so = any(each.needs_sync and each.training for each in layer.walk())
    assert bool(met) == says_so, "``needs_sync`` says whether micro-batches meet in a layer"
    found = {name: np.concatenate([part[name] for part in parts]) for name in ("output", "input")}
    found |= {
        f"d {name}": np.sum([part[f"d {name}"] for part in parts], axis=0)
        for name in layer.named_parameters()
    }
    found |= {f"buffer {name}": array for name, array in layer.named_buffers().items()}
    same(found, expected)


def first_layer(case: Case) -> None:
    """Where nobody needs dx, the parameters' gradients stay the same."""
    layer = case.make()
    expected = run(case.make(), case.input(), case.upstream())
    for each in layer.walk():
        each.needs_dx = False
    found = run(layer, case.input(), case.upstream())
    expected = {name: expected[name] for name in found}
    same(found, expected)
    if case.layer in ("Conv2D", "Dense", "Residual"):
        assert "input" not in found or case.layer == "Residual"


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


def pool_sums(case: Case) -> None:
    """What flows into a pool flows out of it: Σ dx = Σ dout, ties or not."""
    if case.layer not in ("MaxPool2D", "AvgPool2D", "GlobalAvgPool2D"):
        return
    if case.arguments.get("padding") and case.arguments.get("count_include_pad") is True:
        return  # there, the border's share is lost
    if case.layer == "AvgPool2D" and "count_include_pad" not in case.arguments:
        case = Case(case.layer, case.shape, {**case.arguments, "count_include_pad": False})
    dout = case.upstream()
    for x in (case.input(), np.zeros(case.shape), np.maximum(case.input(), 0), -1 - case.input()):
        dx = run(case.make(), x, dout)["input"]
        np.testing.assert_allclose(dx.sum(axis=(2, 3)), dout.reshape(*dx.shape[:2], -1).sum(2))


AT_ZERO: dict[str, Callable[[Layer], float]] = {
    "ReLU": lambda layer: 0.0,
    "LeakyReLU": lambda layer: layer.negative_slope,  # type: ignore[attr-defined]
    "ELU": lambda layer: layer.alpha,  # type: ignore[attr-defined]
}
"""dy/dx at the kink, as PyTorch has it."""


def kinks(case: Case) -> None:
    """At a kink the gradient is the one that PyTorch gives."""
    layer, dout = case.make(), case.upstream()
    if case.layer in AT_ZERO:
        dx = run(layer, np.zeros(case.shape), dout)["input"]
        np.testing.assert_allclose(dx, AT_ZERO[case.layer](layer) * dout)
    if isinstance(layer, MaxPool2D):
        coarse = np.round(3 * case.input())
        for x in (np.zeros(case.shape), coarse, np.maximum(coarse, 0), np.minimum(coarse, -1)):
            found = run(layer, x, dout)
            expected = oracles.max_pool_backward(layer, x, dout)
            same(
                {"output": found["output"], "input": found["input"]},
                {"output": oracles.reference(layer, x), "input": expected},
            )


def infinite(case: Case) -> None:
    """In a window of −∞, or with NaN in it, a pixel of the image gets the gradient all the same."""
    layer, dout = case.make(), case.upstream()
    if not isinstance(layer, MaxPool2D):
        return
    marks = np.random.default_rng(6).random(case.shape)
    low = np.where(marks < 0.8, -np.inf, case.input())
    broken = np.where(marks < 0.3, np.nan, low)
    for x in (np.full(case.shape, -np.inf), low, broken, np.full(case.shape, np.nan)):
        dx = run(layer, x, dout)["input"]
        same({"input": dx}, {"input": oracles.max_pool_backward(layer, x, dout)})


CHECKS: dict[str, Callable[[Case], None]] = {
    check.__name__: check
    for check in (
        directions,
        gradients,
        forward,
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
        state_and_spec,
        pool_sums,
        kinks,
        infinite,
        misuse,
        least_samples,
        output_range,
    )
}
