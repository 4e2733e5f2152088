"""Losses: values by hand, gradients against finite differences and PyTorch, errors that teach."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from engine.config import loads
from engine.errors import ConfigError, ShapeError
from engine.losses import LOSSES, MSE, Loss, SoftmaxCrossEntropy, balanced_weights, register
from engine.train.factory import make_loss

SMOOTHING = [0.0, 0.1, 0.5, 1.0]
WEIGHTS = np.array([0.2, 3.0, 1.0, 0.0, 7.5])
CASES = [
    *(pytest.param(loss, id=name) for name, loss in LOSSES.items()),
    pytest.param(lambda: SoftmaxCrossEntropy(0.1), id="cross_entropy smoothed"),
    pytest.param(lambda: SoftmaxCrossEntropy(1.0), id="cross_entropy all smoothing"),
    pytest.param(lambda: SoftmaxCrossEntropy(0.0, WEIGHTS), id="cross_entropy weighted"),
    pytest.param(lambda: SoftmaxCrossEntropy(0.1, WEIGHTS), id="cross_entropy weighted, smoothed"),
]
"""Every registered loss, and other ways to make one."""

Make = Callable[[], Loss]


def batch(
    loss: Loss, rng: np.random.Generator, dtype: type = np.float64, n: int = 7, f: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    pred: np.ndarray = (3 * rng.standard_normal((n, f))).astype(dtype)
    if loss.takes_labels:
        return pred, rng.integers(0, f, n)
    return pred, rng.standard_normal((n, f)).astype(dtype)


def numeric_gradient(loss: Loss, pred: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Central differences of order four, every element of every sample."""
    h = 1e-3
    grad = np.empty_like(pred)
    for index in np.ndindex(*pred.shape):
        total = 0.0
        for offset, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
            moved = pred.copy()
            moved[index] += offset * h
            total += weight * loss.forward(moved, target)
        grad[index] = total / (12 * h)
    return grad


def relative_error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max() / max(np.abs(a).max(), np.abs(b).max()))


@pytest.mark.parametrize("make", CASES)
def test_gradient_against_finite_differences(make: Make, rng: np.random.Generator) -> None:
    pred, target = batch(make(), rng)
    loss = make()
    numeric = numeric_gradient(loss, pred, target)
    loss.forward(pred, target)
    assert relative_error(loss.backward(), numeric) <= 1e-7


