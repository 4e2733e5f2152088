"""Metrics: counts by hand, ties, and networks of NaNs."""

from collections.abc import Callable

import numpy as np
import pytest

from engine.errors import DTypeError, ShapeError
from engine.metrics import (
    NO_PREDICTION,
    accuracy,
    confidence,
    confusion_matrix,
    correct,
    macro_f1,
    per_class,
    predict,
    top_k_accuracy,
)

LOGITS = np.array(
    [
        [0.1, 0.9, 0.0],
        [2.0, 1.0, 0.0],
        [-3.0, -2.0, -1.0],
        [0.0, 0.2, 0.1],
    ],
    np.float32,
)
LABELS = np.array([1, 0, 1, 2])


def test_by_hand() -> None:
    np.testing.assert_array_equal(predict(LOGITS), [1, 0, 2, 1])
    np.testing.assert_array_equal(correct(LOGITS, LABELS), [True, True, False, False])
    assert accuracy(LOGITS, LABELS) == 0.5
    assert top_k_accuracy(LOGITS, LABELS, 1) == 0.5
    assert top_k_accuracy(LOGITS, LABELS, 2) == 1.0


def test_confidence_is_the_largest_of_the_probabilities() -> None:
    logits = np.array([[0, 0, 0, 0], [0, np.log(3), -np.inf, -np.inf], [1e4, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(confidence(logits), [0.25, 0.75, 1.0], rtol=1e-6)
    assert confidence(logits).dtype == np.float32
    powers = np.exp(LOGITS)
    shares = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(confidence(LOGITS), shares.max(axis=1), rtol=1e-6)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_no_number_has_no_confidence(number: float) -> None:
    logits = np.array([[0.0, number], [0.0, 1.0]])
    np.testing.assert_array_equal(np.isnan(confidence(logits)), [True, False])


def test_scores_are_python_floats() -> None:
    assert type(accuracy(LOGITS, LABELS)) is float
    assert type(top_k_accuracy(LOGITS, LABELS, 2)) is float


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_top_k_against_a_stable_sort(k: int, rng: np.random.Generator) -> None:
    logits = rng.integers(0, 4, (200, 5)).astype(np.float32)  # many ties
    labels = rng.integers(0, 5, 200)
    best = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    expected = np.mean([label in row for label, row in zip(labels, best, strict=True)])
    assert top_k_accuracy(logits, labels, k) == expected
    if k == 1:
        assert accuracy(logits, labels) == expected


def test_a_network_that_says_the_same_for_every_class_is_not_right() -> None:
    labels = np.arange(10)
    logits = np.zeros((10, 10))
    assert accuracy(logits, labels) == 0.1
    assert top_k_accuracy(logits, labels, 3) == pytest.approx(0.3)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_nan_logits_never_count_as_correct(k: int) -> None:
    labels = np.array([0, 0, 0, 1, 2])
    logits = np.full((5, 3), np.nan, np.float32)
    np.testing.assert_array_equal(predict(logits), [NO_PREDICTION] * 5)
    assert accuracy(logits, labels) == 0.0
    assert top_k_accuracy(logits, labels, k) == 0.0


@pytest.mark.parametrize("column", [0, 1, 2])
def test_one_nan_spoils_its_row_only(column: int) -> None:
    logits = np.array([[1.0, 5.0, 2.0], [1.0, 5.0, 2.0]])
    logits[0, column] = np.nan
    labels = np.array([1, 1])
    np.testing.assert_array_equal(predict(logits), [NO_PREDICTION, 1])
    assert accuracy(logits, labels) == 0.5
    assert top_k_accuracy(logits, labels, 2) == 0.5


def test_infinite_logits_are_ordered_like_others() -> None:
    logits = np.array([[-np.inf, 0.0, np.inf], [0.0, -np.inf, -np.inf]])
    assert accuracy(logits, np.array([2, 0])) == 1.0


def test_confusion_rows_are_true_and_columns_predicted() -> None:
    labels = np.array([0, 0, 0, 1, 2, 2])
    predictions = np.array([0, 1, 1, 1, 0, 2])
    counts = confusion_matrix(labels, predictions, 4)
    expected = [[1, 2, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(counts, expected)
    assert np.issubdtype(counts.dtype, np.integer)


def test_confusion_against_a_loop_and_in_parts(rng: np.random.Generator) -> None:
    labels = rng.integers(0, 10, 500).astype(np.uint8)  # 9 * 10 + 9 must not wrap around
    predictions = rng.integers(0, 10, 500)
    expected = np.zeros((10, 10), int)
    for true, predicted in zip(labels, predictions, strict=True):
        expected[true, predicted] += 1
    np.testing.assert_array_equal(confusion_matrix(labels, predictions, 10), expected)
    parts = [
        confusion_matrix(labels[part], predictions[part], 10)
        for part in (slice(0, 123), slice(123, 123), slice(123, 500))
    ]
    np.testing.assert_array_equal(sum(parts), expected)


def test_confusion_of_many_classes_in_small_integers() -> None:
    labels = np.array([99, 20], np.uint8)
    counts = confusion_matrix(labels, labels, 100)
    assert counts[99, 99] == counts[20, 20] == 1
    assert counts.sum() == 2


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64])
def test_confusion_of_integers_of_any_kind(dtype: type) -> None:
    labels, predictions = np.array([0, 1, 1]), np.array([1, 1, 0])
    expected = [[0, 1], [1, 1]]
    np.testing.assert_array_equal(confusion_matrix(labels, predictions.astype(dtype), 2), expected)
    np.testing.assert_array_equal(confusion_matrix(labels.astype(dtype), predictions, 2), expected)


def test_samples_without_a_prediction_are_not_counted() -> None:
    logits = np.array([[1.0, 0.0], [np.nan, 0.0], [0.0, 1.0]])
    counts = confusion_matrix(np.array([0, 0, 1]), predict(logits), 2)
    np.testing.assert_array_equal(counts, [[1, 0], [0, 1]])


def test_per_class_by_hand() -> None:
    scores = per_class(np.array([[3, 1, 0], [2, 2, 0], [1, 1, 0]]))
    np.testing.assert_allclose(scores.precision, [3 / 6, 2 / 4, 0.0])
    np.testing.assert_allclose(scores.recall, [3 / 4, 2 / 4, 0.0])
    np.testing.assert_allclose(scores.f1, [6 / 10, 4 / 8, 0.0])
    np.testing.assert_array_equal(scores.support, [4, 4, 2])


def test_per_class_of_single_samples() -> None:
    scores = per_class(np.array([[1, 0], [0, 1]]))
    for values in scores:
        np.testing.assert_array_equal(values, [1, 1])


def test_per_class_of_nothing_is_zero_without_a_warning() -> None:
    scores = per_class(np.zeros((3, 3), int))
    for values in scores:
        np.testing.assert_array_equal(values, [0, 0, 0])


def test_macro_f1_by_hand() -> None:
    """F1 of 6/10, 4/8 and 0; the third class is never predicted and counts all the same."""
    value = macro_f1(np.array([[3, 1, 0], [2, 2, 0], [1, 1, 0]]))
    assert type(value) is float
    assert value == pytest.approx((0.6 + 0.5 + 0) / 3)


def test_macro_f1_of_a_network_that_always_says_the_common_class() -> None:
    """97 of 100 right; F1 of 2 * 97 / (97 + 100) and 0."""
    assert macro_f1(np.array([[97, 0], [3, 0]])) == pytest.approx(194 / 197 / 2)


@pytest.mark.parametrize(
    ("labels", "predictions", "expected"),
    [
        ([0, 0, 3], [0, 0, 3], 1.0),  # classes 1 and 2 do not occur
        ([0, 0], [0, 2], (2 / 3 + 0) / 2),  # class 2 is only predicted
        ([0, 2], [0, 0], (2 / 3 + 0) / 2),  # class 2 is only true
        ([2, 2], [2, 2], 1.0),
        ([], [], 0.0),
    ],
)
def test_macro_f1_is_over_the_classes_that_occur(
    labels: list[int], predictions: list[int], expected: float
) -> None:
    counts = confusion_matrix(np.array(labels, int), np.array(predictions, int), 4)
    assert macro_f1(counts) == pytest.approx(expected)


def test_macro_f1_against_plain_loops(rng: np.random.Generator) -> None:
    true, predicted = rng.integers(0, 9, 200), rng.integers(2, 12, 200)
    each = []
    for c in set(true.tolist()) | set(predicted.tolist()):
        hits = sum(t == p == c for t, p in zip(true, predicted, strict=True))
        precision = hits / max(sum(p == c for p in predicted), 1)
        recall = hits / max(sum(t == c for t in true), 1)
        total = precision + recall
        each.append(2 * precision * recall / total if total else 0.0)
    expected = sum(each) / len(each)
    assert macro_f1(confusion_matrix(true, predicted, 20)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("logits", "labels", "words"),
    [
        (np.zeros(3), np.zeros(3, int), r"expected \(N, C\)"),
        (np.zeros((3, 0)), np.zeros(3, int), r"expected \(N, C\)"),
        (np.zeros((3, 2)), np.zeros(2, int), r"labels of shape \(2,\)"),
        (np.zeros((3, 2)), np.zeros((3, 1), int), r"labels of shape \(3, 1\)"),
        (np.zeros((3, 2)), np.array([0, 2, 1]), "classes 0 to 1"),
        (np.full((3, 2), np.nan), np.array([0, -1, 1]), "labels from -1 to 1"),
        (np.zeros((0, 2)), np.zeros(0, int), "at least one sample"),
    ],
)
def test_accuracy_errors_teach(logits: np.ndarray, labels: np.ndarray, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        accuracy(logits, labels)
    with pytest.raises(ShapeError, match=words):
        top_k_accuracy(logits, labels, 1)


@pytest.mark.parametrize("k", [0, 4])
def test_top_k_needs_a_possible_k(k: int) -> None:
    with pytest.raises(ValueError, match=f"k={k}"):
        top_k_accuracy(LOGITS, LABELS, k)


def test_confusion_errors_teach() -> None:
    zero = np.zeros(2, int)
    with pytest.raises(ShapeError, match=r"shape \(2,\).*shape \(3,\)"):
        confusion_matrix(zero, np.zeros(3, int), 2)
    with pytest.raises(ShapeError, match="label 2; expected 0 to 1"):
        confusion_matrix(np.array([0, 2]), zero, 2)
    with pytest.raises(ShapeError, match="prediction 3; expected 0 to 1"):
        confusion_matrix(zero, np.array([3, 0]), 2)
    with pytest.raises(ShapeError, match="label -1"):
        confusion_matrix(np.array([0, -1]), zero, 2)
    with pytest.raises(ShapeError, match=r"expected \(C, C\)"):
        per_class(np.zeros((2, 3), int))
    with pytest.raises(ShapeError, match=r"expected \(C, C\)"):
        macro_f1(np.zeros((2, 3), int))


METRICS: dict[str, Callable[[np.ndarray], object]] = {
    "correct": lambda labels: correct(LOGITS, labels),
    "accuracy": lambda labels: accuracy(LOGITS, labels),
    "top_k_accuracy": lambda labels: top_k_accuracy(LOGITS, labels, 2),
    "true classes": lambda labels: confusion_matrix(labels, LABELS, LOGITS.shape[1]),
    "predictions": lambda labels: confusion_matrix(LABELS, labels, LOGITS.shape[1]),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32, bool, object])
@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())
def test_labels_that_are_no_integers_are_refused(
    metric: Callable[[np.ndarray], object], dtype: type
) -> None:
    metric(LABELS.astype(np.int32))
    with pytest.raises(DTypeError, match="expected class indices of an integer dtype"):
        metric(LABELS.astype(dtype))


def test_parts_without_a_sample_add_nothing() -> None:
    """Counts of parts add up, so a part may be empty; a share of nothing may not be asked for."""
    none, no_labels = np.zeros((0, 3)), np.zeros(0, np.int64)
    assert predict(none).shape == correct(none, no_labels).shape == (0,)
    np.testing.assert_array_equal(confusion_matrix(no_labels, no_labels, 3), np.zeros((3, 3)))
    for share in (accuracy, lambda logits, labels: top_k_accuracy(logits, labels, 1)):
        with pytest.raises(ShapeError, match="at least one sample"):
            share(none, no_labels)
