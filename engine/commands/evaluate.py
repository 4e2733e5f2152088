"""Measure a trained network on the test set: ``cnn-tui evaluate``."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine import metrics
from engine.commands.output import Output, table
from engine.commands.signals import Signals
from engine.config import Config
from engine.data import FetchCancelledError, Split
from engine.numbers import metric
from engine.parallel.workers import Workers
from engine.train import factory
from engine.train.results import Evaluation
from engine.train.trainer import Trainer
from engine.train.weights import load_model, normalised_for


@dataclass(frozen=True)
class Measurement:
    """A trained network on the test set.

    Attributes:
        result: loss, accuracy, and the prediction for every sample.
        classes: their names.
        confusion: counts (C, C), rows are true classes, columns predicted ones.
        scores: of every class.
        test: the samples.
        mean, std: what their pixels, divided by 255, were normalised with, per channel.
        note: how that differs from the data set's own, in a line; empty if it does not.
    """

    result: Evaluation
    classes: tuple[str, ...]
    confusion: np.ndarray
    scores: metrics.PerClass
    test: Split
    mean: tuple[float, ...]
    std: tuple[float, ...]
    note: str


def evaluate(config: Config, weights: Path, out: Output) -> int:
    """Loss, accuracy, the scores of every class, and the confusion matrix.

    Raises:
        CheckpointError: the weights cannot be used.
        DataError: the data set is missing or corrupt.
        Interrupted: by a signal.
    """
    with Signals(on_leave=out.progress.abandon) as signals:
        try:
            found = measure(
                config,
                weights,
                progress=out.progress.update,
                cancelled=lambda: signals.received is not None,
            )
        finally:
            out.progress.close()
    if found.note:
        out.complain(f"warning: {found.note}")
    out.json(
        {
            "test_loss": found.result.loss,
            "test_acc": found.result.acc,
            "test_top5": found.result.top5,
            "samples": len(found.result.labels),
            "classes": found.classes,
            "mean": found.mean,
            "std": found.std,
            **found.scores._asdict(),
            "confusion": found.confusion,
        }
    )
    out.text(_report(found.result, found.classes, found.confusion, found.scores))
    return 0


def measure(
    config: Config,
    weights: Path,
    *,
    progress: Callable[[str, int, int], None] = lambda label, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Measurement:
    """The evaluation itself, without a word: the command's and the app's one code path.

    Args:
        config: network, loss and data set.
        weights: weights, a checkpoint or a run.
        progress: told what is being done, how far it is, and of how much.
        cancelled: asked all the time; true ends it.

    Raises:
        CheckpointError, DataError: as ``evaluate``.
        FetchCancelledError: ``cancelled`` returned true.
    """
    model = load_model(config, weights)
    dataset, note = normalised_for(
        factory.load_dataset(config, progress=progress, cancelled=cancelled), weights
    )
    note = "; ".join(filter(None, (*dataset.passed_over, note)))
    with Workers(config.train.workers) as workers:
        trainer = Trainer(
            model,
            factory.make_loss(config),
            factory.make_optimizer(config),
            seed=config.seed,
            workers=workers,
        )

        def check() -> None:
            if cancelled():
                raise FetchCancelledError(f"{config.dataset}: evaluating was cancelled")

        result = trainer.evaluate(
            factory.evaluation_batches(dataset.test, dataset),
            lambda done, total: progress("evaluating", done, total),
            check,
        )
    confusion = metrics.confusion_matrix(result.labels, result.predictions, len(dataset.classes))
    return Measurement(
        result,
        dataset.classes,
        confusion,
        metrics.per_class(confusion),
        dataset.test,
        dataset.mean,
        dataset.std,
        note,
    )


def _report(
    result: Evaluation,
    classes: tuple[str, ...],
    confusion: np.ndarray,
    scores: metrics.PerClass,
) -> str:
    per_class = [
        (name, metric(precision), metric(recall), metric(f1), f"{support:,}")
        for name, precision, recall, f1, support in zip(classes, *scores, strict=True)
    ]
    rows = [
        (name, *map(str, counts)) for name, counts in zip(classes, confusion.tolist(), strict=True)
    ]
    columns = ("true, predicted →", *(name[:6] for name in classes))
    return "\n".join(
        [
            f"test_loss {metric(result.loss)}  test_acc {metric(result.acc)}  "
            f"top-5 {metric(result.top5)}  {len(result.labels):,} samples",
            "",
            table(("class", "precision", "recall", "f1", "samples"), per_class, "lrrrr"),
            "",
            table(columns, rows, "l" + "r" * len(classes)),
        ]
    )
