"""What every layer must do with memory, as functions of a case that raise where it does not."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from engine.arrays import Array
from tests.support.cases import Case
from tests.support.passes import run, same


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
            out = other.forward(np.full(shape, np.nan))
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
