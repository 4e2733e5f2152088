"""Gradients of a number by their origin: losses, branches, and layers that nobody has explained."""

import numpy as np
import pytest

from engine.layers import Conv2D, Dense, Flatten, Layer, ReLU, Residual, Sequential, Softmax
from engine.losses import LOSSES, MSE, Loss, SoftmaxCrossEntropy
from engine.microscope.backward import explain_input_gradient, explain_weight

TOLERANCE = 1e-5
WEIGHTS = np.array([0.5, 2.0, 1.0])


def network(*layers: Layer) -> Sequential:
    model = Sequential([*layers])
    model.initialise(np.random.default_rng(2))
    return model


def images(count: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal((count, *shape), np.float32)


LAST: dict[str, list[Loss]] = {
    "cross_entropy": [SoftmaxCrossEntropy(), SoftmaxCrossEntropy(0.2, WEIGHTS)],
    "mse": [MSE()],
}


def test_every_loss_has_a_row() -> None:
    assert LAST.keys() == LOSSES.keys(), "explain it in engine/microscope/backward.py, add a row"


@pytest.mark.parametrize("loss", [loss for row in LAST.values() for loss in row])
@pytest.mark.parametrize("label", [0, 1])
def test_the_gradient_of_the_last_layer_is_explained_by_the_loss(loss: Loss, label: int) -> None:
    model = network(Dense(4, 3), *([Softmax()] if isinstance(loss, MSE) else []))
    name = f"{len(model.layers) - 1}"
    for c in range(3):
        found = explain_input_gradient(model, loss, images(1, 4), np.array([label]), name, (c,))
        assert len(found.steps) > 1
        assert found.difference <= TOLERANCE
        assert found.network != 0


@pytest.mark.parametrize("training", [False, True])
def test_a_weight_is_explained_whatever_the_loss(training: bool) -> None:
    model = network(Dense(4, 3), Softmax())
    labels = np.array([0, 2, 1])
    x = images(3, 4)
    found = explain_weight(model, MSE(), x, labels, "0", "weight", (1, 2), training=training)
    assert found.arithmetic.difference <= TOLERANCE
    assert found.arithmetic.network != 0


def test_the_share_of_a_sample_is_its_own_gradient() -> None:
    model = network(Conv2D(1, 2, 3), ReLU(), Flatten(), Dense(18, 3))
    x, labels, loss = images(3, 1, 5, 5), np.array([0, 2, 1]), SoftmaxCrossEntropy()
    for index in [(0, 0, 0, 0), (1, 0, 2, 1)]:
        both = explain_weight(model, loss, x, labels, "0", "weight", index, training=False)
        for n, share in enumerate(both.samples):
            one = slice(n, n + 1)
            alone = explain_weight(model, loss, x[one], labels[one], "0", "weight", index)
            assert share == pytest.approx(alone.arithmetic.network / 3, rel=1e-4, abs=1e-7)


def test_a_batch_of_many_products_keeps_the_largest_and_counts_all() -> None:
    model = network(Conv2D(1, 2, 3), Flatten(), Dense(72, 3))
    labels = np.zeros(9, int)
    found = explain_weight(
        model, SoftmaxCrossEntropy(), images(9, 1, 8, 8), labels, "0", "weight", (1, 0, 2, 2)
    )
    sizes = [abs(term.value) for term in found.arithmetic.terms]
    assert (found.count, len(sizes)) == (9 * 36, 64)
    assert sizes == sorted(sizes, reverse=True)
    sample, row, column = found.arithmetic.terms[0].place or ()
    assert found.arithmetic.terms[0].label == f"sample {sample}, row {row}, column {column}"
    assert found.arithmetic.difference <= TOLERANCE


@pytest.mark.parametrize("broken", [0, 3, 150])
def test_of_products_of_one_size_the_first_come_first_and_nan_is_last(broken: int) -> None:
    x = np.zeros((200, 4), np.float32)
    x[20:40, 2] = np.arange(20) // 2 + 1  # pairs of equal ones
    x[200 - broken :] = np.nan
    model = network(Dense(4, 3))
    found = explain_weight(
        model, MSE(), x, np.zeros(200, int), "0", "weight", (1, 2), training=False
    )
    terms = found.arithmetic.terms
    shown = [(-abs(term.value), term.place) for term in terms if not np.isnan(term.value)]
    assert len(terms) == 64
    assert len(shown) == min(200 - broken, 64)
    assert shown == sorted(shown)
    assert [place for size, place in shown if not size] == [
        (k,) for k in range(200) if not 20 <= k < 40
    ][: len(shown) - 20]


BRANCHED = network(
    Conv2D(1, 2, 3, padding=1),
    Residual([Conv2D(2, 2, 3, padding=1), ReLU()], [Conv2D(2, 2, 1)]),
    Residual([ReLU()]),
    Flatten(),
    Dense(50, 3),
)


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("0", "through the body"),
        ("1.body.0", "1.body.1 ReLU"),
        ("1.body.1", "through the body"),
        ("1.shortcut.0", "through the body"),
        ("1", "through the body"),
        ("2.body.0", "3 Flatten"),
        ("2", "3 Flatten"),
    ],
)
def test_a_gradient_comes_from_what_reads_the_number(name: str, reader: str) -> None:
    x, labels = images(1, 1, 5, 5), np.array([2])
    for index in [(0, 0, 0), (1, 2, 3), (1, 4, 4)]:
        found = explain_input_gradient(BRANCHED, SoftmaxCrossEntropy(), x, labels, name, index)
        assert found.difference <= TOLERANCE
        words = [term.label for term in found.terms] + [step.words for step in found.steps]
        assert any(reader in each for each in words), words


