"""Gradient check of a network with its loss."""

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from engine.arrays import Array
from engine.gradcheck.deterministic import DeterministicLayer, gradients
from engine.gradcheck.differences import Direction, Function, Mode, Settings, compare, rms
from engine.gradcheck.layer import check_tensor, locate, require_float64
from engine.gradcheck.report import Report, Row
from engine.layers import Sequential
from engine.losses import Loss

Progress = Callable[[int, int, str], None]

OFF_THE_KINKS = 1e-3
"""How far the parameters are moved, relative to their size: fresh ones lie on kinks. Where a bias
is exactly 0, so is all that a ReLU gets of a black patch or a dead unit."""

LOGIT = 1.0
"""Least magnitude of the outputs for their rounding: where dead units leave only the biases of
the outputs, the backward pass still rounds as it does for outputs of this size."""

LOSS_ENTRIES = 500
LOSS_STEP = 100
"""The loss is smooth and has no kinks, so it takes a longer step: truncation still is below 1e-8,
and the tiny gradients of a network that is sure of itself stand out from rounding."""


class _CancelledError(Exception):
    """The caller cancelled the check."""


def check_network(
    model: Sequential,
    loss: Loss,
    x: Array,
    target: Array,
    *,
    rng: np.random.Generator,
    mode: Mode = "directions",
    samples_per_tensor: int | None = None,
    eps: float = 1e-6,
    tolerance: float = 1e-6,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    on_row: Callable[[Row], None] = lambda row: None,
) -> Report:
    """Compare the gradients of a loss, for all parameters and the input, with numerical ones.

    By the chain rule, dL/dw = Σ dL/dz · ∂z/∂w with the network's outputs z. Both factors are
    measured, each with full precision: the loss's gradient dL/dz on its own ("loss"), and then,
    with that as the upstream gradient, every tensor of the network. Two slopes of the loss
    itself, through everything and along all parameters at once ("all"), confirm the whole.
    To measure a layer's tensors only the layers from it to the end are run again.

    All of it is done beside the network's parameters, which are moved by a thousandth, off the
    kinks that fresh ones lie on. The network is left as it was, and is checked in the mode that
    it is in.

    Args:
        model: initialised in float64.
        loss: what it is trained with.
        x: samples, float64 (N, ...); for a network with batch norm, not too few.
        target: what the loss takes: labels, or an array like the output.
        rng: for masks, samples and directions.
        mode: "directions", a few random ones a tensor, for any network; "exact", entry by entry,
            for small ones.
        samples_per_tensor: how many directions (None: 2), or how many entries, drawn at random
            (None: all of them).
        eps: the step.
        tolerance: the largest relative error that passes.
        progress: called with measurements done, in all, and the tensor's name.
        cancelled: asked before every measurement; true ends the check with what there is.
        on_row: called with every row as soon as it is known.

    Raises:
        ValueError: the model has no parameters yet, or something is not float64.
    """
    settings = Settings(mode, samples_per_tensor, eps, tolerance)
    require_float64(model, x)
    check = _NetworkCheck(
        model, loss, np.array(x), target, rng, settings, progress, cancelled, on_row
    )
    return check.run()


