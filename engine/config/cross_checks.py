"""Cross-checks beyond the schema: keys that depend on each other, shapes, memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.config.errors import Finding, KeyPath, shown
from engine.config.schema import Config, Train
from engine.data import DatasetInfo
from engine.data.batches import held_out
from engine.errors import SpecError
from engine.layers import shape_text
from engine.losses import LOSSES
from engine.models import build, freeze, spec_problems
from engine.models.memory import (
    MAX_SAVED_BYTES,
    MAX_TRAINING_BYTES,
    gigabytes,
    saved_bytes,
    training_bytes,
)
from engine.optim import OPTIMIZERS
from engine.optim.groups import Group, group_of, kinds_of
from engine.optim.optimizer import parameters_of
from engine.paths import real_path
from engine.sanitize import printable
from engine.schedulers import SCHEDULERS

LONGEST_REASON = 400
"""Characters of why a layer cannot be; a value may be of any length."""


@dataclass(frozen=True)
class Check:
    """A check of a config that the schema accepts.

    Attributes:
        reads: the keys that the answer depends on; the check is skipped while one of them is wrong.
        ask: yields what is wrong, and where.
    """

    reads: tuple[KeyPath, ...]
    ask: Callable[[Config], Iterator[Finding]]


def _one_network(config: Config) -> Iterator[Finding]:
    if config.model is None and config.layers is None:
        yield Finding(
            ("model",), "missing; expected a model by name, or its layers spelled out in 'layers'"
        )
    if config.model is not None and config.layers is not None:
        yield Finding(("layers",), "expected either 'model' or 'layers', got both; leave one out")


def _shapes(config: Config) -> Iterator[Finding]:
    if (config.model is None) == (config.layers is None):
        return
    info = config.dataset_info
    classes = len(info.classes)
    try:
        output = build(config.specs, info.image_shape).output_shape(info.image_shape)
    except SpecError as error:
        if config.model is not None:
            yield Finding(
                ("model",),
                f"{config.model} does not fit the {shape_text(info.image_shape)} images of "
                f"{config.dataset}: {error}",
            )
        elif not error.path:  # the others are found by check_layers
            yield Finding(("layers",), printable(error.reason, LONGEST_REASON))
        return
    if output != (classes,):
        end: KeyPath = ("model",)
        if config.layers is not None:
            end = ("layers", len(config.layers) - 1)
        yield Finding(
            end,
            f"the network ends with shape {shape_text(output)}, expected {classes}: "
            f"one score for each class of {config.dataset}",
        )


def _memory(config: Config) -> Iterator[Finding]:
    if (config.model is None) == (config.layers is None):
        return
    shape = config.dataset_info.image_shape
    try:
        model = build(config.specs, shape)
    except SpecError:
        return  # see _shapes
    train = config.train
    size = training_bytes(model, shape, train.batch_size, train.workers, train.micro_batch)
    if size > MAX_TRAINING_BYTES:
        yield Finding(
            ("train", "batch_size"),
            f"training with batches of {train.batch_size} takes about {gigabytes(size)} of memory; "
            f"more than {gigabytes(MAX_TRAINING_BYTES)} are refused, so take a smaller batch or a "
            "smaller network",
        )
    slots = len(OPTIMIZERS[train.optimizer].slot_names)
    copies = sum(item.callback.keeps_weights for item in config.callbacks)
    saved = saved_bytes(model, max(slots, 1) + copies)
    if saved > MAX_SAVED_BYTES:
        yield Finding(
            ("model",) if config.layers is None else ("layers",),
            f"a checkpoint of {model.count_parameters():,} parameters takes {gigabytes(saved)} "
            f"with {train.optimizer}; more than {gigabytes(MAX_SAVED_BYTES)} are refused",
        )


def _amounts(config: Config) -> Iterator[Finding]:
    size = config.dataset_info.train_size
    limit = config.data.limit
    if limit is not None and limit > size:
        yield Finding(
            ("data", "limit"),
            f"expected at most {size}, all training samples of {config.dataset}, got {limit}",
        )
        return
    samples = limit or size
    count = _held_out(config, samples)
    if not 0 < count < samples:
        hint = "; a fraction such as 0.1 goes with any data.limit"
        yield Finding(
            ("data", "validation"),
            f"expected 1 to {samples - 1} of {samples} samples, got {count}"
            + (hint if isinstance(config.data.validation, int) else ""),
        )


def _batch_size(config: Config) -> Iterator[Finding]:
    """Check that layers with batch statistics get enough samples at once."""
    if (config.model is None) == (config.layers is None):
        return
    image = config.dataset_info.image_shape
    try:
        layers = list(build(config.specs, image).named_shapes(image))
    except SpecError:
        return  # said by another check
    least, layer = max(
        ((layer.least_samples(shape), layer) for _, layer, shape, _ in layers),
        key=lambda found: found[0],
    )
    samples = config.data.limit or config.dataset_info.train_size
    trained = samples - _held_out(config, samples)
    why = f"{layer!r} gets one value per channel from each sample, and a variance needs two"
    if config.train.batch_size < least:
        yield Finding(
            ("train", "batch_size"),
            f"expected at least {least}, got {config.train.batch_size}: {why}",
        )
    elif 0 < trained < least:
        key: KeyPath = ("data", "limit") if config.data.limit else ("data", "validation")
        yield Finding(key, f"expected at least {least} samples to train on, got {trained}: {why}")


def _held_out(config: Config, samples: int) -> int:
    """Number of training samples held out for validation."""
    return held_out(samples, config.data.validation)


def _augmentation(config: Config) -> Iterator[Finding]:
    _, height, width = config.dataset_info.image_shape
    side = min(height, width)
    for name in ("shift", "cutout"):
        value = getattr(config.data.augment, name)
        if value >= side:
            yield Finding(
                ("data", "augment", name),
                f"expected less than {side} for images of {height}x{width}, got {value}",
            )

    augment = config.data.augment
    if augment.alternate and not augment.flip:
        yield Finding(("data", "augment", "alternate"), "expected false without flip: true")


def _groups(config: Config) -> Iterator[Finding]:
    """Check that every group has a parameter: a pattern without one is a slip."""
    if not config.train.groups or (config.model is None) == (config.layers is None):
        return
    try:
        kinds = kinds_of(build(config.specs, config.dataset_info.image_shape))
    except SpecError:
        return  # see _shapes
    groups = config.train.groups
    made = [Group(**group.model_dump()) for group in groups]
    used = {group_of(name, kind, made) for name, kind in kinds.items()}
    for i, group in enumerate(made):
        if group not in used:
            known = ", ".join(list(dict.fromkeys(kinds.values()))[:6])
            yield Finding(
                ("train", "groups", i, "match"),
                f"names no parameter that an earlier group does not, got {shown(group.match)}; "
                f"there are {known}",
            )


def _momentum(train: Train) -> float:
    """The momentum coefficient of an optimizer that has one."""
    own: float = parameters_of(train.optimizer)["momentum"].default
    return own if train.momentum is None else train.momentum


def _optimizer(config: Config) -> Iterator[Finding]:
    train = config.train
    if train.optimizer == "momentum" and train.momentum == 0:
        yield Finding(
            ("train", "momentum"), "expected more than 0 for the optimizer momentum, got 0"
        )
    elif train.nesterov and "nesterov" not in parameters_of(train.optimizer):
        *able, last = (name for name in OPTIMIZERS if "nesterov" in parameters_of(name))
        yield Finding(
            ("train", "nesterov"),
            f"expected false for {train.optimizer}; "
            f"only {', '.join(able)} and {last} can look ahead",
        )
    elif train.nesterov and not _momentum(train):
        yield Finding(
            ("train", "nesterov"), "expected false, as there is no momentum to look ahead along"
        )


def _slow_weights(config: Config) -> Iterator[Finding]:
    if config.train.lookahead and config.train.average:
        yield Finding(("train", "average"), "expected null beside train.lookahead; choose one")


def _smoothing(config: Config) -> Iterator[Finding]:
    if config.train.label_smoothing and not LOSSES[config.train.loss].smooths_labels:
        able = " or ".join(name for name, loss in LOSSES.items() if loss.smooths_labels)
        yield Finding(
            ("train", "label_smoothing"),
            f"expected 0 for the loss {config.train.loss}; it belongs to {able}",
        )


def _weights(config: Config) -> Iterator[Finding]:
    if config.train.class_weights and not LOSSES[config.train.loss].weights_classes:
        able = " or ".join(name for name, loss in LOSSES.items() if loss.weights_classes)
        yield Finding(
            ("train", "class_weights"),
            f"expected null for the loss {config.train.loss}; it belongs to {able}",
        )


def _fine_tuning(config: Config) -> Iterator[Finding]:
    if (config.model is None) == (config.layers is None):
        return
    train = config.train
    if train.init_except and train.init_from is None:
        yield Finding(
            ("train", "init_except"),
            "expected an empty list without train.init_from: all layers begin with fresh weights",
        )
    try:
        model = build(config.specs, config.dataset_info.image_shape)
    except SpecError:
        return  # see _shapes
    names = {name for name, _ in model.named_layers() if name}
    known = True
    for key in ("init_except", "freeze"):
        for i, name in enumerate(getattr(train, key)):
            if str(name) not in names:
                known = False
                yield Finding(
                    ("train", key, i),
                    f"expected a layer of the network, which are 0 to {len(model) - 1}"
                    f"{_inside(names)}, got {shown(name)}",
                )
    layers = [layer for layer in freeze(model, train.freeze).walk() if layer.param_shapes()]
    if known and train.freeze and all(layer.frozen for layer in layers):
        yield Finding(
            ("train", "freeze"),
            "freezes all layers that learn, so that nothing is trained; leave one out",
        )


def _inside(names: set[str]) -> str:
    """An example of a layer inside another one, if there is one."""
    inside = min((name for name in names if name[-1].isdigit() and "." in name), default=None)
    return "" if inside is None else f" and those inside them, as {inside!r}"


def _warmup(config: Config) -> Iterator[Finding]:
    scheduler = config.train.scheduler
    if config.train.warmup and scheduler and SCHEDULERS[scheduler.name].interval == "step":
        yield Finding(
            ("train", "warmup"),
            f"expected null for {scheduler.name}, which sets the rate of every step",
        )


def _files(config: Config) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for i, item in enumerate(config.callbacks):
        for name, options in item:
            if not options.writes():
                continue
            path = options.output
            first = seen.setdefault(name if path is None else str(real_path(path)), i)
            if first != i:
                yield Finding(
                    ("callbacks", i, name, options.output_key),
                    f"expected a file of its own, got {shown(path and str(path))}, "
                    f"which callbacks.{first} writes",
                )


CHECKS = (
    Check((("model",), ("layers",)), _one_network),
    Check((("dataset",), ("model",), ("layers",)), _shapes),
    Check((("dataset",), ("model",), ("layers",), ("train",), ("callbacks",)), _memory),
    Check((("dataset",), ("data", "limit"), ("data", "validation")), _amounts),
    Check(
        (
            ("dataset",),
            ("model",),
            ("layers",),
            ("train", "batch_size"),
            ("data", "limit"),
            ("data", "validation"),
        ),
        _batch_size,
    ),
    Check((("dataset",), ("data", "augment")), _augmentation),
    Check((("dataset",), ("model",), ("layers",), ("train", "groups")), _groups),
    Check((("train", "optimizer"), ("train", "momentum"), ("train", "nesterov")), _optimizer),
    Check((("train", "lookahead"), ("train", "average")), _slow_weights),
    Check((("train", "loss"), ("train", "label_smoothing")), _smoothing),
    Check((("train", "loss"), ("train", "class_weights")), _weights),
    Check(
        (
            ("dataset",),
            ("model",),
            ("layers",),
            ("train", "init_from"),
            ("train", "init_except"),
            ("train", "freeze"),
        ),
        _fine_tuning,
    ),
    Check((("train", "warmup"), ("train", "scheduler")), _warmup),
    Check((("callbacks",),), _files),
)


def check_layers(
    data: dict[str, Any], wrong: Sequence[KeyPath], info: DatasetInfo | None
) -> Iterator[Finding]:
    """Check the layers, whatever else is wrong with the config.

    Args:
        data: of the config, unchecked.
        wrong: paths of what is said to be wrong already.
        info: the data set, if it is known.
    """
    layers = data.get("layers")
    if not isinstance(layers, list) or ("layers",) in wrong:
        return
    shape = None if info is None else info.image_shape
    for problem in spec_problems(layers, shape):
        path: KeyPath = ("layers", *problem.path)
        if not any(_overlap(path, other) for other in wrong):
            reason = printable(problem.reason, LONGEST_REASON)
            # A layer or an argument that is unknown is a key, not a value.
            yield Finding(path, reason, at_key=reason.startswith("unknown"))


def check(config: Config, wrong: set[KeyPath]) -> Iterator[Finding]:
    """Run the checks whose keys are right.

    Args:
        config: where a value was wrong, it has a default instead.
        wrong: the paths of those values.
    """
    for question in CHECKS:
        if not any(_overlap(path, key) for path in wrong for key in question.reads):
            yield from question.ask(config)


def _overlap(one: KeyPath, other: KeyPath) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
