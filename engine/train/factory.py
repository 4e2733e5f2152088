"""The objects that a config names: data, network, loss, optimizer, schedule, callbacks."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine import data, portable, schedulers
from engine.callbacks import CALLBACKS, Callback
from engine.checkpoints.network_state import differences, load_state
from engine.config import Config, loads
from engine.config.errors import Finding, KeyPath, dotted
from engine.data import Batches, Dataset, split_validation
from engine.data.dataset import IsCancelled, Progress
from engine.data.views import PLAIN, VIEWS, View
from engine.errors import (
    Cancelled,
    CheckpointError,
    ConfigError,
    DataError,
    MissingPackageError,
    RunError,
)
from engine.layers import Sequential, Whitening2D
from engine.losses import LOSSES, Loss, balanced_weights
from engine.models import build, freeze
from engine.optim import OPTIMIZERS, Optimizer
from engine.optim.groups import Group
from engine.optim.slow_weights import Average, Lookahead, SlowWeights
from engine.rng import Purpose, stream
from engine.runs import locations
from engine.runs.directory import CONFIG, RunDir
from engine.runs.record import described_in
from engine.runs.weight_files import find_weights
from engine.sanitize import printable

WHITENED = 5_000
"""Training images that the filters of a whitening layer are computed from."""

EVALUATION_BATCH = 512
"""Samples in a batch of an evaluation; it can be stopped between two batches."""

_INIT_FROM: KeyPath = ("train", "init_from")


@dataclass(frozen=True)
class Sources:
    """The batches of a run: to train, to validate and to test.

    Attributes:
        dataset: the data set of the samples.
        train, validation, test: the batches.
        digests: of the samples: ``train`` (those to validate with are among them) and ``test``.
        views: of the test images, see ``test_views``.
    """

    dataset: Dataset
    train: Batches
    validation: Batches
    test: Batches
    digests: dict[str, str]
    views: Sequence[tuple[Batches, float]] = ()

    @property
    def class_counts(self) -> np.ndarray:
        """Training samples of each class, int64, (C,)."""
        return self.train.class_counts(len(self.dataset.classes))

    def warnings(self, config: Config) -> Iterator[str]:
        """What is likely to be a mistake in the samples, in a line each."""
        names = [printable(name, 30) for name in self.dataset.classes]
        trained, held_out = self.class_counts, self.validation.class_counts(len(names))
        yield from _single("training", names, trained)
        yield from _single("validation", names, held_out)
        absent = trained == 0
        if 0 < absent.sum() < len(names) - 1:
            remedy = "add images" if config.data.limit is None else "raise data.limit"
            yield f"no training samples of {_some(names, absent)}: they cannot be learned; {remedy}"
        absent = (held_out == 0) & ~absent
        if 0 < absent.sum() < len(names) - 1 and held_out.sum() >= len(names):  # else see advice
            yield (
                f"no validation samples of {_some(names, absent)}: val_acc says nothing about "
                "them; raise data.validation"
            )


def _single(what: str, names: Sequence[str], counts: np.ndarray) -> Iterator[str]:
    """A warning if all samples are of one class."""
    if (counts > 0).sum() == 1 and counts.sum() > 1:
        yield (
            f"all {counts.sum():,} {what} samples are of class {names[int(counts.argmax())]!r}: "
            "its accuracy says nothing about the others; raise data.limit"
        )


def _some(names: Sequence[str], which: np.ndarray) -> str:
    """Some of the classes by name, and how many they are."""
    indices = np.flatnonzero(which).tolist()
    more = ", ..." if len(indices) > 3 else ""
    listed = ", ".join(repr(names[i]) for i in indices[:3])
    return f"{len(indices):,} of the {len(names):,} classes ({listed}{more})"


def config_of(run: Path, overrides: Sequence[str] = (), *, allow_outside: bool = False) -> Config:
    """The config of a run directory, with overrides; its paths are absolute.

    Args:
        run: the directory.
        overrides: see ``config.loads``.
        allow_outside: see ``locations.resolve``.

    Raises:
        CheckpointError, ConfigError: it is not a run, or its config cannot be read.
    """
    try:
        view = RunDir.view(run)
        text, source = view.read_config(), str(run / CONFIG)
    except RunError as error:
        raise CheckpointError(str(error)) from None
    record: dict[str, Any] = {}
    with suppress(RunError):  # without one the run has no origin
        record = view.read_record()
    known = described_in(record)
    recorded = loads(text, source, known=known)
    config = loads(text, source, overrides, known=known) if overrides else recorded
    return locations.resolve(
        config, view.path, record, recorded=recorded, allow_outside=allow_outside
    )


def load_dataset(
    config: Config,
    *,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
) -> Dataset:
    """The config's data set, downloaded if it is not there.

    Raises:
        DataError: it cannot be had, is damaged, or is not the one that the config was made for.
        Cancelled: ``cancelled`` returned true.
    """
    info, root = config.dataset_info, config.data.root
    if data.find(config.dataset, root) is None:
        where = data.processed_folder(root)
        advice = info.how_to_get(root or data.default_root())
        raise DataError(f"{config.dataset}: not found in {where}; {advice}")
    dataset = data.load(
        config.dataset, config.data.root, download=True, progress=progress, cancelled=cancelled
    )
    if (dataset.image_shape, dataset.classes) != (info.image_shape, info.classes):
        raise DataError(
            f"{config.dataset}: it was imported again with other classes or another size of its "
            "images than this run has; import it as before, under another name, and set dataset"
        )
    if cancelled is not None and cancelled():
        raise Cancelled(f"{config.dataset}: loading was cancelled")
    return dataset


def make_sources(config: Config, dataset: Dataset) -> Sources:
    """The batches of a data set, with the training set split by the config."""
    train, validation = training_batches(config, dataset)
    return Sources(
        dataset=dataset,
        train=train,
        validation=evaluation_batches(dataset.train, dataset, validation),
        test=evaluation_batches(dataset.test, dataset),
        digests={"train": dataset.train.digest(config.data.limit), "test": dataset.test.digest()},
        views=test_views(config, dataset),
    )


def training_batches(config: Config, dataset: Dataset) -> tuple[Batches, np.ndarray]:
    """The batches to train on, and the indices of the samples that are held out.

    Raises:
        ConfigError: there are too few samples.
    """
    labels = dataset.train.labels[: config.data.limit]
    train, validation = split_validation(labels, config.data.validation, config.seed)
    return batches_of(config, dataset, train), validation


def batches_of(config: Config, dataset: Dataset, indices: np.ndarray) -> Batches:
    """The batches to train on some of the training samples, shuffled and augmented."""
    augment = data.Augmentation(**config.data.augment.model_dump())
    return Batches(
        dataset.train,
        indices,
        config.train.batch_size,
        seed=config.seed,
        shuffle=True,
        mean=dataset.mean,
        std=dataset.std,
        augment=augment if augment != data.Augmentation() else None,
        least=_network(config).least_samples(dataset.image_shape),
        micro_batch=config.train.micro_batch,
        drop_last=config.train.drop_last,
    )


def evaluation_batches(
    split: data.Split,
    dataset: Dataset,
    indices: np.ndarray | None = None,
    view: View = PLAIN,
) -> Batches:
    """A split's samples (or some of them) in their order, for ``Trainer.evaluate``."""
    return Batches(
        split,
        np.arange(len(split)) if indices is None else indices,
        EVALUATION_BATCH,
        seed=0,
        shuffle=False,
        mean=dataset.mean,
        std=dataset.std,
        view=view,
    )


