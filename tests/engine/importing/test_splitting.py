"""The split of samples into train and test, beside a plain one."""

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.importing.splitting import split_test
from engine.rng import Purpose, stream


def plain_split(labels: list[int], fraction: float, seed: int) -> tuple[list[int], list[int]]:
    rng, test = stream(Purpose.SPLIT, seed), []
    for label in range(max(labels) + 1):
        members = [i for i, one in enumerate(labels) if one == label]
        count = min(max(round(len(members) * fraction), 1), len(members) - 1)
        test += [members[i] for i in rng.permutation(len(members))[:count].tolist()]
    return [i for i in range(len(labels)) if i not in test], sorted(test)


@pytest.mark.parametrize("fraction", [0.01, 0.25, 0.5, 0.99])
@pytest.mark.parametrize("seed", [0, 7])
def test_every_class_gives_its_share(fraction: float, seed: int) -> None:
    labels = [2, 0, 1, 1, 2, 0, 1, 1, 1, 0, 1, 1, 2, 1, 1, 0, 1]
    train, test = split_test(np.array(labels), fraction, seed, ("a", "b", "c"))
    assert (train.tolist(), test.tolist()) == plain_split(labels, fraction, seed)
    assert {labels[i] for i in test} == {labels[i] for i in train} == {0, 1, 2}


@pytest.mark.parametrize(
    ("labels", "message"), [([0, 1, 1], "a: .* has 1"), ([0, 0], "b: .* has 0")]
)
def test_a_class_needs_two_samples(labels: list[int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        split_test(np.array(labels), 0.5, 0, ("a", "b"))
