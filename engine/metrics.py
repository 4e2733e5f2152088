"""Metrics of a classifier: accuracy, top-k, confusion matrix, scores of each class, macro F1.

A row of logits with a NaN in it predicts nothing. NumPy's ``argmax`` would answer with the first
NaN, so that a network of NaNs scores the share of class 0 and looks as if it had learned
something; here such a row is never correct.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.arrays import Array
from engine.errors import DTypeError, ShapeError

NO_PREDICTION = -1
"""The prediction for a row of logits with a NaN in it; no class has this number."""


def predict(logits: Array) -> NDArray[np.int64]:
    """The class with the largest logit of each row, the first one where several tie.

    Args:
        logits: ``(N, C)``, or anything that grows with them (probabilities).

    Returns:
        ``(N,)`` class indices; ``NO_PREDICTION`` for a row with a NaN in it.

    Raises:
        ShapeError: the logits are not ``(N, C)`` with at least one class.
    """
    if logits.ndim != 2 or logits.shape[1] == 0:
        raise ShapeError(f"metrics got logits of shape {logits.shape}; expected (N, C)")
    classes = logits.argmax(axis=1).astype(np.int64, copy=False)
    # argmax stops at the first NaN of a row, so looking at what it chose is enough.
    classes[np.isnan(logits[np.arange(len(logits)), classes])] = NO_PREDICTION
    return classes


def confidence(logits: Array) -> Array:
    """The probability of the most probable class of each row, by softmax, from 1/C to 1.

    ``exp(z_c - m) / sum_j exp(z_j - m)`` is ``1 / sum_j exp(z_j - m)`` for the largest logit
    ``z_c = m``.

    Args:
        logits: ``(N, C)``.

    Returns:
        ``(N,)``, of the dtype of the logits; NaN where the largest is a NaN or infinite.
    """
    with np.errstate(invalid="ignore"):
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return 1 / powers.sum(axis=1)


def correct(logits: Array, labels: Array) -> NDArray[np.bool_]:
    """Mask of the samples that are classified correctly, ``(N,)``; counts of parts add up exactly.

    Args:
        logits: ``(N, C)``.
        labels: class indices ``(N,)``.

    Raises:
        ShapeError: the shapes do not fit, or a label is no column of the logits.
        DTypeError: the labels are no integers.
    """
    predictions = predict(logits)
    _check_labels(logits, labels)
    return predictions == labels  # NO_PREDICTION equals no label: those are checked


def accuracy(logits: Array, labels: Array) -> float:
    """The share of samples whose largest logit is that of their class, from 0 to 1.

    Args:
        logits: ``(N, C)``, at least one row.
        labels: class indices ``(N,)``.

    Raises:
        ShapeError: the shapes or the labels do not fit, or there is no sample.
        DTypeError: the labels are no integers.
    """
    hits = correct(logits, labels)
    _check_samples(len(hits))
    return float(hits.mean())


def top_k_accuracy(logits: Array, labels: Array, k: int) -> float:
    """The share of samples whose class is among the ``k`` largest logits, from 0 to 1.

    Ties go to the lower class index, as in ``predict``: ``k = 1`` is ``accuracy``, and a network
    that gives every class the same logit does not score 1.

    Args:
        logits: ``(N, C)``, at least one row.
        labels: class indices ``(N,)``.
        k: how many guesses a sample has, 1 to C.

    Raises:
        ShapeError: the shapes or the labels do not fit, or there is no sample.
        DTypeError: the labels are no integers.
        ValueError: ``k`` is not from 1 to C.
    """
    predictions = predict(logits)
    _check_labels(logits, labels)
    _check_samples(len(labels))
    classes = logits.shape[1]
    if not 1 <= k <= classes:
        raise ValueError(f"top_k_accuracy got k={k}; the logits have {classes} classes")
    own = logits[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(classes) < labels[:, None]
    rank = ((logits > own) | ((logits == own) & earlier)).sum(axis=1)
    return float(((rank < k) & (predictions != NO_PREDICTION)).mean())


def confusion_matrix(labels: Array, predictions: Array, num_classes: int) -> NDArray[np.int64]:
    """Confusion matrix: the number of samples of each class that were predicted as each class.

    Matrices of parts of a data set add up to that of the whole.

    Args:
        labels: true class indices ``(N,)``.
        predictions: predicted class indices ``(N,)``, as from ``predict``; samples with
            ``NO_PREDICTION`` are in no column, so that they are not counted.
        num_classes: C.

    Returns:
        Counts ``(C, C)``: rows are true classes, columns are predicted ones.

    Raises:
        ShapeError: the two differ in length, or hold a class that is not below ``num_classes``.
        DTypeError: one of them holds no integers.
    """
    if labels.shape != predictions.shape or labels.ndim != 1:
        raise ShapeError(
            f"confusion_matrix got labels of shape {labels.shape} and predictions of shape "
            f"{predictions.shape}; expected (N,) for both"
        )
    _check_integers("labels", labels)
    _check_integers("predictions", predictions)
    counted = predictions != NO_PREDICTION
    true = labels[counted].astype(np.int64)
    predicted = predictions[counted].astype(np.int64)
    for what, values in (("label", true), ("prediction", predicted)):
        wrong = values[(values < 0) | (values >= num_classes)]
        if wrong.size:
            raise ShapeError(
                f"confusion_matrix got {what} {wrong[0]}; expected 0 to {num_classes - 1}"
            )
    counts = np.bincount(true * num_classes + predicted, minlength=num_classes**2)
    return counts.astype(np.int64, copy=False).reshape(num_classes, num_classes)


class PerClass(NamedTuple):
    """Scores of every class, each ``(C,)``. A score whose divisor is 0 is 0."""

    precision: NDArray[np.float64]
    """Share of the samples predicted as this class that belong to it."""
    recall: NDArray[np.float64]
    """Share of the samples of this class that were predicted as it."""
    f1: NDArray[np.float64]
    """The harmonic mean of precision and recall."""
    support: NDArray[np.int64]
    """Number of samples of this class."""


def per_class(confusion: Array) -> PerClass:
    """Precision, recall, F1 and support of every class.

    With true positives ``tp`` (the diagonal), ``tp + fp`` (the sum of a column) and ``tp + fn``
    (the sum of a row), ``f1 = 2 tp / ((tp + fp) + (tp + fn))``.

    Args:
        confusion: ``(C, C)`` counts, rows true, columns predicted.

    Raises:
        ShapeError: the matrix is not square.
    """
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1]:
        raise ShapeError(f"per_class got a matrix of shape {confusion.shape}; expected (C, C)")
    hits = np.diagonal(confusion)
    predicted = confusion.sum(axis=0)
    support = confusion.sum(axis=1)
    return PerClass(
        precision=_share(hits, predicted),
        recall=_share(hits, support),
        f1=_share(2 * hits, predicted + support),
        support=support,
    )


def macro_f1(confusion: Array) -> float:
    """The mean of the F1 of the classes, each counting the same, from 0 to 1.

    A network that only knows the common classes has a high accuracy and a low macro F1. As in
    scikit-learn (``f1_score(average="macro", zero_division=0)``), the mean is over the classes
    that occur, as true or as predicted ones. Without any, it is 0.

    Args:
        confusion: ``(C, C)`` counts, rows true, columns predicted.

    Raises:
        ShapeError: the matrix is not square.
    """
    f1 = per_class(confusion).f1
    occur = confusion.any(axis=0) | confusion.any(axis=1)
    return float(f1.sum() / max(occur.sum(), 1))


def _share(part: Array, whole: Array) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def _check_integers(what: str, values: Array) -> None:
    if not np.issubdtype(values.dtype, np.integer):
        raise DTypeError(
            f"metrics got {what} of dtype {values.dtype}; expected class indices of an integer "
            "dtype, such as int64"
        )


def _check_labels(logits: Array, labels: Array) -> None:
    _check_integers("labels", labels)
    if labels.shape != logits.shape[:1]:
        raise ShapeError(
            f"metrics got labels of shape {labels.shape} for logits of shape {logits.shape}; "
            f"expected ({len(logits)},)"
        )
    classes = logits.shape[1]
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ShapeError(
            f"metrics got labels from {labels.min()} to {labels.max()}; logits of shape "
            f"{logits.shape} have classes 0 to {classes - 1}"
        )


def _check_samples(n: int) -> None:
    if n == 0:
        raise ShapeError("an accuracy needs at least one sample, got none")