def test_views(config: Config, dataset: Dataset) -> list[tuple[Batches, float]]:
    """The views of the test images that the config asks for, and the share of each; maybe none."""
    views = VIEWS[config.data.test_views] if config.data.test_views else {}
    return [
        (evaluation_batches(dataset.test, dataset, view=view), share)
        for view, share in views.items()
    ]


def make_model(config: Config, dtype: Any = "float32") -> Sequential:
    """The config's network with fresh weights; layers that it freezes are frozen."""
    return _network(config).initialise(stream(Purpose.INIT, config.seed), dtype)


def model_of_run(config: Config, batches: Batches, *, resumed: bool) -> Sequential:
    """The network of a run; a resumed one gets its weights from a checkpoint."""
    return make_model(config) if resumed else make_starting_model(config, batches)


def make_starting_model(config: Config, batches: Batches | None = None) -> Sequential:
    """The config's network as its training begins: fresh, or with the weights of a file.

    Args:
        config: of the network.
        batches: to train on; the first of these images give a first layer its filters, where it
            computes them from images. Without, they are random.

    Raises:
        CheckpointError: the file is missing, damaged, or of another network.
    """
    train = config.train
    model = make_model(config)
    first = next(iter(model))
    if batches is not None and isinstance(first, Whitening2D):
        first.learn_from(batches.load(batches.indices[:WHITENED])[0])
    if train.init_from is not None:
        without = [str(name) for name in train.init_except]
        try:
            source = find_weights(train.init_from)
            take_state(model, load_state(source, model.state_shapes(), without))
        except CheckpointError as error:
            raise CheckpointError(f"train.init_from: {error}") from None
    return model


