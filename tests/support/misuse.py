"""Wrong calls of a layer: each is refused in one line, and changes nothing."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from engine.arrays import Array
from engine.errors import DTypeError, NotReadyError, ShapeError
from engine.layers import Layer
from engine.models import build
from tests.support.cases import Case, applies_to


def misuse(case: Case) -> None:
    """Integers, no samples, other ranks and channels, gradients of other shapes, calls too early.

    The message names the layer, and what it expected or what to call first.
    """
    layer, x, dout = case.make(), case.input(), case.upstream()
    name = re.escape(repr(layer))
    layer.set_rng(np.random.default_rng(1))
    before = _numbers(layer)
    for wrong in _no_floats(x):
        with pytest.raises(DTypeError, match=rf"^{name} got an input of type .*; expected .*float"):
            layer.forward(wrong)
    for wrong in _empty(x):
        with pytest.raises(ShapeError, match=rf"^{name} got an input of shape .*empty; expected"):
            layer.forward(wrong)
    for wrong in _wrong_ranks(x):
        with pytest.raises(ShapeError, match=rf"^{name} got an input of shape .*; expected \(N, "):
            layer.forward(wrong)
    _same_answer_as_output_shape(case)
    with pytest.raises(NotReadyError, match=r"backward before forward; call forward\(x\) first"):
        layer.backward(dout)
    assert _numbers(layer) == before

    layer.forward(x)
    before = _numbers(layer)
    for wrong in _no_floats(dout):
        with pytest.raises(DTypeError, match=rf"^{name} got a gradient of type .*; expected"):
            layer.backward(wrong)
    for wrong in _wrong_shapes(dout):
        with pytest.raises(ShapeError, match=rf"^{name} got a gradient of shape .*; expected \("):
            layer.backward(wrong)
    assert _numbers(layer) == before


def _numbers(layer: Layer) -> dict[str, bytes]:
    arrays = layer.named_grads() | layer.named_buffers() | layer.named_parameters()
    return {f"{name} {i}": array.tobytes() for i, (name, array) in enumerate(arrays.items())}


def _no_floats(values: Array) -> Iterator[Any]:
    for dtype in (np.uint8, np.int64, bool, complex, object):
        yield (10 * values).astype(dtype)
    yield values.tolist()


def _empty(x: Array) -> Iterator[Array]:
    for axis in range(x.ndim):
        yield x.take([], axis)


def _wrong_ranks(x: Array) -> Iterator[Array]:
    yield np.ones(())
    yield np.ones(3)
    yield np.ones((2, 3, 4))
    yield x[None] if x.ndim == 4 else x[None, None, None]


def _same_answer_as_output_shape(case: Case) -> None:
    """A shape that ``output_shape`` takes is computed, another one refused."""
    n, *own = case.shape
    channels, *image = own
    flat, wide = (int(np.prod(own)),), (channels, 3, 4)
    for shape in ((channels + 1, *image), flat if image else wide, (channels, *(1 for _ in image))):
        layer = case.make()
        layer.set_rng(np.random.default_rng(1))
        try:
            expected = layer.output_shape(shape)
        except ShapeError:
            with pytest.raises(ShapeError, match="got input of shape"):
                layer.forward(np.ones((n + 1, *shape)))
        else:
            assert layer.forward(np.ones((n + 1, *shape))).shape == (n + 1, *expected)
    if any(layer.params for layer in case.make().walk()):
        with pytest.raises(ShapeError, match=r"expected .*\d"):
            case.make().output_shape((channels + 1, *image))


def _wrong_shapes(dout: Array) -> Iterator[Array]:
    """Also those that NumPy would stretch to the right one."""
    for axis in range(dout.ndim):
        yield np.concatenate([dout, dout], axis)
        if dout.shape[axis] > 1:
            yield dout.take([0], axis)
    yield np.ones(())
    yield dout[None]
    yield dout[..., None]


@applies_to(lambda case: bool(case.make().state_shapes()))
def needs_weights(case: Case) -> None:
    """A layer without its weights says how to get them."""
    x = case.input()
    (fresh,) = build([case.spec], case.shape[1:])
    for call in (lambda: fresh.forward(x), fresh.state_dict, lambda: fresh.load_state_dict({})):
        with pytest.raises(NotReadyError, match=r"no weights yet; call initialise\(rng\) first"):
            call()
