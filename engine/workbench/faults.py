"""Faults: small mistakes to make on purpose, and whether a gradient check can notice them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.arrays import Array
from engine.errors import ConfigError
from engine.layers import Layer, Sequential

Damage = Callable[[Sequential, str], None]
"""Breaks a network in place, at a layer's full name or, if that is empty, where it fits."""


def _unharmed(model: Sequential, place: str) -> None:
    """Leave the network as it is."""


@dataclass(frozen=True)
class Fault:
    """One mistake.

    Attributes:
        name: a short word.
        title: what is wrong, in a few words.
        about: what happens then, in a sentence.
        noticed: whether a gradient check is expected to notice it.
        why: why it does, or does not.
        damage: what it does to the network.
        rate: by what the learning rate is multiplied.
        mixes_labels: whether every image gets the label of another one.
    """

    name: str
    title: str
    about: str
    noticed: bool
    why: str
    damage: Damage = _unharmed
    rate: float = 1.0
    mixes_labels: bool = False


FAULTS: dict[str, Fault] = {}
"""Every fault by its name, in the order of the list."""


def register(fault: Fault) -> None:
    """Make a fault known.

    Raises:
        ValueError: the name is taken.
    """
    if fault.name in FAULTS:
        raise ValueError(f"there are two faults named {fault.name}")
    FAULTS[fault.name] = fault


def _leaves(model: Sequential) -> Iterator[tuple[str, Layer]]:
    return ((name, layer) for name, layer in model.named_layers() if not layer.children())


def _last(model: Sequential, place: str, fits: Callable[[Layer], bool], what: str) -> Layer:
    """The layer at a place, or the last one that fits."""
    found = [layer for name, layer in model.named_layers() if fits(layer) and place in ("", name)]
    if not found:
        where = f"layer {place} is none" if place else "this network has none"
        raise ConfigError(f"the fault needs {what}, and {where}; choose another fault")
    return found[-1]


def _become(layer: Layer, **methods: object) -> None:
    """Give a layer other methods: through its class, as copies of the layer keep that."""
    kind = type(layer)
    layer.__class__ = type(kind.__name__, (kind,), methods)


def _flip_sign(model: Sequential, place: str) -> None:
    layer = _last(model, place, lambda each: bool(each.params), "a layer with weights")
    right = type(layer).backward

    def backward(self: Layer, dout: Array) -> Array | None:
        return right(self, -dout)

    _become(layer, backward=backward)


def _drop_bias(model: Sequential, place: str) -> None:
    layer = _last(model, place, lambda each: "bias" in each.params, "a layer with a bias")
    right = type(layer).backward

    def backward(self: Layer, dout: Array) -> Array | None:
        dx = right(self, dout)
        self.grads["bias"][...] = 0
        return dx

    _become(layer, backward=backward)


def _zero_weights(model: Sequential, place: str) -> None:
    for array in model.named_parameters().values():
        array[...] = 0


def _evaluate_norms(model: Sequential, place: str) -> None:
    _last(model, "", _is_norm, "a batch norm")
    for _, layer in _leaves(model):
        if _is_norm(layer):
            _become(layer, forward=_evaluating(type(layer).forward))


def _evaluating(right: Callable[[Layer, Array], Array]) -> Callable[[Layer, Array], Array]:
    def forward(self: Layer, x: Array) -> Array:
        before, self.training = self.training, False
        try:
            return right(self, x)
        finally:
            self.training = before

    return forward


def _is_norm(layer: Layer) -> bool:
    return "running_mean" in layer.buffers


register(
    Fault(
        "sign",
        "a sign is flipped in a backward pass",
        "The last layer with weights steps uphill, and so do all before it: the loss rises.",
        True,
        "the measured slope has the other sign than the one that backward computes",
        damage=_flip_sign,
    )
)
register(
    Fault(
        "term",
        "the gradient of a bias is left out",
        "The bias of one layer stays where it is; the network still learns, so the curve hardly "
        "shows it.",
        True,
        "backward says 0 for the bias, and moving the bias changes the loss",
        damage=_drop_bias,
    )
)
register(
    Fault(
        "rate",
        "the learning rate is 100 times as large",
        "Every step goes the right way but too far: the loss jumps, or is no number any more.",
        False,
        "the gradients are right; only the step along them is too long",
        rate=100.0,
    )
)
register(
    Fault(
        "zeros",
        "all weights are zero",
        "All neurons of a layer compute the same and get the same gradient, mostly 0: they stay "
        "alike.",
        False,
        "the gradients of such a network are right, and that is the trouble: they are 0",
        damage=_zero_weights,
    )
)
register(
    Fault(
        "labels",
        "the labels are shuffled",
        "Every image has the label of another one: there is nothing to learn but how frequent "
        "each class is.",
        False,
        "the gradients are right for the labels that there are; it cannot know which are true",
        mixes_labels=True,
    )
)
register(
    Fault(
        "norm",
        "batch norm is in the wrong mode",
        "It trains with the running statistics of evaluation, which then never change: the "
        "activations are not normalised.",
        False,
        "forward and backward agree with each other, both in the wrong mode",
        damage=_evaluate_norms,
    )
)