class Mutant(SoftmaxCrossEntropy):
    def __init__(self, mutation: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
        super().__init__()
        self.mutation = mutation

    def backward(self) -> np.ndarray:
        assert self._cache is not None
        return self.mutation(super().backward(), self._cache[0])


@pytest.mark.parametrize(
    "mutation",
    [
        pytest.param(lambda grad, p: -grad, id="sign"),
        pytest.param(lambda grad, p: grad * len(grad), id="sum instead of mean"),
        pytest.param(lambda grad, p: p / len(p), id="target missing"),
        pytest.param(lambda grad, p: grad * (np.arange(len(grad)) == 0)[:, None], id="one sample"),
        pytest.param(lambda grad, p: grad + 1e-6 * np.abs(grad), id="a millionth too large"),
    ],
)
def test_bug_20_the_check_of_gradients_sees_a_broken_backward(
    mutation: Callable[[np.ndarray, np.ndarray], np.ndarray], rng: np.random.Generator
) -> None:
    pred, target = batch(SoftmaxCrossEntropy(), rng)
    loss = Mutant(mutation)
    numeric = numeric_gradient(loss, pred, target)
    loss.forward(pred, target)
    assert relative_error(loss.backward(), numeric) > 1e-7


@pytest.mark.parametrize("smoothing", SMOOTHING)
def test_cross_entropy_is_that_of_the_definition(
    smoothing: float, rng: np.random.Generator
) -> None:
    logits, labels = batch(SoftmaxCrossEntropy(), rng)
    expected = []
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        total = math.fsum(math.exp(z) for z in row)
        q = [smoothing / len(row) + (1 - smoothing) * (c == label) for c in range(len(row))]
        expected.append(-math.fsum(q[c] * math.log(math.exp(row[c]) / total) for c in range(5)))
    loss = SoftmaxCrossEntropy(smoothing)
    np.testing.assert_allclose(loss.per_sample(logits, labels), expected, rtol=1e-13)
    assert loss.forward(logits, labels) == pytest.approx(math.fsum(expected) / 7, rel=1e-13)


def test_cross_entropy_of_a_network_that_knows_nothing_is_log_of_the_classes() -> None:
    loss = SoftmaxCrossEntropy()
    assert loss.forward(np.zeros((4, 10)), np.arange(4)) == pytest.approx(math.log(10))
    np.testing.assert_allclose(loss.backward()[0], [(0.1 - 1) / 4] + [0.1 / 4] * 9, rtol=1e-14)


def test_cross_entropy_by_hand() -> None:
    """Probabilities (1, 2, 3)/6, of which the third counts, and (1, 1, 1)/3, the first."""
    loss = SoftmaxCrossEntropy()
    logits = np.log([[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]])
    assert loss.forward(logits, np.array([2, 0])) == pytest.approx((math.log(2) + math.log(3)) / 2)
    np.testing.assert_allclose(
        loss.backward(), [[1 / 12, 2 / 12, -3 / 12], [-4 / 12, 2 / 12, 2 / 12]], rtol=1e-14
    )


def test_weighted_cross_entropy_by_hand() -> None:
    """As above; the first sample, of class 2, counts 4 times, the second, of class 0, half."""
    loss = SoftmaxCrossEntropy(class_weights=np.array([0.5, 9.0, 4.0]))
    logits = np.log([[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]])
    expected = (4 * math.log(2) + 0.5 * math.log(3)) / 2
    assert loss.forward(logits, np.array([2, 0])) == pytest.approx(expected)
    np.testing.assert_allclose(
        loss.backward(), [[4 / 12, 8 / 12, -12 / 12], [-2 / 12, 1 / 12, 1 / 12]], rtol=1e-14
    )


def test_a_weight_is_a_sample_that_is_there_more_often(rng: np.random.Generator) -> None:
    logits, labels = batch(SoftmaxCrossEntropy(), rng)
    times = np.array([1, 3, 2, 4, 1])
    loss, plain = SoftmaxCrossEntropy(0.1, times.astype(float)), SoftmaxCrossEntropy(0.1)
    total = plain.forward(logits.repeat(times[labels], 0), labels.repeat(times[labels]))
    assert loss.forward(logits, labels) * 7 == pytest.approx(total * times[labels].sum())


def test_what_evaluates_has_no_weights_and_all_else(rng: np.random.Generator) -> None:
    logits, labels = batch(SoftmaxCrossEntropy(), rng)
    loss = SoftmaxCrossEntropy(0.1, WEIGHTS).unweighted()
    assert loss.forward(logits, labels) == SoftmaxCrossEntropy(0.1).forward(logits, labels)
    mse = MSE()
    assert mse.unweighted() is mse


def test_balanced_weights_by_hand() -> None:
    """8 samples, 2 a class would be even: one of 4 counts half, the only one twice."""
    np.testing.assert_array_equal(balanced_weights(np.array([4, 1, 2, 1])), [0.5, 2, 1, 2])


def test_classes_without_samples_weigh_nothing_and_change_no_other_weight() -> None:
    weights = balanced_weights(np.array([0, 3, 0, 1]))
    np.testing.assert_array_equal(weights, [0, 4 / 6, 0, 2])
    np.testing.assert_array_equal(balanced_weights(np.zeros(3, int)), [0, 0, 0])


def test_balanced_weights_are_those_of_scikit_learn_and_average_1(rng: np.random.Generator) -> None:
    """``n_samples / (n_classes * np.bincount(y))``, says the reference of scikit-learn."""
    y = rng.choice(4, 321, p=[0.6, 0.05, 0.05, 0.3])
    weights = balanced_weights(np.bincount(y))
    np.testing.assert_array_equal(weights, len(y) / (4 * np.bincount(y)))
    assert weights[y].mean() == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_weights_that_are_none_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite and 0 or more"):
        SoftmaxCrossEntropy(class_weights=np.array([1.0, bad]))


@pytest.mark.parametrize("classes", [4, 6])
def test_weights_of_other_classes_are_refused(classes: int) -> None:
    loss = SoftmaxCrossEntropy(class_weights=np.ones(classes))
    with pytest.raises(ShapeError, match=r"weights of shape \(.*expected \(5,\): one a class"):
        loss.forward(np.zeros((3, 5)), np.zeros(3, int))


def test_mse_by_hand() -> None:
    """Differences (1, 0, -2) and (0, 3, -1): squares 1 + 4 + 9 + 1 over 6, slopes 2/6 of each."""
    loss = MSE()
    pred, target = np.array([[1.0, 2, 3], [0, 5, 1]]), np.array([[0.0, 2, 5], [0, 2, 2]])
    assert loss.forward(pred, target) == 15 / 6
    np.testing.assert_allclose(loss.backward(), [[1 / 3, 0, -2 / 3], [0, 1, -1 / 3]], rtol=1e-15)


def test_targets_of_class_labels_are_labels_or_one_hot_rows() -> None:
    labels = np.array([2, 0, 2])
    assert SoftmaxCrossEntropy().target(labels, 3, np.float32) is labels
    rows = MSE().target(labels, 3, np.float32)
    assert rows.dtype == np.float32
    assert rows.tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1]]


