"""The next step of a training, taken apart: its batch, its gradients, and what it changes."""

import copy
from dataclasses import dataclass

import numpy as np

from engine.arrays import Array
from engine.config import Config
from engine.data import Dataset
from engine.data.mixing import Mix
from engine.layers import Sequential
from engine.microscope.arithmetic import Step
from engine.microscope.backward import WeightGradient, explain_traced_weight
from engine.microscope.registry import Index, inner, short
from engine.microscope.trace import Trace, backward_trace
from engine.microscope.update import explain_matrix_update, explain_update
from engine.optim import Muon, Optimizer
from engine.optim.clipping import clip_factor
from engine.optim.groups import group_of
from engine.rng import Purpose, stream
from engine.train import factory
from engine.train.snapshot import OptimizerState


@dataclass(frozen=True)
class WeightStep:
    """What the step makes of one weight.

    Attributes:
        before: the weight.
        gradient: where its gradient comes from.
        steps: from the gradient to the new weight, which is the value of the last one.
    """

    before: float
    gradient: WeightGradient
    steps: tuple[Step, ...]

    @property
    def after(self) -> float:
        """The weight after the step."""
        return self.steps[-1].value


@dataclass(frozen=True)
class TrainingStep:
    """One step of a training that is not taken.

    Attributes:
        epoch, batch: which one, from 0.
        indices, labels: of the batch's samples, (N,).
        trace: the pass of the whole batch, and its gradients.
        optimizer: the rule before the step, with the learning rate of the step.
        slots: its memory by slot and full parameter name; what is missing is 0.
        clip: the factor that scales all gradients down; 1 leaves them.
    """

    epoch: int
    batch: int
    indices: Array
    labels: Array
    trace: Trace
    optimizer: Optimizer
    slots: dict[str, dict[str, Array]]
    clip: float

    def weight(self, layer_name: str, parameter: str, index: Index) -> WeightStep:
        """One weight's way through the step.

        Args:
            layer_name: full name of the layer.
            parameter: ``weight`` or ``bias``.
            index: of the weight in it.

        Raises:
            KeyError: there is no layer of that name, or it has no such parameter.
            IndexError: the parameter has no such number.
        """
        found = explain_traced_weight(self.trace, layer_name, parameter, index)
        layer = self.trace.layers[layer_name].layer
        weights = layer.params[parameter]
        before = float(weights[index])
        name = f"{layer_name}.{parameter}"
        slots = {slot: arrays[name] for slot, arrays in self.slots.items()}
        gradient, steps = found.arithmetic.network, []
        if layer.frozen:
            return WeightStep(
                before,
                found,
                (Step("the gradient", "", gradient), Step("frozen: the weight stays", "", before)),
            )
        if self.clip < 1:
            clipped = gradient * self.clip
            words = f"{short(gradient)} · {inner(self.clip)}"
            steps = [Step("scaled down, as all gradients together are too large", words, clipped)]
            gradient = clipped
        group = group_of(name, f"{type(layer).__name__}.{parameter}", self.optimizer.groups)
        if not group.learns_in(self.epoch):
            steps.append(Step(f"trained for {group.epochs} epochs only: it stays", "", before))
            return WeightStep(before, found, tuple(steps))
        optimizer = copy.copy(self.optimizer)
        optimizer.lr *= group.lr_scale
        optimizer.weight_decay *= group.weight_decay_scale
        if isinstance(optimizer, Muon) and weights.ndim == 4:
            gradients = layer.grads[parameter] * self.clip
            steps += explain_matrix_update(optimizer, slots, weights, gradients, index)
        else:
            own = {slot: float(array[index]) for slot, array in slots.items()}
            steps += explain_update(optimizer, own, before, gradient)
        return WeightStep(before, found, tuple(steps))


class Steps:
    """The steps of a training, each of which can be taken apart.

    Dropout drops other units than in the training itself; all other numbers are its own, but for
    rounding.

    Args:
        config: of the training.
        dataset: the config's.
    """

    def __init__(self, config: Config, dataset: Dataset) -> None:
        self._config = config
        self._batches, _ = factory.training_batches(config, dataset)
        self._loss = factory.make_loss(config, self._batches.class_counts(len(dataset.classes)))
        self._optimizer = factory.make_optimizer(config)
        self._scheduler = factory.make_scheduler(config, self._batches.steps_per_epoch)

    @np.errstate(all="ignore")
    def next(self, model: Sequential, state: OptimizerState | None = None) -> TrainingStep:
        """The step that a network takes next, or would take behind the last epoch.

        Args:
            model: the network, float32; left as it was.
            state: the optimizer's, which says which batch comes next; None before the first.
        """
        optimizer = copy.copy(self._optimizer)
        optimizer.t = state.t if state else 0
        optimizer.lr = self._rate(state)
        epoch, batch = divmod(optimizer.t, self._batches.steps_per_epoch)
        indices = self._batches.batch_indices(epoch, batch)
        x, labels, mix = self._load(indices, epoch, batch)
        seed = self._config.seed
        trace = backward_trace(model, self._loss, x, labels, mix=mix, training=True, seed=seed)
        clip, most = 1.0, self._config.train.clip_norm
        if most is not None:
            grads = [
                grad
                for layer in trace.model.walk()
                if not layer.frozen
                for grad in layer.grads.values()
            ]
            squares = (np.square(grad, dtype=np.float64) for grad in grads)
            clip = clip_factor(float(np.sqrt(sum(float(each.sum()) for each in squares))), most)
        slots = state.slots if state else {}
        return TrainingStep(epoch, batch, indices, labels, trace, optimizer, slots, clip)

    def _load(self, indices: Array, epoch: int, batch: int) -> tuple[Array, Array, Mix | None]:
        """The samples, distorted as the training distorts them: by micro-batch."""
        found = [
            self._batches.load_mixed(
                indices[piece], stream(Purpose.AUGMENT, self._config.seed, epoch, batch, i), epoch
            )
            for i, piece in enumerate(self._batches.pieces(len(indices)))
        ]
        x, labels, mixes = zip(*found, strict=True)
        mix = None if None in mixes else Mix(*(np.concatenate(m) for m in zip(*mixes, strict=True)))
        return np.concatenate(x), np.concatenate(labels), mix

    def _rate(self, state: OptimizerState | None) -> float:
        """The schedule's learning rate, changed as the last step's was: by hand, or by a metric."""
        if state is None or state.t == 0:
            return self._scheduled(0)
        before, now = self._scheduled(state.t - 1), self._scheduled(state.t)
        return state.lr * (now / before) if before else now

    def _scheduled(self, done: int) -> float:
        steps = self._batches.steps_per_epoch
        done = min(done, self._config.train.epochs * steps - 1)
        return self._scheduler.lr(done // steps, done)
