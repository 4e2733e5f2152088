"""Snapshots of a network between two batches: copies of weights, gradients and updates."""

from dataclasses import dataclass

from engine.arrays import Array
from engine.hints import LayerStats
from engine.layers import Sequential
from engine.layers.layer import Layer
from engine.optim.parameters import FlatParameters, rms


@dataclass(frozen=True)
class LayerSnapshot:
    """One layer, at one moment.

    Attributes:
        name: full name in the network (``3.body.0``).
        layer: class and arguments.
        weights: copies of its parameters and buffers, by name.
        grads: copies of the gradients of the last step; empty without a step, or if it is frozen.
        update_ratio: RMS of the last update divided by RMS of the weight, by parameter name.
            About 1e-3 is healthy. Empty if it is frozen.
        dead: for a ReLU, the share of its channels that were 0 everywhere in a micro-batch.
        frozen: whether the training leaves its parameters as they are.
    """

    name: str
    layer: str
    weights: dict[str, Array]
    grads: dict[str, Array]
    update_ratio: dict[str, float]
    dead: float | None
    frozen: bool = False


@dataclass(frozen=True)
class OptimizerState:
    """A copy of what an optimizer knows between two steps.

    Attributes:
        t: steps taken.
        lr: the learning rate of the last of them.
        slots: its memory: slot name -> full parameter name -> array of the parameter's shape.
    """

    t: int
    lr: float
    slots: dict[str, dict[str, Array]]


@dataclass(frozen=True)
class Snapshot:
    """All layers at one moment, and the optimizer; without it if none has taken a step."""

    layers: tuple[LayerSnapshot, ...]
    optimizer: OptimizerState | None = None


def layer_stats(snapshot: Snapshot) -> tuple[LayerStats, ...]:
    """The statistics of every layer of a snapshot; of several parameters, its weight counts."""
    return tuple(
        LayerStats(
            name=layer.name,
            kind=layer.layer.partition("(")[0],
            grad_rms=rms(layer.grads["weight"]) if "weight" in layer.grads else None,
            update_ratio=layer.update_ratio.get("weight"),
            dead=layer.dead,
        )
        for layer in snapshot.layers
    )


def weights_snapshot(model: Sequential) -> Snapshot:
    """Snapshot of the weights alone, of a network that is not training."""
    return Snapshot(
        tuple(
            LayerSnapshot(
                name,
                repr(layer),
                _copies(layer.params | layer.buffers),
                {},
                {},
                None,
                layer.frozen and bool(layer.params),
            )
            for name, layer in _leaves(model)
        )
    )


def take_snapshot(
    model: Sequential,
    parameters: FlatParameters,
    gradient: Array,
    before: Array,
    dead: dict[str, float],
) -> Snapshot:
    """Snapshot of weights, gradients, updates and dead ReLUs after a step.

    Args:
        model: the network, after the step.
        parameters: the vector under the network.
        gradient: the step's gradient.
        before: the parameters before the step.
        dead: the share of dead channels of every ReLU, by full name.
    """
    grads = parameters.split(gradient)
    updates = parameters.split(parameters.vector - before)
    old = parameters.split(before)
    layers = []
    for name, layer in _leaves(model):
        full = {} if layer.frozen else {key: f"{name}.{key}" for key in layer.params}
        layers.append(
            LayerSnapshot(
                name=name,
                layer=repr(layer),
                weights=_copies(layer.params | layer.buffers),
                grads={key: grads[path].copy() for key, path in full.items()},
                update_ratio={
                    key: rms(updates[path]) / max(rms(old[path]), 1e-12)
                    for key, path in full.items()
                },
                dead=dead.get(name),
                frozen=layer.frozen and bool(layer.params),
            )
        )
    return Snapshot(tuple(layers))


def _leaves(model: Layer) -> list[tuple[str, Layer]]:
    """The layers that have none inside, by full name; an empty shortcut is none."""
    return [
        (name, layer)
        for name, layer in model.named_layers()
        if not layer.children() and not isinstance(layer, Sequential)
    ]


def _copies(arrays: dict[str, Array]) -> dict[str, Array]:
    return {key: array.copy() for key, array in arrays.items()}


def dead_shares(replica: Sequential) -> dict[str, float]:
    """Share of the channels of each ReLU, by full name, that are 0 in all of its last output."""
    shares = ((name, layer.dead_share()) for name, layer in replica.named_layers())
    return {name: share for name, share in shares if share is not None}
