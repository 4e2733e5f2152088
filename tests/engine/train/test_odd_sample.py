"""Batch norm of one value a channel, and an epoch that ends with a batch of one sample."""

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from engine.config import ConfigProblems
from engine.data import Batches
from engine.kernels.partition import equal_parts
from engine.parallel.workers import Workers
from engine.train import factory
from engine.train.trainer import Trainer
from tests.support.proofs import rest_as_proofs
from tests.support.small_runs import Run, make_config, train

NETWORKS = {
    "features": """
  - Flatten
  - Dense: {out_features: 12}
  - BatchNorm1D
  - ReLU
  - Dense: {out_features: 10}
""",
    "an image of one pixel": """
  - Conv2D: {out_channels: 4, kernel_size: 28}
  - BatchNorm2D
  - Flatten
  - Dense: {out_features: 10}
""",
    "in a residual block": """
  - Flatten
  - Dense: {out_features: 12}
  - Residual:
      body: [Dense: {out_features: 12}, BatchNorm1D]
  - Dense: {out_features: 10}
""",
    "in a shortcut": """
  - Flatten
  - Dense: {out_features: 12}
  - Residual:
      body: [Dense: {out_features: 8}]
      shortcut: [Dense: {out_features: 8}, BatchNorm1D]
  - Dense: {out_features: 10}
""",
}
HARMLESS = """
  - Conv2D: {out_channels: 4, kernel_size: 5, stride: 3}
  - BatchNorm2D
  - Flatten
  - Dense: {out_features: 10}
"""


def config_text(layers: str, *, limit: int, validation: int, batch_size: int) -> str:
    return f"""
dataset: mnist_mini
seed: 7
layers:{layers}
data: {{limit: {limit}, validation: {validation}}}
train: {{epochs: 2, batch_size: {batch_size}, lr: 0.01}}
"""


def run(folder: Path, layers: str, limit: int, batch_size: int) -> Run:
    text = config_text(layers, limit=limit, validation=12, batch_size=batch_size)
    return train(make_config(folder, text))


def sizes(batches: Batches) -> list[int]:
    return [len(batches.batch_indices(0, step)) for step in range(batches.steps_per_epoch)]


@pytest.mark.parametrize("layers", rest_as_proofs(NETWORKS.values(), every=2), ids=NETWORKS.keys())
@pytest.mark.parametrize(
    ("trained", "batch_size", "expected"),
    [
        (33, 16, [16, 17]),  # the batch of 17 is two micro-batches
        (129, 64, [64, 65]),  # one of three where the others have two
        (17, 16, [17]),
        (3, 2, [3]),
        (5, 2, [2, 3]),
    ],
)
def test_an_odd_sample_is_joined_to_the_batch_before(
    tmp_path: Path, layers: str, trained: int, batch_size: int, expected: list[int]
) -> None:
    found = run(tmp_path, layers, trained + 12, batch_size)
    assert found.ended.status == "finished"
    assert len(found.history) == 2
    assert sizes(found.session.sources.train) == expected
    assert found.session.progress.global_step == 2 * len(expected)


def test_other_networks_keep_their_batches(tmp_path: Path) -> None:
    """Nobody's bits change who has no such layer, or no such remainder."""
    found = run(tmp_path, HARMLESS, 33 + 12, 16)
    assert sizes(found.session.sources.train) == [16, 16, 1]
    found = run(tmp_path, NETWORKS["features"], 34 + 12, 16)
    assert sizes(found.session.sources.train) == [16, 16, 2]


def test_a_micro_batch_of_one_sample_is_normalised_with_the_others(tmp_path: Path) -> None:
    """However a batch is split, what counts is the batch."""
    config = make_config(
        tmp_path, config_text(NETWORKS["features"], limit=50, validation=12, batch_size=16)
    )
    dataset = factory.load_dataset(config)
    batches = factory.make_sources(config, dataset).train
    weights = []
    for pieces in (1, 16):
        with (
            Workers(2) as workers,
            patch(
                "engine.data.batches.micro_batches",
                lambda n, size, p=pieces: equal_parts(n, p),
            ),
        ):
            trainer = Trainer(
                factory.make_model(config),
                factory.make_loss(config),
                factory.make_optimizer(config),
                seed=1,
                workers=workers,
            )
            trainer.step(batches, 0, 0)
            weights.append(trainer.parameters.vector.copy())
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS.keys())
def test_batches_of_one_are_refused_before_anything_runs(tmp_path: Path, layers: str) -> None:
    text = config_text(layers, limit=40, validation=12, batch_size=1)
    with pytest.raises(ConfigProblems) as caught:
        make_config(tmp_path, text)
    (problem,) = caught.value.problems
    assert problem.path == "train.batch_size"
    assert problem.line == text[: text.index("batch_size")].count("\n") + 1
    assert problem.message.startswith("expected at least 2, got 1: BatchNorm")
    assert "one value per channel" in problem.message


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS.keys())
def test_one_training_sample_is_refused_before_anything_runs(tmp_path: Path, layers: str) -> None:
    with pytest.raises(ConfigProblems) as caught:
        make_config(tmp_path, config_text(layers, limit=13, validation=12, batch_size=8))
    (problem,) = caught.value.problems
    assert problem.path == "data.limit"
    assert "expected at least 2 samples to train on, got 1: BatchNorm" in problem.message


def test_all_but_one_held_out_is_a_problem_of_the_validation(tmp_path: Path) -> None:
    text = config_text(NETWORKS["features"], limit=13, validation=12, batch_size=8)
    size = factory.data.DATASETS["mnist_mini"].train_size
    text = text.replace("limit: 13, validation: 12", f"validation: {size - 1}")
    with pytest.raises(ConfigProblems, match=r"data.validation: expected at least 2 samples"):
        make_config(tmp_path, text)


def test_a_network_that_needs_no_two_samples_trains_on_batches_of_one(tmp_path: Path) -> None:
    found = run(tmp_path, HARMLESS, 4 + 12, 1)
    assert found.ended.status == "finished"
