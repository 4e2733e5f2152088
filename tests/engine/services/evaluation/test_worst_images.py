"""The images that a network does worst on, by loss and by confidence."""

import math

import numpy as np
import pytest

from engine.arrays import Array, Shape
from engine.data import Batches, Split
from engine.layers import Layer, Sequential
from engine.losses import MSE, Loss, SoftmaxCrossEntropy
from engine.parallel.workers import Workers
from engine.services.evaluation.evaluate import worst_images
from engine.train.evaluator import Evaluator
from engine.train.results import Evaluation

NAN = math.nan
LOGITS = np.array(
    [
        [9, 0, 0],  # 0 right
        [0, 9, 0],  # 1 wrong, sure of it
        [0, 9, 0],  # 2 the same
        [1, 0, -math.inf],  # 3 wrong, not sure, and an infinite loss
        [NAN, 0, 0],  # 4 no prediction
        [0, 0, 0],  # 5 right by the lower class
        [40, 0, 0],  # 6 wrong, a probability of 1
        [60, 0, 0],  # 7 wrong, a probability of 1 too, and a larger loss
        [0, 0, NAN],  # 8 no prediction
    ],
    np.float32,
)
LABELS = np.array([0, 0, 0, 2, 0, 0, 1, 1, 2])


class Parrot(Layer):
    """Answers an image with the logits of the row that its pixel names."""

    def forward(self, x: Array) -> Array:
        rows = np.rint(255 * x[:, 0, 0, 0]).astype(int)
        return LOGITS[rows]

    def output_shape(self, input_shape: Shape) -> Shape:
        return (3,)


def evaluation(loss: Loss) -> Evaluation:
    images = np.arange(len(LABELS), dtype=np.uint8)[:, None, None, None]
    batches = Batches(
        Split(images, LABELS), np.arange(len(LABELS)), 4, seed=0, shuffle=False, mean=(0,), std=(1,)
    )
    with Workers(1) as workers:
        return Evaluator(Sequential([Parrot()]), loss, workers=workers).evaluate(batches)


def test_by_loss_what_is_no_number_comes_first_and_right_images_last() -> None:
    result = evaluation(SoftmaxCrossEntropy())
    assert worst_images(result, "loss", 99) == [4, 8, 3, 7, 6, 1, 2, 5, 0]
    assert worst_images(result, "loss", 3) == [4, 8, 3]


def test_by_confidence_the_surest_mistake_is_first_and_no_prediction_last() -> None:
    result = evaluation(SoftmaxCrossEntropy())
    assert worst_images(result, "confidence", 99) == [7, 6, 1, 2, 3, 4, 8]


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), SoftmaxCrossEntropy(0.1), MSE()])
def test_losses_and_probabilities_are_those_of_each_image_alone(loss: Loss) -> None:
    result = evaluation(loss)
    for i, (logits, label) in enumerate(zip(LOGITS, LABELS, strict=True)):
        alone = loss.forward(logits[None], loss.target(np.array([label]), 3, np.float32))
        assert result.losses[i] == pytest.approx(alone, nan_ok=True)
        powers = np.exp(logits.astype(float) - logits.max())
        confident = powers.max() / powers.sum()
        assert result.confidences[i] == pytest.approx(confident, nan_ok=True)


def test_a_network_without_a_mistake_has_worst_images_but_no_mistakes() -> None:
    right = np.array([1, 0])
    result = Evaluation(0.1, 1.0, right, right, 1.0, np.array([0.1, 0.3]), np.array([0.9, 0.7]))
    assert worst_images(result, "loss", 9) == [1, 0]
    assert worst_images(result, "confidence", 9) == []
