import math

import pytest

from engine.config import Config, loads
from engine.data import DATASETS
from engine.inspection.estimate import (
    FORWARD_SHARE,
    Speed,
    measure_speed,
    memory_bytes,
    split_sizes,
)
from engine.models import build
from engine.models.memory import training_bytes


def _config(**changes: str) -> Config:
    text = "dataset: mnist_mini\nmodel: lenet_mnist\ntrain: {batch_size: 32}\n"
    return loads(text, "a.yaml", [f"{key}={value}" for key, value in changes.items()])


def test_speed_is_measured_without_touching_anything() -> None:
    speed = measure_speed(_config(), budget=0.02)
    assert speed is not None
    assert 0 < speed.samples_per_s < math.inf
    assert speed.epoch_seconds == pytest.approx((3600 + FORWARD_SHARE * 400) / speed.samples_per_s)


@pytest.mark.parametrize("model", ["cnn_bn_mnist", "mlp"])
def test_other_networks_and_a_wild_learning_rate_are_measured_too(model: str) -> None:
    config = _config(model=model, **{"train.lr": "1e6", "train.batch_size": "8"})
    assert measure_speed(config, budget=0.01) is not None


def test_it_can_be_given_up() -> None:
    assert measure_speed(_config(), cancelled=lambda: True) is None


def test_an_epoch_has_its_training_and_its_validation() -> None:
    assert Speed.of(0.01, 90, 30) == Speed(100.0, pytest.approx(1.0))  # type: ignore[arg-type]


def test_sizes_of_the_split() -> None:
    assert split_sizes(_config()) == (3600, 400)
    assert split_sizes(_config(**{"data.validation": "100"})) == (3900, 100)
    assert split_sizes(_config(**{"data.limit": "1000"})) == (900, 100)
    assert split_sizes(_config(**{"data.limit": "1004"})) == (904, 100)


def test_memory_grows_with_the_batch_and_the_network() -> None:
    small = memory_bytes(_config())
    assert small > 4000 * 28 * 28  # the images alone
    assert memory_bytes(_config(**{"train.batch_size": "512"})) > small
    assert memory_bytes(_config(model="cnn_bn_mnist")) > small


def test_memory_is_that_of_the_images_and_of_training() -> None:
    config = _config(**{"train.workers": "2"})
    model = build(config.specs, (1, 28, 28))
    images = DATASETS["mnist_mini"].train_size + DATASETS["mnist_mini"].test_size
    expected = 784 * images + training_bytes(model, (1, 28, 28), 32, 2)
    assert memory_bytes(config) == expected
