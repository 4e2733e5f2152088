"""Random streams: what a seed means must never change."""

import numpy as np

from engine.rng import Purpose, stream


def test_a_stream_is_numpys_own_seeded_by_seed_purpose_and_counters() -> None:
    found = stream(Purpose.AUGMENT, 42, 3, 1, 0).random(5)
    np.testing.assert_array_equal(found, np.random.default_rng([42, 3, 3, 1, 0]).random(5))
    found = stream(Purpose.INIT, 7).random(5)
    np.testing.assert_array_equal(found, np.random.default_rng([7, 0]).random(5))


def test_purposes_keep_their_numbers() -> None:
    assert {purpose.name: purpose.value for purpose in Purpose} == {
        "INIT": 0, "SHUFFLE": 1, "DROPOUT": 2, "AUGMENT": 3, "SPLIT": 4, "GRADCHECK": 5,
        "FLIP": 6,
    }  # fmt: skip
