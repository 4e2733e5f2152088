"""Gradient check of one layer."""

from collections.abc import Callable

import numpy as np

from engine.arrays import Array
from engine.gradcheck.deterministic import DeterministicLayer, gradients
from engine.gradcheck.differences import (
    Direction,
    Function,
    Mode,
    Settings,
    SingleEntry,
    compare,
    rms,
)
from engine.gradcheck.report import Report, Row
from engine.layers import Layer


def check_layer(
    layer: Layer,
    x: Array,
    *,
    rng: np.random.Generator,
    mode: Mode = "exact",
    samples_per_tensor: int | None = None,
    eps: float = 1e-6,
    tolerance: float = 1e-6,
) -> Report:
    """Compare a layer's gradients, for its input and every parameter, with numerical ones.

    The layer is left as it was: parameters, buffers and mode. It is checked in the mode that it
    is in (``train()`` or ``eval()``). ``docs/gradient-check-tutorial.md`` explains it.

    Args:
        layer: initialised in float64.
        x: an input, float64, with the batch first. Use more than one sample, and H unlike W.
        rng: for the upstream gradient, masks, samples and directions.
        mode: "exact" moves one entry at a time; "directions" all of a tensor along a random
            direction.
        samples_per_tensor: how many entries, drawn at random (None: all of them), or how many
            directions (None: 2).
        eps: the step.
        tolerance: the largest relative error that passes.

    Raises:
        ValueError: the layer has no parameters yet, or something is not float64.
    """
    settings = Settings(mode, samples_per_tensor, eps, tolerance)
    require_float64(layer, x)
    x = np.array(x)
    deterministic = DeterministicLayer(layer, np.random.default_rng(rng.integers(2**63)))
    needs_dx = {each: each.needs_dx for each in layer.walk()}
    try:
        for each in needs_dx:
            each.needs_dx = True
        dout = rng.standard_normal(deterministic.forward(x).shape)
        found = gradients(deterministic, x, dout)
        function = Function(lambda: deterministic.forward(x), dout)
        tensors = {"input": x} | layer.named_parameters()
        rows = []
        for name, gradient in found.arrays.items():
            place, tensor, owner = locate(layer, name)
            rows.append(
                check_tensor(
                    (place, type(owner).__name__, tensor),
                    tensors[name],
                    gradient,
                    function,
                    settings,
                    rng,
                )
            )
    finally:
        deterministic.restore()
        for each, value in needs_dx.items():
            each.needs_dx = value
        layer.release()
    return Report(tuple(rows), tuple(found.problems), tolerance, eps)


def check_tensor(
    name: tuple[str, str, str],
    array: Array,
    gradient: Array,
    function: Function,
    settings: Settings,
    rng: np.random.Generator,
    tick: Callable[[], None] = lambda: None,
) -> Row:
    """Check one tensor's gradient.

    Args:
        name: layer, class and tensor, as in ``Row``.
        array: the numbers that ``function`` depends on.
        gradient: what ``backward`` says, in the same shape.
        function: L.
        settings: what to measure, and how to judge.
        rng: for samples and directions.
        tick: called after every measurement; may raise to stop.
    """
    count = settings.probes(array.size)
    if settings.mode == "directions":
        directions = [Direction([array], [rng.standard_normal(array.shape)]) for _ in range(count)]
        slopes = np.array([direction.slope([gradient]) for direction in directions])
        # E[(g·d)²] = ‖g‖²/size for a random direction d of length 1.
        typical = rms(gradient)
        comparison = compare(function, directions, slopes, settings, tick, typical)
        return comparison.row(*name, array.shape, array.size, None)
    chosen = np.arange(array.size)
    if count < array.size:
        chosen = np.sort(rng.choice(array.size, count, replace=False))
    indices = [tuple(map(int, np.unravel_index(flat, array.shape))) for flat in chosen]
    slopes = np.array([gradient[index] for index in indices])
    entries = [SingleEntry(array, index) for index in indices]
    comparison = compare(function, entries, slopes, settings, tick)
    return comparison.row(*name, array.shape, array.size, indices)


def locate(layer: Layer, name: str) -> tuple[str, str, Layer]:
    """Layer name, tensor name and layer of a full name: ``body.0.weight``."""
    place, _, tensor = name.rpartition(".")
    return place, tensor, dict(layer.named_layers())[place]


def require_float64(layer: Layer, x: Array) -> None:
    """Refuse what cannot be checked."""
    parameters = layer.named_parameters()
    missing = [
        f"{place}.{key}".lstrip(".")
        for place, each in layer.named_layers()
        for key in each.param_shapes()
        if key not in each.params
    ]
    if missing:
        raise ValueError(
            f"{layer!r} has no {missing[0]} yet: call initialise(rng, np.float64) before the check"
        )
    for name, array in ({"the input": x} | parameters).items():
        if array.dtype != np.float64:
            raise ValueError(
                f"{name} is {array.dtype}, too coarse for differences: use float64, "
                "initialise(rng, np.float64) for a layer"
            )
