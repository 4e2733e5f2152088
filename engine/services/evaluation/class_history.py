"""Each class over the epochs of a run, from the weights that its film keeps."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine import metrics
from engine.arrays import Array
from engine.config import Config
from engine.errors import Cancelled, CheckpointError
from engine.films import film
from engine.parallel.workers import Workers
from engine.train import factory
from engine.train.evaluator import Evaluator
from engine.train.weights import load_model, normalised_for


@dataclass(frozen=True)
class ClassHistory:
    """A network on the test set after some epochs of its training.

    Attributes:
        classes: their names.
        epochs: how many were done, (M,); 0 is before the first.
        recall: share of each class's images that were predicted right, (M, C); NaN of a class
            without images.
        acc: of all images, (M,).
    """

    classes: tuple[str, ...]
    epochs: tuple[int, ...]
    recall: Array
    acc: Array

    def worst_first(self) -> list[int]:
        """The classes by their recall at the end, the lowest first; without images last."""
        return [int(i) for i in np.argsort(self.recall[-1], kind="stable")]

    def best(self, label: int) -> int | None:
        """At which of the moments a class was best, the first of equal ones; None without one."""
        values = self.recall[:, label]
        return None if np.isnan(values).any() else int(values.argmax())


def class_history(
    config: Config,
    run: Path,
    *,
    progress: Callable[[str, int, int], None] = lambda label, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> ClassHistory:
    """Evaluate the frames of a run's film that were taken between two epochs.

    Args:
        config: network, loss and data set of the run.
        run: its folder.
        progress: called with what is being done, how much of it is done, and the total.
        cancelled: polled; true ends the evaluation.

    Raises:
        CheckpointError: the run has no film, or a frame is damaged.
        DataError: the data set is missing or corrupt.
        Cancelled: ``cancelled`` returned true.
    """
    frames = [(frame, film.moment(frame)) for frame in film.frames(run)]
    frames = [(frame, moment) for frame, moment in frames if moment.step == 0]
    if not frames:
        raise CheckpointError(
            f"{run}: the run kept no film, so its epochs are gone; train it with train.film: true"
        )
    dataset, _ = normalised_for(
        factory.load_dataset(config, progress=progress, cancelled=cancelled), frames[0][0]
    )
    batches, count = factory.evaluation_batches(dataset.test, dataset), len(dataset.classes)
    epochs, recall, acc = [], [], []

    def check() -> None:
        if cancelled():
            raise Cancelled(f"{config.dataset}: evaluating was cancelled")

    with Workers(config.train.workers) as workers:
        for number, (frame, moment) in enumerate(frames):
            progress(f"evaluating epoch {moment.epoch}", number, len(frames))
            check()
            if not frame.exists():
                continue  # a training under way has thinned its film out
            model = load_model(config, frame)
            evaluator = Evaluator(model, factory.make_loss(config), workers=workers)
            found = evaluator.evaluate(batches, check=check)
            confusion = metrics.confusion_matrix(found.labels, found.predictions, count)
            scores = metrics.per_class(confusion)
            recall.append(np.where(scores.support > 0, scores.recall, np.nan))
            acc.append(found.acc)
            epochs.append(moment.epoch)
    return ClassHistory(dataset.classes, tuple(epochs), np.array(recall), np.array(acc))
