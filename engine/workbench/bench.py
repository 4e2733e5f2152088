"""The workbench: a copy of a training, batch by batch, with a way back."""

import math
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.arrays import Array, Shape
from engine.config import Config
from engine.data import Batches, Dataset
from engine.errors import Diverged, RunError
from engine.gradcheck import Report, check_network
from engine.layers import Layer, Residual, Sequential
from engine.parallel.workers import Workers
from engine.rng import Purpose, stream
from engine.runs.provenance import weights_hash
from engine.train import factory
from engine.train.results import StepResult
from engine.train.snapshot import OptimizerState
from engine.train.trainer import Trainer
from engine.workbench.faults import Fault

KEPT = 32
"""States that can be gone back to, at most."""

SAMPLES = 4
"""Images of a gradient check."""


@dataclass(frozen=True)
class LayerPass:
    """What one layer did with the batch.

    Attributes:
        name: its full name in the network.
        kind: class and arguments; of a ``Residual``, which comes behind the layers in it, its
            class alone: forwards it is the sum of both branches, backwards that of their gradients.
        direction: "forward": the numbers are of its output; "backward": of the gradient that it
            hands on to the layer before, or to the image.
        in_shape, out_shape: of what it got and gave, with the batch.
        mean, std, low, high: of the numbers.
        zeros: the share of them that is exactly 0.
        sample: the numbers of the batch's first image.
        grads: root mean square of the gradient of each parameter, by name; empty forwards.
    """

    name: str
    kind: str
    direction: Literal["forward", "backward"]
    in_shape: Shape
    out_shape: Shape
    mean: float
    std: float
    low: float
    high: float
    zeros: float
    sample: Array
    grads: dict[str, float]


@dataclass(frozen=True)
class _State:
    """Copies of all numbers of a training, and what else a fault may have changed."""

    arrays: dict[str, Array]
    t: int
    lr: float
    done: int
    fault: Fault | None
    batches: Batches
    kinds: list[tuple[Layer, type[Layer]]]


class _MixedLabels(Batches):
    """Batches in which every image has the label of another one, always the same."""

    mixed: Array

    @classmethod
    def of(cls, config: Config, dataset: Dataset) -> "_MixedLabels":
        batches, _ = factory.training_batches(config, dataset)
        batches.__class__ = cls
        assert isinstance(batches, cls)
        rng = np.random.default_rng(config.seed)
        batches.mixed = rng.permutation(dataset.train.labels)
        return batches

    def labels_of(self, indices: np.ndarray) -> np.ndarray:
        return self.mixed[indices].astype(np.int64)


