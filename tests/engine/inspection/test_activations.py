"""A look inside a network that is not training: the numbers are those of a training."""

from pathlib import Path

import numpy as np
import pytest

from engine.config import Config
from engine.data import Dataset
from engine.inspection.activations import activations, last_features, probe, restored
from engine.models import build
from engine.models.builder import LayerSpec
from engine.parallel.workers import Workers
from engine.train import factory
from engine.train.snapshot import weights_snapshot
from engine.train.trainer import Trainer
from tests.support.small_runs import PLAIN, RICH, copy_state, make_config, same_arrays


@pytest.fixture(params=[PLAIN, RICH], ids=["plain", "rich"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    return make_config(tmp_path, request.param)


@pytest.fixture
def dataset(config: Config) -> Dataset:
    return factory.load_dataset(config)


def test_the_gradients_are_those_of_the_first_step(config: Config, dataset: Dataset) -> None:
    seen = probe(config, factory.make_model(config), dataset)
    with Workers(2) as workers:
        trainer = Trainer(
            factory.make_model(config),
            factory.make_loss(config),
            factory.make_optimizer(config),
            seed=config.seed,
            workers=workers,
        )
        batches = factory.make_sources(config, dataset).train
        _, first = trainer.step(batches, 0, 0, inspect=True)
    assert first is not None
    for ours, theirs in zip(seen.layers, first.layers, strict=True):
        assert ours.name == theirs.name
        assert same_arrays(ours.grads, theirs.grads)
        assert ours.dead == theirs.dead
        assert ours.update_ratio == {}


def test_nothing_is_updated(config: Config, dataset: Dataset) -> None:
    model = factory.make_model(config)
    before = copy_state(model)
    seen = probe(config, model, dataset)
    assert same_arrays(model.state_dict(), before)
    shown = {f"{la.name}.{key}": a for la in seen.layers for key, a in la.weights.items()}
    assert same_arrays(shown, before)


def test_every_layer_shows_what_it_makes_of_an_image(config: Config, dataset: Dataset) -> None:
    model = factory.make_model(config).eval()
    x, _ = factory.evaluation_batches(dataset.test, dataset).load(np.arange(3))
    found = activations(model, x)
    shapes = {name: out for name, _, _, out in model.named_shapes(dataset.image_shape)}
    shapes |= {"3": (4, 8, 8)} if "3.body.0" in shapes else {}  # the block's own
    assert {name: array.shape[1:] for name, array in found.items()} == shapes
    last = list(found)[-1]
    np.testing.assert_array_equal(found[last], model.forward(x))
    assert "forward" not in vars(model[0])


def test_a_snapshot_goes_back_into_a_network(config: Config) -> None:
    model = factory.make_model(config)
    for array in model.state_dict().values():
        array += 1
    fresh = restored(factory.make_model(config), weights_snapshot(model).layers)
    assert same_arrays(fresh.state_dict(), model.state_dict())


def test_shapes_of_layers_inside_layers(tmp_path: Path) -> None:
    config = make_config(
        tmp_path,
        PLAIN,
        "layers=[Residual: {body: [Conv2D: {out_channels: 4, kernel_size: 3, stride: 2, "
        "padding: 1}, ReLU], shortcut: [Conv2D: {out_channels: 4, kernel_size: 1, stride: 2}]}, "
        "Flatten, Dense: {out_features: 10}]",
    )
    rows = factory.make_model(config).named_shapes((1, 28, 28))
    assert [(name, type(layer).__name__, a, b) for name, layer, a, b in rows] == [
        ("0.body.0", "Conv2D", (1, 28, 28), (4, 14, 14)),
        ("0.body.1", "ReLU", (4, 14, 14), (4, 14, 14)),
        ("0.shortcut.0", "Conv2D", (1, 28, 28), (4, 14, 14)),
        ("1", "Flatten", (4, 14, 14), (784,)),
        ("2", "Dense", (784,), (10,)),
    ]


def test_it_stops_before_the_next_micro_batch(config: Config, dataset: Dataset) -> None:
    model = factory.make_model(config)
    before = copy_state(model)

    def check() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        probe(config, model, dataset, check)
    assert same_arrays(model.state_dict(), before)


def test_the_last_features_are_the_input_of_the_last_dense_layer() -> None:
    specs: list[LayerSpec] = [
        "Flatten",
        {"Dense": {"out_features": 5}},
        {"Dense": {"out_features": 3}},
    ]
    model = build(specs, (1, 3, 3)).initialise(np.random.default_rng(1))
    x = np.random.default_rng(0).normal(size=(4, 1, 3, 3)).astype(np.float32)
    features, logits = last_features(model, x)
    outputs = list(activations(model, x).values())
    np.testing.assert_array_equal(features, outputs[-2])
    np.testing.assert_array_equal(logits, outputs[-1])
