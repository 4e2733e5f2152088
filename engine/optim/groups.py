"""Groups of parameters: those that a pattern names learn at another rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from engine.layers import Layer


@dataclass(frozen=True)
class Group:
    """Parameters by a pattern, and what is different for them.

    The weight decay of an optimizer is multiplied with the learning rate. A scale of 1/64 beside
    64 times the learning rate decays as before: decoupled (Loshchilov and Hutter 2019; such groups
    for biases: Page, 'How to train your ResNet', 2019; Jordan, '94 % on CIFAR-10', 2024).

    Attributes:
        match: full names (``3.bias``) or kinds (``BatchNorm2D.bias``); ``*`` is any text.
        lr_scale: factor on the learning rate.
        weight_decay_scale: factor on the weight decay.
        epochs: how many epochs they are trained for; None for all.
    """

    match: str
    lr_scale: float = 1.0
    weight_decay_scale: float = 1.0
    epochs: int | None = None

    def learns_in(self, epoch: int) -> bool:
        """Whether its parameters are trained in an epoch, counted from 0."""
        return self.epochs is None or epoch < self.epochs


@dataclass(frozen=True)
class Span:
    """Neighbours in the vector of all parameters, with the same settings.

    Attributes:
        start, stop: where they are.
        group: their settings.
        rows: of the matrix that they are, in C order, for an optimizer that takes matrices; 0 where
            each number is updated by itself.
    """

    start: int
    stop: int
    group: Group
    rows: int = 0


REST = Group("*")
"""The settings of what no pattern names."""


def group_of(name: str, kind: str, groups: Sequence[Group]) -> Group:
    """The first group that a parameter belongs to.

    Args:
        name: in full, ``3.bias``.
        kind: class of the layer and name in it, ``BatchNorm2D.bias``.
        groups: in order.
    """
    for group in groups:
        if fnmatchcase(name, group.match) or fnmatchcase(kind, group.match):
            return group
    return REST


def whole_matrices(part: slice, spans: Sequence[Span]) -> slice:
    """A part of the vector, changed so that it has the matrices that begin in it, and these whole.

    Parts that follow each other still do, and are all of the vector if they were.

    Args:
        part: start and stop are numbers.
        spans: of the vector.
    """

    def behind(place: int) -> int:
        inside = (span.stop for span in spans if span.rows and span.start < place < span.stop)
        return next(inside, place)

    return slice(behind(part.start), behind(part.stop))


def kinds_of(model: Layer) -> dict[str, str]:
    """The kind of every parameter by its full name: ``{"3.bias": "BatchNorm2D.bias"}``."""
    return {
        f"{prefix}.{key}" if prefix else key: f"{type(layer).__name__}.{key}"
        for prefix, layer in model.named_layers()
        for key in layer.param_shapes()
    }