class Workbench:
    """A training of its own: network, loss, optimizer, schedule and batches.

    The layer passes show the whole batch at once, on a twin that changes nothing. The update is
    a step of the ``Trainer`` itself, with its micro-batches, so it is exactly what a training
    does.

    Args:
        config: of the training.
        dataset: the config's.
        model: its network, float32, which becomes the workbench's own; None for fresh weights.
        done: batches trained before, for the learning rate and the choice of the batch.
        optimizer: the memory that the optimizer begins with; None for a new one.

    Attributes:
        fault: what is broken; None while nothing is.
        done: batches trained on.
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        model: Sequential | None = None,
        done: int = 0,
        optimizer: OptimizerState | None = None,
    ) -> None:
        self.config, self.dataset = config, dataset
        self.model = model or factory.make_model(config)
        self.done = done
        self.fault: Fault | None = None
        self._batches, _ = factory.training_batches(config, dataset)
        self._loss = factory.make_loss(config, self._batches.class_counts(len(dataset.classes)))
        self._optimizer = factory.make_optimizer(config)
        self._scheduler = factory.make_scheduler(config, self._batches.steps_per_epoch)
        self._undo: deque[_State] = deque(maxlen=KEPT)
        self._trainer = self._make_trainer()
        if optimizer is not None:
            self._optimizer.t = optimizer.t
            for slot, vectors in self._optimizer.slots.items():
                for name, part in self._trainer.parameters.split(vectors[""]).items():
                    part[...] = optimizer.slots[slot][name]

    def _make_trainer(self) -> Trainer:
        """A trainer of the network as it is: its micro-batches have copies of the layers."""
        kept = {slot: dict(arrays) for slot, arrays in self._optimizer.slots.items()}
        with Workers(1) as workers:
            trainer = Trainer(
                self.model,
                self._loss,
                self._optimizer,
                seed=self.config.seed,
                workers=workers,
                clip_norm=self.config.train.clip_norm,
            )
        for slot, arrays in kept.items():  # a trainer begins with empty ones
            for name, array in arrays.items():
                self._optimizer.slots[slot][name][...] = array
        return trainer

    @property
    def place(self) -> tuple[int, int]:
        """Epoch and batch that come next, both from 0."""
        return divmod(self.done, self._batches.steps_per_epoch)

    @property
    def can_undo(self) -> bool:
        """Whether there is a state to go back to."""
        return bool(self._undo)

    @property
    def lr(self) -> float:
        """The learning rate of the next step; behind the last epoch, that of the last step."""
        steps = self._batches.steps_per_epoch
        done = min(self.done, self.config.train.epochs * steps - 1)
        rate = self._scheduler.lr(done // steps, done)
        return rate * (self.fault.rate if self.fault else 1.0)

    def hash(self) -> str:
        """SHA-256 of weights, buffers, the optimizer's memory and its counter; hexadecimal."""
        return weights_hash(self._arrays() | {"optimizer.t": np.array(self._optimizer.t)})

    def _arrays(self) -> dict[str, Array]:
        slots = {
            f"optimizer.{slot}.{name}": array
            for slot, arrays in self._optimizer.slots.items()
            for name, array in arrays.items()
        }
        return self.model.state_dict() | slots

    # -- one batch ------------------------------------------------------------------------------

    def passes(self) -> Iterator[LayerPass]:
        """The next batch's way through the layers and back, a layer at a time; changes nothing."""
        epoch, step = self.place
        twin = self.model.replica().own_buffers().train()
        for layer in twin:  # a training needs no gradient of the image; one sees it
            layer.needs_dx = True
        where = self.config.seed, epoch, step, 0
        twin.set_rng(stream(Purpose.DROPOUT, *where))
        indices = self._batches.batch_indices(epoch, step)
        rng = stream(Purpose.AUGMENT, *where)
        x, labels, mix = self._batches.load_mixed(indices, rng, epoch)
        with np.errstate(all="ignore"):
            x = yield from _forward("", twin, x)
            self._loss.forward(x, self._loss.target(labels, x.shape[1], x.dtype, mix))
            yield from _backward("", twin, self._loss.backward())

    def update(self) -> StepResult:
        """Train on the next batch as a training does.

        Raises:
            Diverged: a number is not finite; nothing was changed.
        """
        state = self._state()
        result = self._step()
        self._undo.append(state)
        return result

    def _step(self) -> StepResult:
        epoch, step = self.place
        self._optimizer.lr = self.lr
        with Workers(1) as workers:
            self._trainer.workers = workers
            result, _ = self._trainer.step(self._batches, epoch, step)
        self.done += 1
        return result

    def train(self, steps: int, check: Callable[[], None] = lambda: None) -> list[float]:
        """Train on some batches, as one change to undo.

        Args:
            steps: how many.
            check: called before each; may raise to stop, and nothing is changed then.

        Returns:
            The loss of each; where it is not finite, NaN, and nothing after it.
        """
        self._undo.append(self._state())
        losses: list[float] = []
        try:
            for _ in range(steps):
                check()
                losses.append(self._step().loss)
        except Diverged:
            losses.append(math.nan)
        except BaseException:
            self.undo()
            raise
        return losses

    # -- breaking, and the way back -------------------------------------------------------------

    def apply(self, fault: Fault, layer: str = "") -> None:
        """Break the training.

        Args:
            fault: how.
            layer: full name of the layer to break; empty for the one that fits.

        Raises:
            ConfigError: the network has no such layer; nothing was changed.
        """
        state = self._state()
        fault.damage(self.model, layer)
        if fault.mixes_labels:
            self._batches = _MixedLabels.of(self.config, self.dataset)
        self._undo.append(state)
        self.fault = fault
        self._trainer = self._make_trainer()

    def undo(self) -> str:
        """Take back the last update, training or fault, exactly.

        Returns:
            The hash of the state after it, the same as before the change.

        Raises:
            RunError: there is nothing to take back.
        """
        if not self._undo:
            raise RunError("there is nothing to undo; update or break something first")
        state = self._undo.pop()
        for layer, kind in state.kinds:
            layer.__class__ = kind
        if state.fault is not self.fault:
            self._trainer = self._make_trainer()
        for name, array in self._arrays().items():
            array[...] = state.arrays[name]
        self._optimizer.t, self._optimizer.lr = state.t, state.lr
        self.done, self.fault, self._batches = state.done, state.fault, state.batches
        return self.hash()

    def _state(self) -> _State:
        return _State(
            {name: array.copy() for name, array in self._arrays().items()},
            self._optimizer.t,
            self._optimizer.lr,
            self.done,
            self.fault,
            self._batches,
            [(layer, type(layer)) for layer in self.model.walk()],
        )

    def check_gradients(self, cancelled: Callable[[], bool] = lambda: False) -> Report:
        """Compare the gradients of the network as it is, broken or not, with measured ones."""
        model = factory.make_model(self.config, np.float64)
        model.load_state_dict(self.model.state_dict())
        for layer, own in zip(model.walk(), self.model.walk(), strict=True):
            layer.__class__ = type(own)
        rng = stream(Purpose.GRADCHECK, self.config.seed)
        count = max(SAMPLES, model.least_samples(self.dataset.image_shape))
        x, labels = self._batches.load(self._batches.batch_indices(0, 0)[:count])
        # Less than a grey level of noise: equal pixels in a pooling window have no derivative.
        level = 1 / 255 / np.array(self.dataset.std).reshape(-1, 1, 1)
        x = x.astype(np.float64) + level * rng.uniform(-0.5, 0.5, x.shape)
        target = self._loss.target(labels, len(self.dataset.classes), np.float64)
        with Workers(1):
            return check_network(model.train(), self._loss, x, target, rng=rng, cancelled=cancelled)