def test_a_config_may_name_every_registered_loss_and_no_other() -> None:
    text = "dataset: mnist_mini\nmodel: mlp\ntrain: {loss: %s}\n"
    for name, loss in LOSSES.items():
        assert type(make_loss(loads(text % name))) is loss
    with pytest.raises(ConfigError, match="expected one of cross_entropy, mse"):
        loads(text % "hinge")


def test_two_losses_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two losses are called mse"):
        register("mse")(MSE)


@pytest.mark.parametrize("size", [1e3, 1e30, 3e38])
def test_large_logits_are_no_problem_in_float32(size: float) -> None:
    logits = np.array([[size, 0.0, -size], [-size, size, 0.0]], np.float32)
    loss = SoftmaxCrossEntropy()
    assert loss.forward(logits, np.array([0, 1])) == 0.0
    np.testing.assert_array_equal(loss.backward(), np.zeros((2, 3)))


def test_a_confident_mistake_costs_its_margin() -> None:
    assert SoftmaxCrossEntropy().forward(np.array([[1000.0, 0.0]]), np.array([1])) == 1000.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("make", CASES)
def test_a_diverged_network_gives_a_loss_that_is_not_finite_and_no_warning(
    make: Make, bad: float, rng: np.random.Generator
) -> None:
    pred, target = batch(make(), rng, np.float32)
    pred[2, 3] = bad
    loss = make()
    assert not math.isfinite(loss.forward(pred, target))
    assert not np.isfinite(loss.backward()).all()


@pytest.mark.parametrize("size", [1e20, 3e38])
def test_mse_that_overflows_is_infinite_without_a_warning(size: float) -> None:
    loss = MSE()
    pred = np.array([[size, 0.0]], np.float32)
    assert loss.forward(pred, -pred) == math.inf
    assert loss.backward()[0, 0] > 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", CASES)
def test_bug_18_dtype_is_that_of_the_prediction(
    make: Make, dtype: type, rng: np.random.Generator
) -> None:
    pred, target = batch(make(), rng, dtype)
    loss = make()
    assert type(loss.forward(pred, target)) is float
    assert loss.backward().dtype == dtype
    if isinstance(loss, SoftmaxCrossEntropy):
        assert loss.per_sample(pred, target).dtype == dtype


def test_mse_takes_targets_of_another_dtype_without_leaving_float32(
    rng: np.random.Generator,
) -> None:
    pred = rng.standard_normal((3, 4)).astype(np.float32)
    loss = MSE()
    for target in (np.eye(3, 4), np.eye(3, 4, dtype=np.int64)):
        loss.forward(pred, target)
        assert loss.backward().dtype == np.float32


