"""Evaluate a trained network on the test set."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from engine import metrics
from engine.config import Config
from engine.data import Split
from engine.errors import Cancelled
from engine.parallel.workers import Workers
from engine.train import factory
from engine.train.evaluator import Evaluator
from engine.train.results import Evaluation
from engine.train.weights import load_model, normalised_for


@dataclass(frozen=True)
class Measurement:
    """Results of a trained network on the test set.

    Attributes:
        result: loss, accuracy, and the prediction for every sample.
        classes: names of the classes.
        confusion: counts (C, C); rows are true classes, columns predicted ones.
        scores: precision, recall, F1 and support of every class.
        test: the samples.
        mean, std: per channel, with which pixels divided by 255 were normalised.
        note: one line on how these differ from the data set's own; empty if they do not.
        acc_views: accuracy of the mean scores of several views of each image, where the config
            has ``data.test_views``; beside ``result.acc``, never instead of it.
    """

    result: Evaluation
    classes: tuple[str, ...]
    confusion: np.ndarray
    scores: metrics.PerClass
    test: Split
    mean: tuple[float, ...]
    std: tuple[float, ...]
    note: str
    acc_views: float | None = None

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the classes that occur, each counting the same."""
        return metrics.macro_f1(self.confusion)


def worst_mistakes(confusion: np.ndarray, most: int = 30) -> list[tuple[int, int]]:
    """The cells off the diagonal that are not 0, the largest first."""
    rows, columns = np.nonzero(confusion)  # few: of 10,000 classes all cells are 800 MB
    wrong = rows != columns
    rows, columns = rows[wrong], columns[wrong]
    order = np.argsort(-confusion[rows, columns], kind="stable")[:most]
    return list(zip(rows[order].tolist(), columns[order].tolist(), strict=True))


Order = Literal["loss", "confidence"]
ORDERS: tuple[Order, ...] = ("loss", "confidence")
"""By loss, of all images; by the probability of the predicted class, of wrong predictions alone."""


def worst_images(result: Evaluation, order: Order, most: int) -> list[int]:
    """The numbers of the images that a network does worst on, the worst first.

    By loss, an image whose loss is not a number comes before all others. By confidence, an image
    without a prediction comes after all others. Of wrong predictions with the same confidence
    (near 1 there are many) the one with the larger loss is first; else the lower number is.

    Args:
        result: of the evaluation.
        order: ``loss`` takes all images, right ones too; ``confidence`` those predicted wrong.
        most: how many at most.
    """
    losses = np.where(np.isnan(result.losses), np.inf, result.losses)
    if order == "loss":
        found = np.lexsort((-losses, ~np.isnan(result.losses)))
    else:
        wrong = np.flatnonzero(result.predictions != result.labels)
        found = wrong[np.lexsort((-losses[wrong], -result.confidences[wrong]))]  # NaN sorts last
    return [int(index) for index in found[:most]]


def measure(
    config: Config,
    weights: Path,
    *,
    progress: Callable[[str, int, int], None] = lambda label, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Measurement:
    """Loss, accuracy, scores per class and confusion matrix of a trained network.

    Args:
        config: network, loss and data set.
        weights: weights, a checkpoint or a run.
        progress: called with what is being done, how much of it is done, and the total.
        cancelled: polled; true ends the evaluation.

    Raises:
        CheckpointError: the weights cannot be used.
        DataError: the data set is missing or corrupt.
        Cancelled: ``cancelled`` returned true.
    """
    model = load_model(config, weights)
    dataset, note = normalised_for(
        factory.load_dataset(config, progress=progress, cancelled=cancelled), weights
    )
    note = "; ".join(filter(None, (*dataset.passed_over, note)))
    with Workers(config.train.workers) as workers:
        evaluator = Evaluator(model, factory.make_loss(config), workers=workers)

        def check() -> None:
            if cancelled():
                raise Cancelled(f"{config.dataset}: evaluating was cancelled")

        result = evaluator.evaluate(
            factory.evaluation_batches(dataset.test, dataset),
            lambda done, total: progress("evaluating", done, total),
            check,
        )
        views = factory.test_views(config, dataset)
        acc_views = None
        if views:
            acc_views = evaluator.views_accuracy(
                views, lambda done, total: progress("evaluating views", done, total), check
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
        acc_views,
    )
