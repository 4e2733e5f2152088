"""Losses: the error of a batch as one number, and its gradient.

To add a loss, write its class here and decorate it with ``register`` and its name in a config;
``LOSSES``, the config schema, the form and the help follow.

All losses are means over what they are given. A batch that is split into micro-batches
therefore gets the gradient of the whole batch by weighting each part with its share of the
samples, ``n_micro / N``, and adding.

A loss object keeps what its backward pass needs, so each thread uses one of its own.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, TypeVar

import numpy as np

from engine.arrays import Array
from engine.errors import DTypeError, NotReadyError, ShapeError


class Loss(ABC):
    """The contract: ``forward`` gives the loss, ``backward`` its gradient for the same batch.

    Every loss takes rows (N, C) as targets, the share of each class.

    Attributes:
        takes_labels: whether it takes class indices (N,) as well, which are quicker.
        takes_logits: whether it applies the softmax itself, so that scores must be unlimited.
        smooths_labels: whether its constructor takes ``label_smoothing``.
        weights_classes: whether its constructor takes ``class_weights``.
    """

    takes_labels: ClassVar[bool] = False
    takes_logits: ClassVar[bool] = False
    smooths_labels: ClassVar[bool] = False
    weights_classes: ClassVar[bool] = False

    @abstractmethod
    def forward(self, pred: Array, target: Array) -> float:
        """The mean loss of a batch. Values that are not finite give a loss that is not finite."""

    @abstractmethod
    def backward(self) -> Array:
        """The gradient of the last ``forward`` for its ``pred``: a new array of its dtype."""

    def per_sample(self, pred: Array, target: Array) -> Array:
        """The loss of every sample, ``(N,)``, whose mean ``forward`` returns.

        Leaves what ``backward`` needs alone: it can be called between the two. One sample at a
        time, unless a loss has a faster way of its own.
        """
        twin = copy.copy(self)
        return np.array(
            [twin.forward(pred[i : i + 1], target[i : i + 1]) for i in range(len(pred))], pred.dtype
        )

    def target(
        self,
        labels: Array,
        classes: int,
        dtype: np.typing.DTypeLike,
        mix: tuple[Array, Array] | None = None,
    ) -> Array:
        """The target of ``forward`` for class labels.

        Args:
            labels: class indices ``(N,)``.
            classes: how many there are, C.
            dtype: of rows.
            mix: the labels of what was mixed into the samples, ``(N,)``, and the share that is
                still their own, ``(N,)``; None where nothing was.

        Returns:
            The labels themselves, or rows ``(N, C)``: one-hot, or mixed.
        """
        if mix is None and self.takes_labels:
            return labels
        rows: Array = np.eye(classes, dtype=dtype)
        if mix is None:
            return rows[labels]
        others, shares = mix
        own = shares.astype(dtype)[:, None]
        return own * rows[labels] + (1 - own) * rows[others]

    def unweighted(self) -> "Loss":
        """The loss to evaluate with, in which every sample counts the same.

        Weights are for training: losses of other samples, and of runs with and without weights,
        can only be compared without them. Keras' ``class_weight`` is for training only, too.
        """
        return self


def balanced_weights(counts: Array) -> Array:
    """The weight of each class with which all classes count the same, ``(C,)``, float64.

    ``w_c = N / (K * n_c)``, for N samples of K classes, ``n_c`` of them of class c: scikit-learn's
    ``class_weight="balanced"``, from King and Zeng, 'Logistic regression in rare events data',
    2001. The sum over the samples is ``sum_c n_c * w_c = N``: weights average 1.

    Args:
        counts: samples of each class, ``n_c``, ``(C,)``. A class without any is not among the K,
            and its weight, which is never used, is 0.
    """
    present = counts > 0
    weights = np.zeros(len(counts))
    np.divide(counts.sum(), present.sum() * counts, out=weights, where=present)
    return weights


L = TypeVar("L", bound=Loss)

LOSSES: dict[str, type[Loss]] = {}
"""Every registered loss by its name in a config."""


def register(name: str) -> Callable[[type[L]], type[L]]:
    """Class decorator: make a loss known by a name.

    Raises:
        ValueError: another loss has that name.
    """

    def add(loss: type[L]) -> type[L]:
        if name in LOSSES:
            raise ValueError(f"two losses are called {name}")
        LOSSES[name] = loss
        return loss

    return add


@register("cross_entropy")
class SoftmaxCrossEntropy(Loss):
    r"""Softmax and cross-entropy in one, for logits ``(N, C)`` and the classes.

    With logits ``z``, softmax ``p_c = exp(z_c) / sum_j exp(z_j)`` and a target distribution
    ``q``, the loss of one sample is the cross-entropy::

        L = -sum_c q_c * log p_c = logsumexp(z) - sum_c q_c * z_c         (as sum_c q_c = 1)

    The target puts ``1 - s`` on the true class ``y`` and spreads the label smoothing ``s``
    evenly: ``q_c = (1 - s) * [c = y] + s / C`` (Szegedy et al. 2016, section 7). A target that is a
    row of shares ``r`` has ``r_c`` in the place of ``[c = y]``.

    ``logsumexp`` is stable because the row's largest logit is subtracted first: no exponent is
    above zero, and one of them is zero, so the sum lies in ``[1, C]``.

    Args:
        label_smoothing: ``s``, in ``[0, 1]``; 0 is plain cross-entropy.
        class_weights: ``w``, ``(C,)``: the loss of a sample of class ``y`` counts ``w_y`` times;
            None is 1 for all.

    The mean of weighted losses is their sum divided by N, as in Keras (``class_weight``), not by
    the sum of the weights, as in PyTorch (``weight``). So the share of a micro-batch is ``n / N``
    as ever, and a sample counts the same in whichever batch it is. Weights that average 1 over
    the training set, such as the balanced ones, give an epoch the scale of an unweighted one.

    A weight is that of the true class, for the whole loss of its sample. PyTorch weights each
    term of the smoothed target by its own class, which raises the share ``s / C`` of rare ones:
    with enough weight a rare class would be the best answer for the samples of a common one. The
    loss of a row is the mean of those of its classes, each with its weight: ``sum_c r_c w_c L_c``.

    Raises:
        ValueError: ``label_smoothing`` is not in ``[0, 1]``, or a weight is negative or not finite.
    """

    takes_labels = True
    takes_logits = True
    smooths_labels = True
    weights_classes = True

    def __init__(self, label_smoothing: float = 0.0, class_weights: Array | None = None) -> None:
        if not 0.0 <= label_smoothing <= 1.0:
            raise ValueError(f"label_smoothing must be from 0 to 1, got {label_smoothing}")
        if (
            class_weights is not None
            and not (np.isfinite(class_weights) & (class_weights >= 0)).all()
        ):
            raise ValueError(f"class_weights must be finite and 0 or more, got {class_weights}")
        self.label_smoothing = float(label_smoothing)
        self.class_weights = class_weights
        self._cache: tuple[Array, Array] | None = None

    def forward(self, pred: Array, target: Array) -> float:
        """The mean cross-entropy of a batch, weighted if there are weights, in nats.

        Args:
            pred: logits ``(N, C)``, any float dtype.
            target: class indices ``(N,)``, any integer dtype, from 0 to ``C - 1``; or shares
                ``(N, C)``, floats that add up to 1 in every row.

        Raises:
            ShapeError: the shapes do not fit, a label is no column of the logits, or there is not
                one weight for each column.
            DTypeError: the logits are no floats, or the labels no integers.
        """
        losses, probabilities = self._evaluate(pred, target)
        self._cache = probabilities, target.copy()
        return float(losses.mean())

    def backward(self) -> Array:
        r"""The gradient of the mean loss for the logits, ``(N, C)``.

        Derivation, for one sample. The two terms of ``L = logsumexp(z) - sum_j q_j z_j`` give::

            d logsumexp(z) / dz_c = exp(z_c) / sum_j exp(z_j) = p_c
            d (sum_j q_j z_j) / dz_c = q_c
            dL / dz_c = p_c - q_c

        The mean over the batch adds a factor ``1 / N`` to every row, and a weight of its class
        that factor, as neither depends on ``z``. So a row of the gradient is (what the network
        says) - (what it should say), it sums to zero, and it needs no derivative of the softmax
        by itself (Goodfellow et al. 2016, section 6.2.2.3).

        Raises:
            NotReadyError: ``forward`` was not called yet.
        """
        if self._cache is None:
            raise NotReadyError("SoftmaxCrossEntropy.backward needs a forward before it")
        probabilities, target = self._cache
        n, classes = probabilities.shape
        dpred = probabilities - self.label_smoothing / classes
        weights, shares = self._weighted(target)
        if shares is None:
            dpred[np.arange(n), target] -= 1.0 - self.label_smoothing
        else:
            dpred -= (1.0 - self.label_smoothing) * shares
        if weights is not None:
            dpred *= weights[:, None]
        dpred /= n
        return dpred

    def unweighted(self) -> "SoftmaxCrossEntropy":
        return SoftmaxCrossEntropy(self.label_smoothing)

    def per_sample(self, logits: Array, target: Array) -> Array:
        """The loss of every sample, ``(N,)``, whose mean ``forward`` returns.

        Leaves what ``backward`` needs alone: it can be called between the two.

        Args:
            logits, target: as in ``forward``.

        Raises:
            ShapeError: the shapes do not fit, or a label is no column of the logits.
            DTypeError: the logits are no floats, or the labels no integers.
        """
        return self._evaluate(logits, target)[0]

    def _weighted(self, target: Array) -> tuple[Array | None, Array | None]:
        """How much each sample counts ``(N,)``, and of rows, what each class has of it ``(N, C)``.

        None if all count the same, and if the targets are labels.
        """
        rows, weights = target.ndim == 2, self.class_weights
        if weights is None:
            return None, target if rows else None
        if not rows:
            return weights[target], None
        counting = target * weights
        total = counting.sum(axis=1, keepdims=True)
        return total[:, 0], np.divide(counting, total, out=target.copy(), where=total > 0)

    def _evaluate(self, logits: Array, target: Array) -> tuple[Array, Array]:
        """Loss per sample ``(N,)``, weighted, and softmax ``(N, C)``."""
        _check_target(logits, target)
        s, weights = self.label_smoothing, self.class_weights
        if weights is not None and weights.shape != logits.shape[1:]:
            raise ShapeError(
                f"SoftmaxCrossEntropy got weights of shape {weights.shape} for logits of shape "
                f"{logits.shape}; expected ({logits.shape[1]},): one a class"
            )
        weights, shares = self._weighted(target)
        # A diverged network is the trainer's to report: its NaN must not print warnings as well.
        with np.errstate(invalid="ignore", over="ignore"):
            shifted = logits - logits.max(axis=1, keepdims=True)
            probabilities = np.exp(shifted)
            sums = probabilities.sum(axis=1, keepdims=True)
            probabilities /= sums
            if shares is None:
                expected = shifted[np.arange(len(target)), target]
            else:
                expected = (shares * shifted).sum(axis=1)
            if s > 0.0:
                expected = (1.0 - s) * expected + s * shifted.mean(axis=1)
            losses = np.log(sums[:, 0]) - expected
            if weights is not None:
                losses *= weights
            return losses, probabilities


@register("mse")
class MSE(Loss):
    r"""Mean squared error: the mean of ``(pred - target)^2`` over all elements, as in PyTorch.

    For a classifier the targets are one-hot rows.
    """

    def __init__(self) -> None:
        self._difference: Array | None = None

    def forward(self, pred: Array, target: Array) -> float:
        """The mean of the squared differences.

        Args:
            pred: predictions ``(N, F)``, any float dtype.
            target: what they should be, the same shape.

        Raises:
            ShapeError: the shapes differ (nothing is broadcast), or there are no elements.
            DTypeError: the predictions are no floats.
        """
        _check_floats("MSE", pred)
        if pred.shape != target.shape:
            raise ShapeError(
                f"MSE got predictions of shape {pred.shape} and targets of shape {target.shape}; "
                "expected the same shape (class indices must be made one-hot first)"
            )
        with np.errstate(invalid="ignore", over="ignore"):
            self._difference = np.subtract(pred, target, dtype=pred.dtype)
            return float(np.square(self._difference).mean())

    def per_sample(self, pred: Array, target: Array) -> Array:
        """The mean of the squared differences of every row, ``(N,)``."""
        with np.errstate(invalid="ignore", over="ignore"):
            return np.square(np.subtract(pred, target, dtype=pred.dtype)).mean(axis=1)

    def backward(self) -> Array:
        r"""The gradient of the mean squared error for the predictions, ``(N, F)``.

        Derivation. With ``M = N * F`` elements, ``L = 1/M * sum_i (x_i - t_i)^2``. Each ``x_i``
        is in one term only, so ``dL / dx_i = 2 / M * (x_i - t_i)``.

        Raises:
            NotReadyError: ``forward`` was not called yet.
        """
        if self._difference is None:
            raise NotReadyError("MSE.backward needs a forward before it")
        with np.errstate(over="ignore"):
            return self._difference * (2.0 / self._difference.size)


def _check_floats(loss: str, pred: Array) -> None:
    if not np.issubdtype(pred.dtype, np.floating):
        raise DTypeError(f"{loss} got predictions of dtype {pred.dtype}; expected floats")
    if pred.size == 0:
        raise ShapeError(f"{loss} got predictions of shape {pred.shape}: a mean needs elements")


def _check_target(logits: Array, labels: Array) -> None:
    name = "SoftmaxCrossEntropy"
    _check_floats(name, logits)
    if logits.ndim != 2:
        raise ShapeError(
            f"{name} got logits of shape {logits.shape}; expected (N, C): "
            "one row a sample, one column a class"
        )
    if labels.shape == logits.shape and np.issubdtype(labels.dtype, np.floating):
        return
    if not np.issubdtype(labels.dtype, np.integer):
        raise DTypeError(
            f"{name} got labels of dtype {labels.dtype}; expected class indices of an integer "
            "dtype, such as int64"
        )
    if labels.shape != logits.shape[:1]:
        raise ShapeError(
            f"{name} got labels of shape {labels.shape} for logits of shape {logits.shape}; "
            f"expected ({len(logits)},): class indices, not one-hot rows"
        )
    wrong = (labels < 0) | (labels >= logits.shape[1])
    if wrong.any():
        row = int(wrong.argmax())
        raise ShapeError(
            f"{name} got label {labels[row]} in row {row}; logits of shape {logits.shape} have "
            f"classes 0 to {logits.shape[1] - 1}: check the labels, or the last layer's outputs"
        )