@pytest.mark.parametrize("make", CASES)
def test_bug_12_and_13_nothing_is_changed_and_backward_repeats(
    make: Make, rng: np.random.Generator
) -> None:
    pred, target = batch(make(), rng)
    before = pred.copy(), target.copy()
    loss = make()
    loss.forward(pred, target)
    first = loss.backward()
    kept = first.copy()
    first *= 17.0  # what a caller does with it stays with the caller
    pred *= 2.0
    target *= 0
    np.testing.assert_array_equal(loss.backward(), kept)

    pred, target = before[0].copy(), before[1].copy()
    loss.forward(pred, target)
    loss.backward()
    np.testing.assert_array_equal(pred, before[0])
    np.testing.assert_array_equal(target, before[1])


@pytest.mark.parametrize("make", CASES)
def test_micro_batches_add_up_to_the_batch(make: Make, rng: np.random.Generator) -> None:
    pred, target = batch(make(), rng, n=10)
    whole, part = make(), make()
    total = whole.forward(pred, target)
    losses, grads = 0.0, []
    for piece in (slice(0, 4), slice(4, 8), slice(8, 10)):
        share = len(pred[piece]) / 10
        losses += share * part.forward(pred[piece], target[piece])
        grads.append(share * part.backward())
    assert losses == pytest.approx(total, rel=1e-14)
    np.testing.assert_allclose(np.concatenate(grads), whole.backward(), rtol=1e-12, atol=1e-17)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [*CASES, pytest.param(lambda: OneByOne(), id="one by one")])
def test_per_sample_is_the_loss_of_each_sample_alone(
    make: Make, dtype: type, rng: np.random.Generator
) -> None:
    loss = make()
    pred, target = batch(loss, rng, dtype)
    alone = [make().forward(pred[i : i + 1], target[i : i + 1]) for i in range(len(pred))]
    loss.forward(pred, target)
    before = loss.backward()
    found = loss.per_sample(pred, target)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, alone, rtol=1e-5 if dtype == np.float32 else 1e-12)
    np.testing.assert_array_equal(loss.backward(), before)


@pytest.mark.parametrize("size", [1e30, np.inf])
def test_per_sample_of_a_diverged_network_is_no_number_and_no_warning(size: float) -> None:
    pred = np.array([[size, size], [0.0, 0.0]], np.float32)
    target = np.array([[-size, size], [1.0, 0.0]], np.float32)
    losses = MSE().per_sample(pred, target)
    assert not np.isfinite(losses[0])
    assert losses[1] == 0.5


class OneByOne(MSE):
    """A loss that has no faster way than to look at one sample after the other."""

    per_sample = Loss.per_sample


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_any_integer_dtype_is_a_label(dtype: type, rng: np.random.Generator) -> None:
    logits, labels = batch(SoftmaxCrossEntropy(), rng)
    loss = SoftmaxCrossEntropy()
    expected = loss.forward(logits, labels)
    assert loss.forward(logits, labels.astype(dtype)) == expected


