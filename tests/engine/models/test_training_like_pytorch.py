"""Twenty steps of training from the same weights on the same batches as PyTorch."""

from typing import Any

import numpy as np
import pytest

from engine import data
from engine.layers import Sequential
from engine.losses import SoftmaxCrossEntropy
from engine.models import build, preset
from engine.optim import Momentum

pytestmark = pytest.mark.torch

STEPS = 20
LR, MOMENTUM, DECAY = 0.01, 0.9, 5e-4
BATCHES = {"lenet_mnist": 32, "tiny_vgg_cifar10": 8}


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    split = data.load("mnist_mini").train
    return (split.images / 255 - 0.1307) / 0.3081, split.labels


def batch(
    name: str, digits: tuple[np.ndarray, np.ndarray], step: int
) -> tuple[np.ndarray, np.ndarray]:
    """Digits; for the network that takes colours, three of them as its channels, cut to 32x32."""
    images, labels = digits
    n = BATCHES[name]
    rows = np.arange(step * n, (step + 1) * n)
    if name == "lenet_mnist":
        return images[rows], labels[rows]
    x = np.zeros((n, 3, 32, 32))
    for channel in range(3):
        x[:, channel, 2:30, 2:30] = images[rows + 1000 * channel, 0]
    return x, labels[rows]


def losses_here(
    model: Sequential, batches: list[tuple[np.ndarray, np.ndarray]], dtype: Any
) -> list[float]:
    loss, optimizer = SoftmaxCrossEntropy(), Momentum(LR, MOMENTUM, weight_decay=DECAY)
    rng = np.random.default_rng(7)
    found = []
    for x, labels in batches:
        model.set_rng(rng)
        found.append(loss.forward(model.forward(x.astype(dtype)), labels))
        model.backward(loss.backward())
        optimizer.step(model.named_parameters(), model.named_grads())
    return found


def losses_there(
    model: Sequential, batches: list[tuple[np.ndarray, np.ndarray]], dtype: Any
) -> tuple[list[float], dict[str, np.ndarray]]:
    import torch
    from torch_twins import set_rng, twin_of

    twin = twin_of(model, torch.float64 if dtype == np.float64 else torch.float32)
    optimizer = torch.optim.SGD(twin.parameters(), LR, MOMENTUM, weight_decay=DECAY)
    rng = np.random.default_rng(7)
    found = []
    for x, labels in batches:
        set_rng(twin, rng)
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(
            twin(torch.from_numpy(x.astype(dtype))), torch.from_numpy(labels)
        )
        value.backward()
        optimizer.step()
        found.append(value.item())
    return found, {name: array.numpy() for name, array in twin.state_dict().items()}


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-4), (np.float64, 1e-9)])
@pytest.mark.parametrize("name", BATCHES)
def test_the_same_losses(
    name: str, dtype: Any, tolerance: float, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    batches = [batch(name, digits, step) for step in range(STEPS)]
    shape = batches[0][0].shape[1:]
    model = build(preset(name, 10), shape).initialise(np.random.default_rng(0), dtype)
    theirs, state = losses_there(model, batches, dtype)
    ours = losses_here(model, batches, dtype)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    # It learns, or there was nothing to compare.
    assert ours[-1] < 0.8 * ours[0]
    if dtype == np.float64:
        for key, array in model.state_dict().items():
            np.testing.assert_allclose(array, state[key], rtol=1e-7, atol=1e-9, err_msg=key)
