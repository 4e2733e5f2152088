"""Weights of other programs, evaluated here."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import Sequential as Model
from engine import data
from engine.config import loads
from engine.errors import CheckpointError, DataError
from engine.export import EXPORTERS, Architecture
from engine.services.evaluation.evaluate import measure
from engine.services.explain import find_subject
from engine.services.export import write_network
from engine.services.gradcheck import run_check
from engine.services.predict import open_network
from engine.train import factory
from engine.train.weights import load_model
from tests.support.small_runs import RICH, Run, make_config, same_arrays, train

needs_safetensors = pytest.mark.skipif(
    EXPORTERS["safetensors"].is_missing(), reason="safetensors is not installed"
)
BOTH = ["npz", pytest.param("safetensors", marks=needs_safetensors)]
"""The formats that hold weights and say of which network."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("rich")
    return train(make_config(folder, RICH, "train.epochs=1", "data.limit=100"))


def exported(run: Run, file_format: str, folder: Path) -> Path:
    path = folder / f"net.{file_format}"
    write_network(run.session.config, run.path, file_format, path)
    return path


@pytest.mark.parametrize("file_format", BOTH)
def test_an_exported_network_is_taken_wherever_its_run_is(
    tmp_path: Path, run: Run, file_format: str
) -> None:
    config, path = run.session.config, exported(run, file_format, tmp_path)
    own = run.session.model.state_dict()
    assert same_arrays(load_model(config, path).state_dict(), own)
    assert measure(config, path).result.acc == measure(config, run.path).result.acc
    network = open_network(str(path), tmp_path, None, [])
    assert (network.info.name, network.info.classes) == ("mnist_mini", tuple("0123456789"))
    assert same_arrays(network.model.state_dict(), own)
    assert find_subject(network, "3").name == "image 3 of mnist_mini"
    assert run_check(config, weights=path).passed
    assert same_arrays(Model.load(path).network.state_dict(), own)
    tuned = make_config(tmp_path, RICH, f"train.init_from={path}", "seed=9")
    assert same_arrays(factory.make_starting_model(tuned).state_dict(), own)


def test_arrays_without_their_description_need_a_config(tmp_path: Path, run: Run) -> None:
    path = exported(run, "npz", tmp_path)
    for content in (None, b"{}", b"[" * 100_000, b"\xff", b'{"layers": 1}'):
        path.with_suffix(".json").unlink(missing_ok=True)
        if content is not None:
            path.with_suffix(".json").write_bytes(content)
        with pytest.raises(CheckpointError, match=r"it does not say which network .* --config"):
            open_network(str(path), tmp_path, None, [])
        load_model(run.session.config, path)


@pytest.mark.parametrize("file_format", BOTH)
def test_an_export_that_names_no_data_set_is_asked_by_index_with_a_config(
    tmp_path: Path, run: Run, file_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exports of earlier versions described their data set without its name."""
    without = Architecture.to_dict
    monkeypatch.setattr(
        Architecture,
        "to_dict",
        lambda self: {key: value for key, value in without(self).items() if key != "dataset"},
    )
    path = exported(run, file_format, tmp_path)
    with pytest.raises(DataError, match=r"does not name the data set .* --config CONFIG, or name"):
        find_subject(open_network(str(path), tmp_path, None, []), "3")
    config = str(run.path / "config.yaml")
    network = open_network(str(path), tmp_path, config, [])
    assert find_subject(network, "3").name == "image 3 of mnist_mini"


@needs_safetensors
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