class Scaled(Layer):
    def forward(self, x: np.ndarray) -> np.ndarray:
        self.check_input(x)
        self.saved = (x,)
        return x * self.params["scale"]

    def backward(self, dout: np.ndarray) -> np.ndarray:
        (x,) = self.expect_saved(dout)
        self.grads["scale"][...] = (dout * x).sum(axis=0)
        return dout * self.params["scale"]

    def param_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"scale": (3,)}

    def reset_parameters(self, rng: np.random.Generator, dtype: np.dtype) -> None:
        self.params = {"scale": np.full(3, 1.5, dtype)}


def test_a_layer_without_an_explanation_says_so_backwards_too() -> None:
    model, x, labels = network(Dense(4, 3), Scaled()), images(2, 4), np.array([1, 0])
    loss = SoftmaxCrossEntropy()
    words = "no arithmetic is written for Scaled"
    found = explain_weight(model, loss, x, labels, "1", "scale", (2,))
    assert (found.arithmetic.steps[0].words, found.count) == (words, 0)
    assert found.arithmetic.value == found.arithmetic.network != 0
    gradient = explain_input_gradient(model, loss, x[:1], labels[:1], "0", (1,))
    assert gradient.steps[0].words == words
    assert gradient.value == gradient.network != 0


def test_the_network_keeps_its_own_gradients() -> None:
    model, x, labels = network(Dense(4, 3)), images(2, 4), np.array([1, 0])
    model.layers[0].grads["weight"][...] = 7.0
    explain_weight(model, SoftmaxCrossEntropy(), x, labels, "0", "weight", (0, 0))
    assert (model.layers[0].grads["weight"] == 7.0).all()
    assert model.training


@pytest.mark.parametrize("index", [(3, 0), (-1, 0), (0,)])
def test_a_weight_that_is_not_there_is_an_index_error(index: tuple[int, ...]) -> None:
    with pytest.raises(IndexError):
        explain_weight(
            network(Dense(4, 3)), SoftmaxCrossEntropy(), images(1, 4), np.array([1]),
            "0", "weight", index,
        )  # fmt: skip
