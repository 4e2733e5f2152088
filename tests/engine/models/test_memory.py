"""What a network takes in memory, by hand."""

import pytest

from engine.layers import BatchNorm2D, Conv2D, Dense, Flatten, Residual, Sequential
from engine.models.memory import (
    gigabytes,
    layer_bytes,
    sample_bytes,
    saved_bytes,
    training_bytes,
)

SHAPE = (2, 6, 5)
# Outputs of 4·6·5, 120 and 3 numbers; the convolution copies 2·(8·7 + 9·5) = 202.
PLAIN = Sequential([Conv2D(2, 4, 3, padding=1), Flatten(), Dense(120, 3)])
SAMPLE = 4 * (120 + 120 + 3 + 202)
PARAMETERS = 4 * 2 * 9 + 4 + 120 * 3 + 3
NORMED = Sequential([BatchNorm2D(2), Residual([Conv2D(2, 2, 1)])])


def test_a_layer_keeps_its_output_and_what_it_copies() -> None:
    assert layer_bytes(PLAIN[0], SHAPE) == 4 * (120 + 202)
    assert layer_bytes(PLAIN[2], (120,)) == 12


def test_a_sample_keeps_all_outputs_and_one_copy_at_a_time() -> None:
    assert sample_bytes(PLAIN, SHAPE) == SAMPLE
    assert sample_bytes(Sequential([]), SHAPE) == 0
    # A 1x1 convolution without padding copies the columns of one row of output: 2·5 numbers.
    assert sample_bytes(NORMED, SHAPE) == 4 * (60 + 60 + 10)


@pytest.mark.parametrize(
    ("batch", "workers", "pieces", "samples"),
    [
        (8, 1, 1, 32),  # evaluated in micro-batches of 32
        (8, None, 1, 64),
        (64, 1, 2, 64),
        (64, 2, 2, 128),
        (64, 8, 2, 256),
        (70, 1, 3, 48),  # the largest of three has 24, each with its gradient
        (70, 2, 3, 96),
        (70, 3, 3, 144),
        (70, None, 3, 96),
    ],
)
def test_training_keeps_what_its_workers_compute_at_once(
    batch: int, workers: int | None, pieces: int, samples: int
) -> None:
    expected = 4 * PARAMETERS * (4 + pieces) + samples * SAMPLE
    assert training_bytes(PLAIN, SHAPE, batch, workers) == expected


def test_where_micro_batches_wait_for_each_other_all_are_kept() -> None:
    expected = 4 * (4 + 6) * (4 + 3) + 2 * 70 * sample_bytes(NORMED, SHAPE)
    assert training_bytes(NORMED, SHAPE, 70, 1) == expected


def test_a_checkpoint_has_the_state_and_copies_of_the_parameters() -> None:
    assert saved_bytes(PLAIN, 2) == 4 * 3 * PARAMETERS
    assert saved_bytes(NORMED, 1) == 4 * ((4 + 6 + 4) + (4 + 6))
    assert saved_bytes(NORMED, 0) == 4 * 14


def test_sizes_in_words() -> None:
    assert gigabytes(3 << 29) == "1.5 GB"
    assert gigabytes(2000 << 30) == "2,000.0 GB"
