"""The presets over micro-batches: any number of workers, one result."""

from typing import Any

import numpy as np
import pytest

from engine.data import Augmentation, Batches, Split
from engine.losses import SoftmaxCrossEntropy
from engine.models import build, preset
from engine.optim import Adam
from engine.parallel.micro_batches import micro_batches
from engine.parallel.workers import Workers
from engine.train.trainer import Trainer
from tests.support.proofs import rest_as_proofs

NETWORKS = {
    "lenet_mnist": (1, 20, 20),
    "cnn_bn_mnist": (1, 20, 20),
    "resnet_cifar10": (3, 12, 12),
    "tiny_vgg_cifar10": (3, 12, 12),
}
BATCH = 70  # three micro-batches, of two sizes


def train(name: str, workers: int, dtype: Any = np.float32) -> dict[str, np.ndarray]:
    shape = NETWORKS[name]
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (BATCH, *shape), dtype=np.uint8)
    batches = Batches(
        Split(images, rng.integers(0, 10, BATCH)),
        np.arange(BATCH),
        BATCH,
        seed=3,
        shuffle=True,
        mean=(0.5,) * shape[0],
        std=(0.25,) * shape[0],
        augment=Augmentation(shift=1),
    )
    model = build(preset(name, 10), shape).initialise(np.random.default_rng(0), dtype)
    with Workers(workers) as pool:
        trainer = Trainer(model, SoftmaxCrossEntropy(), Adam(lr=0.01), seed=3, workers=pool)
        for epoch in range(2):
            trainer.step(batches, epoch, 0)
    return {key: array.copy() for key, array in model.state_dict().items()}


@pytest.mark.parametrize("name", rest_as_proofs(NETWORKS, every=2))
def test_workers_never_change_a_bit(name: str) -> None:
    assert len({piece.stop - piece.start for piece in micro_batches(BATCH)}) == 2
    reference = train(name, 1)
    for workers in (2, 4):
        for key, array in train(name, workers).items():
            np.testing.assert_array_equal(array, reference[key], err_msg=key)


def test_every_parameter_moves() -> None:
    """A parameter that has no gradient, or is not trained, would stay."""
    for name, shape in NETWORKS.items():
        fresh = build(preset(name, 10), shape).initialise(np.random.default_rng(0))
        trained = train(name, 2)
        for key, array in fresh.named_parameters().items():
            assert (trained[key] != array).mean() > 0.5, f"{name} {key}"
