"""Whole networks with each loss, and what a check of them must catch."""

from typing import Any

import numpy as np
import pytest

from engine.arrays import Array
from engine.gradcheck import Report, check_network
from engine.layers import Conv2D, Dense, Dropout, Sequential
from engine.losses import MSE, Loss, SoftmaxCrossEntropy
from engine.models import PRESETS, build
from tests.support.proofs import rest_as_proofs

# The shapes are small; the whole ones run with --full-grid, and with the command on real images.
NETWORKS = {
    "lenet_mnist": (1, 28, 28),
    "mlp": (1, 28, 28),
    "cnn_bn_mnist": (1, 20, 20),
    "tiny_vgg_cifar10": (3, 16, 16),
    "resnet_cifar10": (3, 16, 16),
}
LOSSES: dict[str, Loss] = {
    "cross_entropy": SoftmaxCrossEntropy(),
    "smoothed": SoftmaxCrossEntropy(0.1),
    "mse": MSE(),
}


def network(name: str, shape: tuple[int, ...]) -> Sequential:
    model = build(PRESETS[name](10), shape)
    return model.initialise(np.random.default_rng(0), np.float64)


def check(
    model: Sequential, loss: Loss, shape: tuple[int, ...], n: int = 4, **settings: Any
) -> Report:
    rng = np.random.default_rng(1)
    x, labels = rng.standard_normal((n, *shape)), rng.integers(0, 10, n)
    target = np.eye(10)[labels] if isinstance(loss, MSE) else labels
    return check_network(model, loss, x, target, rng=rng, **settings)


def test_every_preset_is_here() -> None:
    assert NETWORKS.keys() == PRESETS.keys()


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
@pytest.mark.parametrize("name", rest_as_proofs(NETWORKS, every=4))
def test_directions(name: str, loss: Loss) -> None:
    report = check(network(name, NETWORKS[name]), loss, NETWORKS[name])
    assert report.passed, f"\n{report}"
    names = {row.name for row in report.rows}
    model = network(name, NETWORKS[name])
    assert names == {"loss.input", "0.input", "all.parameters", *model.named_parameters()}


@pytest.mark.parametrize("name", rest_as_proofs(NETWORKS, every=4))
def test_entries(name: str, pytestconfig: pytest.Config) -> None:
    full = pytestconfig.getoption("--full-grid", default=False)
    shape = NETWORKS[name]
    if full and shape[0] == 3:
        shape = (3, 32, 32)
    report = check(
        network(name, shape),
        SoftmaxCrossEntropy(),
        shape,
        mode="exact",
        samples_per_tensor=200 if full else 10,
    )
    assert report.passed, f"\n{report}"


@pytest.mark.parametrize("name", ["cnn_bn_mnist", "resnet_cifar10"])
def test_evaluation_mode(name: str) -> None:
    model = network(name, NETWORKS[name]).eval()
    for buffer, array in model.named_buffers().items():
        array[...] = np.random.default_rng(2).uniform(0.5, 1.5, array.shape)
        assert buffer.endswith(("running_mean", "running_var"))
    report = check(model, SoftmaxCrossEntropy(), NETWORKS[name])
    assert report.passed, f"\n{report}"
    assert not model.training


def test_the_network_stays_as_it_was() -> None:
    shape = NETWORKS["cnn_bn_mnist"]
    model = network("cnn_bn_mnist", shape)
    model[0].needs_dx = False
    before = {name: array.copy() for name, array in model.state_dict().items()}
    assert check(model, SoftmaxCrossEntropy(), shape).passed
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert not model[0].needs_dx


def test_masks_are_those_of_the_whole_network_when_only_its_end_runs() -> None:
    specs: list[Any] = [
        {"Dropout": {"p": 0.5}},
        {"Dense": {"out_features": 8}},
        "Tanh",
        {"Dropout": {"p": 0.5}},
        {"Dense": {"out_features": 10}},
    ]
    model = build(specs, (6,)).initialise(np.random.default_rng(0), np.float64)
    report = check(model, SoftmaxCrossEntropy(), (6,), mode="exact")
    assert report.passed, f"\n{report}"
    assert sum(isinstance(layer, Dropout) for layer in model) == 2


class WrongDense(Dense):
    def backward(self, dout: Array) -> Array | None:
        dx = super().backward(dout)
        self.grads["weight"] *= 1.001
        return dx


class LostInput(Conv2D):
    def backward(self, dout: Array) -> Array | None:
        dx = super().backward(dout)
        return None if dx is None else dx * (np.arange(dx.shape[3]) > 0)


class LossOfOneSample(SoftmaxCrossEntropy):
    def backward(self) -> Array:
        gradient = super().backward()
        gradient[1:] = 0
        return gradient


@pytest.mark.parametrize("mode", ["exact", "directions"])
def test_a_wrong_layer_is_found_where_it_is(mode: Any) -> None:
    model = network("lenet_mnist", (1, 28, 28))
    wrong = WrongDense(84, 10).initialise(np.random.default_rng(3), np.float64)
    broken = Sequential([*model.layers[:-1], wrong])
    report = check(broken, SoftmaxCrossEntropy(), (1, 28, 28), mode=mode, samples_per_tensor=20)
    assert {row.name for row in report.failures} == {"11.weight", "all.parameters"}


def test_a_layer_that_loses_gradients_spoils_all_before_it() -> None:
    model = network("lenet_mnist", (1, 28, 28))
    lost = LostInput(6, 16, 5).initialise(np.random.default_rng(3), np.float64)
    broken = Sequential([*model.layers[:3], lost, *model.layers[4:]])
    report = check(broken, SoftmaxCrossEntropy(), (1, 28, 28))
    failed = {row.name for row in report.failures}
    assert failed == {"0.weight", "0.bias", "0.input", "all.parameters"}


def test_a_wrong_loss_is_found() -> None:
    model = network("mlp", (1, 28, 28))
    report = check(model, LossOfOneSample(), (1, 28, 28))
    assert {row.name for row in report.failures} == {"loss.input", "all.parameters"}


def test_progress_goes_to_its_end() -> None:
    told: list[tuple[int, int, str]] = []
    report = check(
        network("mlp", (1, 28, 28)),
        SoftmaxCrossEntropy(),
        (1, 28, 28),
        progress=lambda *what: told.append(what),
    )
    assert [done for done, _, _ in told] == list(range(1, len(told) + 1))
    assert told[-1] == (told[-1][1], told[-1][1], "all")
    assert {"loss", "1.weight", "input"} <= {name for _, _, name in told}
    assert len(told) == sum(row.checked for row in report.rows)


def test_a_check_that_is_stopped_proves_nothing_and_changes_nothing() -> None:
    model = network("cnn_bn_mnist", NETWORKS["cnn_bn_mnist"])
    before = {name: array.copy() for name, array in model.state_dict().items()}
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 45

    report = check(model, SoftmaxCrossEntropy(), NETWORKS["cnn_bn_mnist"], cancelled=cancelled)
    assert report.cancelled
    assert not report.passed
    assert not report.failures
    assert str(report).endswith("nothing is proven")
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_network_without_parameters() -> None:
    model = build(["Tanh"], (10,)).initialise(np.random.default_rng(0), np.float64)
    report = check(model, SoftmaxCrossEntropy(), (10,))
    assert report.passed
    assert [row.name for row in report.rows] == ["loss.input", "0.input", "all.parameters"]
