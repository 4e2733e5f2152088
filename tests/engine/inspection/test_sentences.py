"""The sentence about a layer, with the network's own numbers."""

import numpy as np
import pytest

from engine.inspection.sentences import in_numbers, whitened
from engine.layers import BatchNorm2D, Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D, ReLU

SENTENCES = [
    (
        Conv2D(1, 6, 5, padding="same"),
        (1, 28, 28),
        "Here 6 filters of 1×5×5 read 1 map of 28×28, and each makes a map of 28×28. Every number "
        "in a map is a sum of 25 products, with a bias; 156 numbers are learnt, and used 784 times "
        "for each image.",
    ),
    (
        Conv2D(4, 4, 3, groups=4, bias=False),
        (4, 8, 8),
        "Here 4 filters of 1×3×3 read 4 maps of 8×8, and each makes a map of 6×6. Every number in "
        "a map is a sum of 9 products, with no bias; 36 numbers are learnt, and used 36 times for "
        "each image.",
    ),
    (
        MaxPool2D(2),
        (6, 28, 28),
        "Here a window of 2×2 becomes one number: maps of 28×28 become maps of 14×14, with 25% as "
        "many numbers.",
    ),
    (Flatten(), (16, 5, 5), "Here 16 maps of 5×5 become a row of 400 features."),
    (
        Dense(400, 120),
        (400,),
        "Here each of 120 outputs is a sum of 400 products, with a bias; 48,120 numbers are "
        "learnt.",
    ),
    (
        BatchNorm2D(32),
        (32, 26, 26),
        "Here each of 32 maps is normalised over its 676 places in all images of a batch; a scale "
        "and a shift are learnt for each.",
    ),
    (
        Dropout(0.3),
        (128,),
        "Here 30% of 128 numbers are set to 0 in every step of the training.",
    ),
    (ReLU(), (6, 28, 28), "Here it changes each of 4,704 numbers by itself."),
]


@pytest.mark.parametrize(
    ("layer", "in_shape", "sentence"), SENTENCES, ids=lambda value: str(value)[:24]
)
def test_the_sentence_has_the_layers_numbers(
    layer: Layer, in_shape: tuple[int, ...], sentence: str
) -> None:
    assert in_numbers(layer, in_shape) == sentence


def test_the_filters_of_a_whitening_layer_stand_for_shares_of_the_variance() -> None:
    shares = np.tile([0.84, 0.09, 0.04, 0.02, 0.01], 2)
    assert whitened(shares) == (
        "Filter 0 stands for 84% of the variance of all patches, that is, of how they differ; "
        "filter 1 for 9%, filter 2 for 4%, the other 2 for 3%. They are scaled so that all count "
        "the same. Filters 5 to 9 are the negatives of these."
    )
    assert "filter 1 for 25%. They" in whitened(np.array([0.75, 0.25, 0.75, 0.25]))
    assert "filter 2 for 10%, the last for 5%." in whitened(np.tile([0.6, 0.25, 0.1, 0.05], 2))
    assert whitened(None).startswith("The filters are random until a training begins")