class _NetworkCheck:
    def __init__(
        self,
        model: Sequential,
        loss: Loss,
        x: Array,
        target: Array,
        rng: np.random.Generator,
        settings: Settings,
        progress: Progress | None,
        cancelled: Callable[[], bool] | None,
        on_row: Callable[[Row], None],
    ) -> None:
        self.model, self.loss, self.x, self.target = model, loss, x, target
        self.rng, self.settings = rng, settings
        self.progress, self.cancelled, self.on_row = progress, cancelled, on_row
        self.generator = np.random.default_rng(rng.integers(2**63))
        self.whole = DeterministicLayer(model, self.generator)
        self.tensors = {"input": x} | model.named_parameters()
        self.rows: list[Row] = []
        self.name = ""
        self.done = self.total = 0

    def run(self) -> Report:
        needs_dx = {layer: layer.needs_dx for layer in self.model.walk()}
        parameters = {name: a.copy() for name, a in self.model.named_parameters().items()}
        problems: list[str] = []
        stopped = False
        try:
            for layer in needs_dx:
                layer.needs_dx = True
            self._leave_kinks()
            starts, logits = self._trace()
            self.loss.forward(logits, self.target)
            dlogits = self.loss.backward()
            found = gradients(self.whole, self.x, dlogits)
            problems = found.problems
            self.total = min(logits.size, LOSS_ENTRIES) + 2
            self.total += sum(self.settings.probes(g.size) for g in found.arrays.values())
            self._check_loss(logits, dlogits)
            self._check_tensors(found.arrays, starts, dlogits)
            self._check_all(found.arrays)
        except _CancelledError:
            stopped = True
        finally:
            self.whole.restore()
            for name, values in parameters.items():
                self.tensors[name][...] = values
            for layer, value in needs_dx.items():
                layer.needs_dx = value
            self.model.release()
        return Report(
            tuple(self.rows),
            tuple(problems),
            self.settings.tolerance,
            self.settings.eps,
            cancelled=stopped,
        )

    def _leave_kinks(self) -> None:
        for array in self.model.named_parameters().values():
            distance = OFF_THE_KINKS * (rms(array) or 1.0)
            array += distance * self.rng.standard_normal(array.shape)

    def _trace(self) -> tuple[list[tuple[DeterministicLayer, Array]], Array]:
        """For each layer, the rest of the network from it on and its input; and the output."""
        self.whole.restore()
        generator = copy.deepcopy(self.generator)
        self.model.set_rng(generator)
        out, starts = self.x, []
        for i, layer in enumerate(self.model):
            rest = DeterministicLayer(Sequential(self.model.layers[i:]), copy.deepcopy(generator))
            starts.append((rest, out if i == 0 else out.copy()))
            out = layer.forward(out)
        return starts, np.array(out, order="C")

    def _check_loss(self, logits: Array, dlogits: Array) -> None:
        settings = replace(
            self.settings, mode="exact", samples=LOSS_ENTRIES, eps=LOSS_STEP * self.settings.eps
        )
        function = self._loss_of(lambda: logits)
        self.name = "loss"
        name = ("loss", type(self.loss).__name__, "input")
        self._add(check_tensor(name, logits, dlogits, function, settings, self.rng, self._tick))

    def _check_tensors(
        self,
        found: dict[str, Array],
        starts: list[tuple[DeterministicLayer, Array]],
        dlogits: Array,
    ) -> None:
        order = {name: int(name.split(".")[0]) for name in found if name != "input"}
        for i, (rest, start) in enumerate(starts):
            names = [name for name in found if order.get(name, 0) == i]
            if not names:
                continue
            function = Function(partial(rest.forward, start), dlogits, magnitude=LOGIT)
            for name in names:
                self.name = name
                place, tensor, owner = locate(self.model, name)
                if name == "input":
                    place, owner = "0", self.model[0]
                self._add(
                    check_tensor(
                        (place, type(owner).__name__, tensor),
                        self.tensors[name],
                        found[name],
                        function,
                        self.settings,
                        self.rng,
                        self._tick,
                    )
                )

    def _check_all(self, found: dict[str, Array]) -> None:
        """Slopes of the loss itself along all parameters, half random, half uphill."""
        names = [name for name in found if name != "input"]
        arrays, grads = [self.tensors[name] for name in names], [found[name] for name in names]
        steepness = float(np.sqrt(sum((g * g).sum() for g in grads))) or 1.0
        size = sum(array.size for array in arrays)
        directions = [
            Direction(
                arrays,
                [g / steepness + self.rng.standard_normal(g.shape) / np.sqrt(size) for g in grads],
            )
            for _ in range(2)
        ]
        function = self._loss_of(lambda: self.whole.forward(self.x))
        self.name = "all"
        slopes = np.array([direction.slope(grads) for direction in directions])
        comparison = compare(function, directions, slopes, self.settings, self._tick)
        self._add(comparison.row("all", "network", "parameters", (size,), size, None))

    def _loss_of(self, logits: Callable[[], Array]) -> Function:
        """The loss as a function; a small loss is the small difference of two logits."""

        def evaluate() -> Array:
            return np.array(self.loss.forward(logits(), self.target))

        return Function(evaluate, np.ones(()), magnitude=float(np.abs(logits()).max()))

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        self.on_row(row)

    def _tick(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total, self.name)
        if self.cancelled is not None and self.cancelled():
            raise _CancelledError
