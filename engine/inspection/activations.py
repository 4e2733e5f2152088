"""Activations and gradients of a network that is not training."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from engine.arrays import Array
from engine.config import Config
from engine.data import Dataset
from engine.layers import Dense, Layer, Residual, Sequential
from engine.optim import SGD
from engine.parallel.workers import Workers
from engine.train import factory
from engine.train.snapshot import LayerSnapshot, Snapshot, weights_snapshot
from engine.train.trainer import Trainer


def probe(
    config: Config,
    model: Sequential,
    dataset: Dataset,
    check: Callable[[], None] = lambda: None,
) -> Snapshot:
    """Weights, gradients and dead ReLUs of a network for the first batch of its training.

    Nothing is updated. For a network with fresh weights the gradients are, bit by bit, those of
    the first step of its training. There are no updates, and so no ratios of update to weight.

    Args:
        config: the network's.
        model: the network, float32; its numbers are the same afterwards.
        dataset: the config's.
        check: called again and again, in any thread; may raise to stop.

    Raises:
        Diverged: the loss or a gradient is not finite.
    """
    state = {name: array.copy() for name, array in model.state_dict().items()}
    weights = weights_snapshot(model)
    still = SGD(lr=1.0)
    still.lr = 0.0
    try:
        with Workers(1) as workers:
            sources = factory.make_sources(config, dataset)
            loss = factory.make_loss(config, sources.class_counts)
            trainer = Trainer(model, loss, still, seed=config.seed, workers=workers)
            _, seen = trainer.step(sources.train, 0, 0, inspect=True, check=check)
    finally:
        model.load_state_dict(state)  # batch norm has moved its statistics
    assert seen is not None
    return Snapshot(
        tuple(
            replace(layer, weights=before.weights, update_ratio={})
            for before, layer in zip(weights.layers, seen.layers, strict=True)
        )
    )


class Recorder:
    """A network in evaluation mode that keeps what every layer makes of the last images.

    Attributes:
        outputs: full layer name -> output (N, ...), of all layers that have none inside, in
            order, and of each ``Residual`` behind those in it; empty before the first images.

    Args:
        model: a network; left as it was. Weights that are later loaded into it count here too.
    """

    def __init__(self, model: Sequential) -> None:
        self.outputs: dict[str, Array] = {}
        self._twin = model.replica().eval()
        for name, layer in self._twin.named_layers():
            if isinstance(layer, Residual) or not (
                layer.children() or isinstance(layer, Sequential)
            ):
                # An attribute of the twin alone goes before the method of its class.
                layer.forward = _recorded(name, layer.forward, self.outputs)  # type: ignore[assignment, method-assign]

    def forward(self, x: Array) -> Array:
        """The network's output.

        Args:
            x: images as the network takes them, (N, C, H, W).
        """
        return self._twin.forward(x)


def activations(model: Sequential, x: Array) -> dict[str, Array]:
    """The output of every layer for some images, in evaluation mode.

    Args:
        model: a network; left as it was.
        x: images as the network takes them, (N, C, H, W).

    Returns:
        As ``Recorder.outputs``.
    """
    recorder = Recorder(model)
    recorder.forward(x)
    return recorder.outputs


def last_features(model: Sequential, x: Array) -> tuple[Array, Array]:
    """What the last Dense layer sees of some images, in evaluation mode: the learned features.

    Args:
        model: a network; left as it was.
        x: images as the network takes them, (N, C, H, W).

    Returns:
        Features (N, features), and the network's output (N, classes); without a Dense layer the
        features are that output.
    """
    twin = model.replica().eval()
    seen: list[Array] = []
    dense = [layer for _, layer in twin.named_layers() if isinstance(layer, Dense)]
    if dense:
        forward = dense[-1].forward

        def noted(x: Array) -> Array:
            seen.append(x)
            return forward(x)

        dense[-1].forward = noted  # type: ignore[method-assign]
    logits = twin.forward(x)
    features = seen[0] if seen else logits
    return features.reshape(len(x), -1), logits


def _recorded(
    name: str, forward: Callable[[Array], Array], found: dict[str, Array]
) -> Callable[[Array], Array]:
    def run(x: Any) -> Array:
        found[name] = out = forward(x)
        return out

    return run


def restored(model: Sequential, layers: tuple[LayerSnapshot, ...]) -> Sequential:
    """Load the weights of a snapshot into a network of the same layers, and return it."""
    own: dict[str, Layer] = dict(model.named_layers())
    for layer in layers:
        target = own[layer.name].params | own[layer.name].buffers
        for key, array in layer.weights.items():
            target[key][...] = array
    return model