def _forward(name: str, layer: Layer, x: Array) -> Generator[LayerPass, None, Array]:
    """A layer's output; its pass is yielded, behind those of the layers in it."""
    if isinstance(layer, Sequential):
        for key, child in layer.children().items():
            x = yield from _forward(_join(name, key), child, x)
        return x
    if isinstance(layer, Residual):
        body = yield from _forward(_join(name, "body"), layer.body, x)
        shortcut = yield from _forward(_join(name, "shortcut"), layer.shortcut, x)
        out = body + shortcut
    else:
        out = layer.forward(x)
    yield _pass(name, layer, "forward", x.shape, out)
    return out


def _backward(name: str, layer: Layer, gradient: Array) -> Generator[LayerPass, None, Array]:
    """The gradient at a layer's input; passes as those of ``_forward``, from the end."""
    if isinstance(layer, Sequential):
        for key, child in reversed(layer.children().items()):
            gradient = yield from _backward(_join(name, key), child, gradient)
        return gradient
    if isinstance(layer, Residual):
        shortcut = yield from _backward(_join(name, "shortcut"), layer.shortcut, gradient)
        body = yield from _backward(_join(name, "body"), layer.body, gradient)
        given: Array | None = body + shortcut
    else:
        given = layer.backward(gradient)
    assert given is not None
    yield _pass(name, layer, "backward", gradient.shape, given)
    return given


def _join(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def _pass(
    name: str,
    layer: Layer,
    direction: Literal["forward", "backward"],
    before: Shape,
    numbers: Array,
) -> LayerPass:
    backwards = direction == "backward"
    return LayerPass(
        name=name,
        kind="Residual" if isinstance(layer, Residual) else repr(layer),
        direction=direction,
        in_shape=before,
        out_shape=numbers.shape,
        mean=float(numbers.mean(dtype=np.float64)),
        std=float(numbers.std(dtype=np.float64)),
        low=float(numbers.min()),
        high=float(numbers.max()),
        zeros=float((numbers == 0).mean()),
        sample=np.array(numbers[0]),
        grads={
            key: float(np.sqrt(np.mean(np.square(grad, dtype=np.float64))))
            for key, grad in layer.grads.items()
        }
        if backwards
        else {},
    )
