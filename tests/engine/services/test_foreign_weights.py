"""Weights of other programs, evaluated here."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import data
from engine.config import loads
from engine.services.evaluation.evaluate import measure
from engine.services.export import write_network
from engine.services.predict import open_network
from engine.train import factory
from engine.train.weights import load_model
from tests.support.small_runs import RICH, make_config, same_arrays, train

pytest.importorskip("safetensors", reason="safetensors is not installed")


def test_an_exported_network_is_evaluated_and_asked_as_its_run_is(tmp_path: Path) -> None:
    run = train(make_config(tmp_path, RICH, "train.epochs=1", "data.limit=100"))
    config = run.session.config
    path = tmp_path / "net.safetensors"
    write_network(config, run.path, "safetensors", path)
    assert same_arrays(load_model(config, path).state_dict(), run.session.model.state_dict())
    assert measure(config, path).result.acc == measure(config, run.path).result.acc
    network = open_network(str(path), tmp_path, None, [])
    assert (network.info.name, network.info.classes) == ("mnist_mini", tuple("0123456789"))
    assert same_arrays(network.model.state_dict(), run.session.model.state_dict())


@pytest.mark.torch
@pytest.mark.parametrize("name", ["lenet_mnist", "tiny_vgg_cifar10"])
def test_a_network_trained_in_pytorch_predicts_the_same_here_to_the_sample(
    tmp_path: Path, name: str
) -> None:
    import torch
    from safetensors.torch import save_file

    from tests.support.torch_twins import module_of

    digits = data.load("mnist_mini")
    mnist = name == "lenet_mnist"
    config = loads(f"dataset: {'mnist_mini' if mnist else 'cifar10'}\nmodel: {name}\n")
    model = factory.make_model(config)
    torch.manual_seed(0)
    twin: Any = module_of(model)
    for module in twin.modules():
        if type(module).__name__ == "SameDropout":
            module.forward = lambda x: x
    train_x, test_x = (
        torch.from_numpy(_images(split.images, mnist)) for split in (digits.train, digits.test)
    )
    labels = torch.from_numpy(digits.train.labels)
    size, steps = (64, 40) if mnist else (16, 6)
    optimizer = torch.optim.Adam(twin.parameters(), 0.002)
    for step in range(steps):
        rows = slice(step * size, (step + 1) * size)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(twin(train_x[rows]), labels[rows]).backward()
        optimizer.step()
    path = tmp_path / "net.safetensors"
    save_file(twin.state_dict(), path)
    twin.eval()
    test_x = test_x if mnist else test_x[:128]
    with torch.no_grad():
        expected = twin(test_x).numpy().argmax(axis=1)
    if mnist:
        result = measure(config, path).result
        assert result.acc == (expected == digits.test.labels).mean() > 0.5
        np.testing.assert_array_equal(result.predictions, expected)
    else:
        found = load_model(config, path).eval().forward(test_x.numpy()).argmax(axis=1)
        np.testing.assert_array_equal(found, expected)
        assert len(np.unique(found)) > 1


def _images(pixels: np.ndarray, mnist: bool) -> np.ndarray:
    """Normalised images; for the network that takes colours, in all of its channels."""
    x = ((pixels.astype(np.float32) / 255) - np.float32(0.1307)) / np.float32(0.3081)
    if mnist:
        return x.astype(np.float32)
    return np.pad(np.repeat(x, 3, axis=1), ((0, 0), (0, 0), (2, 2), (2, 2)))
