"""Frozen layers: where the backward pass ends, and which of them work as in an evaluation."""

from collections.abc import Callable

import numpy as np
import pytest

from engine.layers import BatchNorm1D, Dense, Dropout, Layer, ReLU, Residual, Sequential


def dense() -> Dense:
    return Dense(3, 3)


ENDS: dict[str, tuple[Callable[[], list[Layer]], int | None]] = {
    "all are trained": (lambda: [dense(), dense()], 0),
    "nothing to train comes first": (lambda: [ReLU(), dense(), dense()], 1),
    "the first are frozen": (lambda: [dense().freeze(), ReLU(), dense(), dense()], 2),
    "one between others is frozen": (lambda: [dense(), dense().freeze(), dense()], 0),
    "a part of a block is trained": (
        lambda: [dense().freeze(), Residual([dense().freeze(), ReLU(), dense()]), dense()],
        1,
    ),
    "a block is frozen": (lambda: [Residual([dense(), ReLU()]).freeze(), ReLU(), dense()], 2),
    "all are frozen": (lambda: [ReLU(), dense().freeze()], None),
}


@pytest.mark.parametrize(("make", "end"), ENDS.values(), ids=ENDS.keys())
def test_the_backward_pass_ends_at_the_first_layer_that_is_trained(
    make: Callable[[], list[Layer]], end: int | None, rng: np.random.Generator
) -> None:
    whole, early = (Sequential(make()).initialise(np.random.default_rng(1)) for _ in range(2))
    early.end_backward_early()
    assert [i for i, layer in enumerate(early) if not layer.needs_dx] == (
        [] if end is None else [end]
    )
    x, dout = rng.standard_normal((2, 4, 3)).astype(np.float32)
    for network in (whole, early):
        network.forward(x)
        network.backward(dout)
    for i, (expected, found) in enumerate(zip(whole, early, strict=True)):
        for name, gradient in found.named_grads().items():
            if end is not None and i < end:
                assert not gradient.any(), "the pass continued"
            else:
                np.testing.assert_array_equal(gradient, expected.named_grads()[name])


@pytest.mark.parametrize("ending", [["body"], ["shortcut"], ["body", "shortcut"]], ids="+".join)
def test_a_block_hands_no_gradient_on_where_a_branch_ends_early(
    ending: list[str], rng: np.random.Generator
) -> None:
    whole, early = (
        Residual([dense()], [dense()]).initialise(np.random.default_rng(1)) for _ in range(2)
    )
    for name in ending:
        branch = early.children()[name]
        assert isinstance(branch, Sequential)
        branch.end_backward_early()
    x, dout = rng.standard_normal((2, 4, 3)).astype(np.float32)
    for block in (whole, early):
        block.forward(x)
    assert whole.backward(dout) is not None
    assert early.backward(dout) is None
    for name, gradient in whole.named_grads().items():  # both branches learn as before
        np.testing.assert_array_equal(early.named_grads()[name], gradient)


def test_frozen_statistics_stay_and_frozen_dropout_drops(rng: np.random.Generator) -> None:
    network = Sequential([BatchNorm1D(3), Dropout(0.5), BatchNorm1D(3)]).initialise(rng)
    frozen = Sequential(network.layers[:2]).freeze()
    before = {name: array.copy() for name, array in network.named_buffers().items()}
    network.train().set_rng(rng)
    x = rng.standard_normal((200, 3)).astype(np.float32)
    network.forward(x)
    for name, array in network.named_buffers().items():
        assert np.array_equal(array, before[name]) == name.startswith("0.")
    frozen.set_rng(rng)
    dropped = frozen.forward(x) == 0
    assert 0.4 < dropped.mean() < 0.6
    np.testing.assert_allclose(frozen.eval().forward(x), x, rtol=1e-4)
