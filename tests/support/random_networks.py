"""Random small networks whose gradients are right, and hard to measure.

Batch norms of two to five samples, stacked saturating activations, pools, residual blocks: where
a variance is small, rounding is amplified inside the network, and the function bends within a
millionth.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml

from engine.config import Config, loads
from engine.data import DATASETS
from engine.layers import Sequential
from engine.losses import MSE, Loss, SoftmaxCrossEntropy
from engine.models import build

Specs = list[Any]

ACTIVATIONS = ("ReLU", "ReLU", "Sigmoid", "Sigmoid", "Tanh", "GELU", "ELU", "LeakyReLU")


def random_specs(rng: np.random.Generator, image: tuple[int, ...], classes: int) -> Specs:
    """The layers of a network for images of a shape that ends with a score for each class.

    Args:
        rng: decides everything.
        image: (C, H, W).
        classes: how many scores.
    """
    specs: Specs = []
    if image[1] > 12:  # keep the 28x28 ones cheap
        specs.append({"AvgPool2D" if rng.random() < 0.5 else "MaxPool2D": {"kernel_size": 3}})
    side, channels = min(9, *image[1:]), image[0]
    for _ in range(rng.integers(0, 3)):
        channels = int(rng.integers(1, 5))
        size = int(rng.choice([1, 3])) if side >= 3 else 1
        padding = rng.choice(["same", "valid"])
        padding = size // 2 if padding == "same" else 0
        specs.append(
            {"Conv2D": {"out_channels": channels, "kernel_size": size, "padding": padding}}
        )
        side += 2 * padding - size + 1
        specs += _between(rng, "BatchNorm2D")
        if rng.random() < 0.3:
            body = [{"Conv2D": {"out_channels": channels, "kernel_size": 3, "padding": 1}}]
            specs.append({"Residual": {"body": [*body, *_between(rng, "BatchNorm2D")]}})
        if side >= 4 and rng.random() < 0.5:
            pool = rng.choice(["MaxPool2D", "AvgPool2D"])
            specs.append({str(pool): {"kernel_size": 2}})
            side //= 2
    specs.append("GlobalAvgPool2D" if rng.random() < 0.6 else "Flatten")
    for _ in range(rng.integers(0, 5)):
        specs.append({"Dense": {"out_features": int(rng.integers(2, 9))}})
        specs += _between(rng, "BatchNorm1D")
        if rng.random() < 0.1:
            specs.append("Softmax")
        if rng.random() < 0.1:
            specs.append({"Dropout": {"p": 0.3}})
    return [*specs, {"Dense": {"out_features": classes}}]


@dataclass(frozen=True)
class Problem:
    """What ``check_network`` takes."""

    model: Sequential
    loss: Loss
    x: np.ndarray
    target: np.ndarray


def random_problem(rng: np.random.Generator) -> Problem:
    """A network of tiny images, with samples and targets."""
    image = (int(rng.integers(1, 4)), int(rng.integers(5, 9)), int(rng.integers(5, 9)))
    samples, classes = int(rng.integers(2, 7)), int(rng.integers(2, 6))
    model = build(random_specs(rng, image, classes), image).initialise(rng, np.float64)
    x = rng.uniform(0.05, 3) * rng.standard_normal((samples, *image))
    labels = rng.integers(0, classes, samples)
    if rng.random() < 0.3:
        return Problem(model, MSE(), x, np.eye(classes)[labels])
    return Problem(model, SoftmaxCrossEntropy(rng.choice([0.0, 0.1])), x, labels)


def _between(rng: np.random.Generator, norm: str) -> Specs:
    """What stands between two layers with weights."""
    activation = str(rng.choice(ACTIVATIONS))
    return [
        [activation],
        [norm, activation],
        [norm, activation],
        [activation, norm],
        [activation, norm, str(rng.choice(ACTIVATIONS))],
        [norm],
    ][rng.integers(6)]


def random_config(rng: np.random.Generator) -> Config:
    """A config for the command, on the bundled digits."""
    text = {
        "dataset": "mnist_mini",
        "seed": int(rng.integers(1000)),
        "layers": random_specs(rng, DATASETS["mnist_mini"].image_shape, 10),
        "train": {"loss": str(rng.choice(["cross_entropy", "mse"], p=[0.7, 0.3]))},
    }
    return loads(yaml.safe_dump(text), "random.yaml")
