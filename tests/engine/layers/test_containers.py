"""One layer, one place: what a container refuses to hold."""

from collections.abc import Callable

import numpy as np
import pytest

from engine.layers import ArgumentError, Conv2D, Dense, Layer, ReLU, Residual, Sequential

TWICE: dict[str, tuple[Callable[[Layer], Layer], str, str]] = {
    "in a row": (lambda one: Sequential([one, one]), "0", "1"),
    "with others between": (lambda one: Sequential([one, ReLU(), one]), "0", "2"),
    "in a body": (lambda one: Residual([one, one]), "body.0", "body.1"),
    "in both branches": (lambda one: Residual([one], [one]), "body.0", "shortcut.0"),
    "outside and in a body": (
        lambda one: Sequential([one, ReLU(), Residual([ReLU(), one])]),
        "0",
        "2.body.1",
    ),
    "in two bodies": (
        lambda one: Sequential([Residual([one]), Residual([one])]),
        "0.body.0",
        "1.body.0",
    ),
    "in a chain in a chain": (lambda one: Sequential([Sequential([one]), one]), "0.0", "1"),
}


@pytest.mark.parametrize("layer", [ReLU(), Dense(3, 3), Conv2D(2, 2, 1)], ids=str)
@pytest.mark.parametrize(("hold", "first", "second"), TWICE.values(), ids=TWICE.keys())
def test_a_layer_in_two_places_is_refused(
    hold: Callable[[Layer], Layer], first: str, second: str, layer: Layer
) -> None:
    with pytest.raises(ArgumentError, match=r"is used twice.*make a layer for each") as caught:
        hold(layer)
    # A container that holds another names the places as it sees them itself.
    assert repr(layer) in str(caught.value)
    for place in (first, second):
        assert place.rpartition(".")[2] in str(caught.value)


def test_a_whole_block_in_two_places_is_refused() -> None:
    block = Residual([Dense(3, 3)])
    with pytest.raises(ArgumentError, match=r"Residual\(Dense\) is used twice, at 0 and at 1"):
        Sequential([block, block])


def test_layers_alike_are_two_layers(rng: np.random.Generator) -> None:
    network = Sequential([Dense(3, 3), ReLU(), Residual([Dense(3, 3), ReLU()])])
    assert network.initialise(rng).forward(np.ones((2, 3), np.float32)).shape == (2, 3)


def test_a_layer_may_be_part_of_two_networks(rng: np.random.Generator) -> None:
    """A part of a network, looked at by itself, is one: its passes only have to take turns."""
    network = Sequential([Dense(3, 4), ReLU(), Dense(4, 2)]).initialise(rng)
    front = Sequential(network.layers[:2])
    assert front.forward(np.ones((5, 3), np.float32)).shape == (5, 4)