@pytest.mark.parametrize(
    ("logits", "labels", "error", "words"),
    [
        (np.zeros((3, 5)), np.array([0, 5, 1]), ShapeError, "label 5 in row 1.*classes 0 to 4"),
        (np.zeros((3, 5)), np.array([0, 1, -1]), ShapeError, "label -1 in row 2"),
        (np.zeros((3, 5)), np.zeros(3), TypeError, "dtype float64.*integer"),
        (np.zeros((3, 5)), np.zeros(3, bool), TypeError, "dtype bool"),
        (np.zeros((3, 5)), np.eye(3, 5, dtype=int), ShapeError, "not one-hot"),
        (np.zeros((3, 5)), np.zeros(4, int), ShapeError, r"labels of shape \(4,\)"),
        (np.zeros((3, 5, 1, 1)), np.zeros(3, int), ShapeError, r"expected \(N, C\)"),
        (np.zeros((3, 5), int), np.zeros(3, int), TypeError, "expected floats"),
        (np.zeros((0, 5)), np.zeros(0, int), ShapeError, "a mean needs elements"),
    ],
)
def test_cross_entropy_errors_teach(
    logits: np.ndarray, labels: np.ndarray, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        SoftmaxCrossEntropy().forward(logits, labels)
    with pytest.raises(error, match=words):
        SoftmaxCrossEntropy().per_sample(logits, labels)


@pytest.mark.parametrize(
    ("pred", "target", "error", "words"),
    [
        (np.zeros((3, 5)), np.zeros(3), ShapeError, r"\(3, 5\).*\(3,\).*one-hot"),
        (np.zeros((3, 1)), np.zeros((3, 5)), ShapeError, "expected the same shape"),
        (np.zeros((3, 5), int), np.zeros((3, 5)), TypeError, "expected floats"),
        (np.zeros((0, 5)), np.zeros((0, 5)), ShapeError, "a mean needs elements"),
    ],
)
def test_mse_errors_teach(
    pred: np.ndarray, target: np.ndarray, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        MSE().forward(pred, target)


@pytest.mark.parametrize("smoothing", [-0.1, 1.1, math.nan])
def test_label_smoothing_out_of_range(smoothing: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        SoftmaxCrossEntropy(smoothing)


@pytest.mark.parametrize("name", LOSSES)
def test_registered_losses_have_defaults_and_ask_for_a_forward_first(name: str) -> None:
    with pytest.raises(RuntimeError, match="needs a forward"):
        LOSSES[name]().backward()


@pytest.mark.torch
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-6)])
@pytest.mark.parametrize("smoothing", SMOOTHING)
def test_cross_entropy_like_pytorch(
    smoothing: float, dtype: type, tolerance: float, rng: np.random.Generator
) -> None:
    import torch

    logits, labels = batch(SoftmaxCrossEntropy(), rng, dtype, n=16, f=10)
    x = torch.from_numpy(logits.copy()).requires_grad_()
    expected = torch.nn.functional.cross_entropy(
        x, torch.from_numpy(labels), label_smoothing=smoothing
    )
    expected.backward()
    loss = SoftmaxCrossEntropy(smoothing)
    assert loss.forward(logits, labels) == pytest.approx(expected.item(), rel=tolerance)
    np.testing.assert_allclose(loss.backward(), x.grad.numpy(), rtol=0, atol=tolerance)


@pytest.mark.torch
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-5)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_weighted_cross_entropy_like_pytorch(
    smoothing: float, dtype: type, tolerance: float, rng: np.random.Generator
) -> None:
    """PyTorch's mean divides by the sum of the weights, so that sums are compared.

    It smooths with weights of its own (see the class), so that its smoothed losses are weighted
    here.
    """
    import torch

    weights = balanced_weights(np.array([1, 20, 3, 50, 7, 1, 90, 4, 2, 30]))
    logits, labels = batch(SoftmaxCrossEntropy(), rng, dtype, n=16, f=10)
    x, y = torch.from_numpy(logits.copy()).requires_grad_(), torch.from_numpy(labels)
    w = torch.from_numpy(weights.astype(dtype))
    if smoothing:
        each = torch.nn.functional.cross_entropy(x, y, label_smoothing=smoothing, reduction="none")
        expected = (each * w[y]).sum() / 16
    else:
        expected = torch.nn.functional.cross_entropy(x, y, weight=w, reduction="sum") / 16
    expected.backward()
    loss = SoftmaxCrossEntropy(smoothing, weights)
    assert loss.forward(logits, labels) == pytest.approx(expected.item(), rel=tolerance)
    np.testing.assert_allclose(loss.backward(), x.grad.numpy(), rtol=0, atol=tolerance)


@pytest.mark.torch
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 1e-6)])
def test_mse_like_pytorch(dtype: type, tolerance: float, rng: np.random.Generator) -> None:
    import torch

    pred, target = batch(MSE(), rng, dtype, n=16, f=10)
    x = torch.from_numpy(pred.copy()).requires_grad_()
    expected = torch.nn.functional.mse_loss(x, torch.from_numpy(target))
    expected.backward()
    loss = MSE()
    assert loss.forward(pred, target) == pytest.approx(expected.item(), rel=tolerance)
    np.testing.assert_allclose(loss.backward(), x.grad.numpy(), rtol=0, atol=tolerance)
