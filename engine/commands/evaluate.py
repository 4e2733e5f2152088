"""Measure a trained network on the test set: ``cnn-tui evaluate``."""

from pathlib import Path

import numpy as np

from engine import metrics
from engine.commands.output import Output, table
from engine.commands.signals import Signals
from engine.config import Config
from engine.kernels.workers import Workers
from engine.train import setup
from engine.train.trainer import Evaluation, Trainer
from engine.train.weights import load_model


def evaluate(config: Config, weights: Path, out: Output) -> int:
    """Loss, accuracy, the scores of every class, and the confusion matrix.

    Raises:
        CheckpointError: the weights cannot be used.
        DataError: the data set is missing or corrupt.
        Interrupted: by a signal.
    """
    model = load_model(config, weights)
    with Signals(on_leave=out.progress.abandon) as signals:

        def on_progress(done: int, total: int) -> None:
            signals.check()
            out.progress.update("evaluating", done, total)

        try:
            dataset = setup.load_dataset(
                config,
                progress=out.progress.update,
                cancelled=lambda: signals.received is not None,
            )
            with Workers(config.train.workers) as workers:
                trainer = Trainer(
                    model,
                    setup.make_loss(config),
                    setup.make_optimizer(config),
                    seed=config.seed,
                    workers=workers,
                )
                batches = setup.evaluation_batches(dataset.test, dataset)
                result = trainer.evaluate(batches, on_progress)
        finally:
            out.progress.close()
    confusion = metrics.confusion_matrix(result.labels, result.predictions, len(dataset.classes))
    scores = metrics.per_class(confusion)
    out.json(
        {
            "test_loss": result.loss,
            "test_acc": result.acc,
            "test_top5": result.top5,
            "samples": len(result.labels),
            "classes": dataset.classes,
            **scores._asdict(),
            "confusion": confusion,
        }
    )
    out.text(_report(result, dataset.classes, confusion, scores))
    return 0


def _report(
    result: Evaluation,
    classes: tuple[str, ...],
    confusion: np.ndarray,
    scores: metrics.PerClass,
) -> str:
    per_class = [
        (name, f"{precision:.4f}", f"{recall:.4f}", f"{f1:.4f}", f"{support:,}")
        for name, precision, recall, f1, support in zip(classes, *scores, strict=True)
    ]
    rows = [
        (name, *map(str, counts)) for name, counts in zip(classes, confusion.tolist(), strict=True)
    ]
    columns = ("true, predicted →", *(name[:6] for name in classes))
    return "\n".join(
        [
            f"test_loss {result.loss:.4f}  test_acc {result.acc:.4f}  top-5 {result.top5:.4f}  "
            f"{len(result.labels):,} samples",
            "",
            table(("class", "precision", "recall", "f1", "samples"), per_class, "lrrrr"),
            "",
            table(columns, rows, "l" + "r" * len(classes)),
        ]
    )