def take_state(model: Sequential, state: Mapping[str, np.ndarray]) -> None:
    """Copy arrays, of shapes that were compared, into parameters and buffers; others stay."""
    own = model.state_dict()
    for name, array in state.items():
        own[name][...] = array


def _network(config: Config) -> Sequential:
    """The config's network without weights."""
    return freeze(build(config.specs, config.dataset_info.image_shape), config.train.freeze)


def make_loss(config: Config, counts: np.ndarray | None = None) -> Loss:
    """The config's loss.

    Args:
        config: with the loss and its options.
        counts: training samples of each class, (C,), for their weights if there are to be some;
            None makes the loss to evaluate with, which has none.
    """
    loss = LOSSES[config.train.loss]
    options: dict[str, Any] = {}
    if loss.smooths_labels:
        options["label_smoothing"] = config.train.label_smoothing
    if config.train.class_weights is not None and counts is not None:
        options["class_weights"] = balanced_weights(counts)
    return loss(**options)


def make_optimizer(config: Config) -> Optimizer:
    """The config's optimizer."""
    train = config.train
    optimizer = OPTIMIZERS[train.optimizer](**train.optimizer_arguments)
    optimizer.groups = [Group(**group.model_dump()) for group in train.groups]
    return optimizer


def make_slow_weights(config: Config, steps_per_epoch: int) -> SlowWeights | None:
    """The config's lookahead, or its average of the weights; None without."""
    train, steps = config.train, config.train.epochs * steps_per_epoch
    if train.lookahead is not None:
        return Lookahead(train.lookahead.every, train.lookahead.decay, steps)
    if train.average is not None:
        return Average(train.average.every, train.average.decay, steps)
    return None


def make_scheduler(config: Config, steps_per_epoch: int) -> schedulers.Scheduler:
    """The config's schedule, with its warm-up around it."""
    train = config.train
    scheduler = _inner_scheduler(config, steps_per_epoch)
    if train.warmup is None:
        return scheduler
    return schedulers.Warmup(scheduler, train.warmup.steps, train.warmup.start_factor)


def _inner_scheduler(config: Config, steps_per_epoch: int) -> schedulers.Scheduler:
    train = config.train
    if train.scheduler is None:
        return schedulers.FixedLR(train.lr)
    arguments = train.scheduler.arguments(train.lr, train.epochs, steps_per_epoch)
    return schedulers.SCHEDULERS[train.scheduler.name](**arguments)


def check_files(config: Config) -> None:
    """Refuse a run whose callbacks could not write their files.

    Raises:
        ConfigError: a file cannot be written: a folder or a device is there, or its folder
            cannot be made.
    """
    for path, message, *_ in _unwritable(config):
        raise ConfigError(f"{dotted(path)}: {message}")


def check_arithmetic(config: Config) -> None:
    """Refuse a portable training in a process that does not compute portably.

    Raises:
        NotPortable: see ``engine.portable``.
    """
    if config.train.portable:
        portable.check()


def file_problems(config: Config) -> Iterator[Finding]:
    """What is wrong with the files that a config names: callbacks' and ``train.init_from``."""
    yield from _unwritable(config)
    yield from _no_start(config)


def _unwritable(config: Config) -> Iterator[Finding]:
    for index, item in enumerate(config.callbacks):
        for name, options in item:
            try:
                options.check()
            except ConfigError as error:
                key = (options.output_key,) if options.output else ()
                yield Finding(("callbacks", index, name, *key), str(error))


def _no_start(config: Config) -> Iterator[Finding]:
    """Why a training cannot begin with the weights that it should, array by array."""
    train = config.train
    if train.init_from is None:
        return
    without = [str(name) for name in train.init_except]
    try:
        source = find_weights(train.init_from)
        found = differences(source, _network(config).state_shapes(), without)
    except (CheckpointError, MissingPackageError) as error:
        yield Finding(_INIT_FROM, str(error))
        return
    yield from (Finding(_INIT_FROM, f"{source}: {one}") for one in found)


def make_callbacks(config: Config) -> list[Callback]:
    """The config's callbacks in its order, after those that every run has."""
    made = [cls() for cls in CALLBACKS.values() if cls.always_on]
    for item in config.callbacks:
        if not item.callback.always_on:
            arguments: dict[str, Any] = item.options.model_dump()
            made.append(item.callback(**arguments))
    return made
