"""The gradient check of a config, on real samples and trained weights."""

from pathlib import Path

import pytest

from engine.checkpoints import checkpoint
from engine.config import Config, loads
from engine.errors import CheckpointError, ConfigError
from engine.services.gradcheck import run_check
from engine.train import factory
from tests.support.command_runs import CHECKED


@pytest.fixture
def config() -> Config:
    return loads(CHECKED, "test.yaml")


def test_the_same_every_time(config: Config) -> None:
    assert str(run_check(config)) == str(run_check(config))


def test_the_loss_is_that_of_the_config() -> None:
    report = run_check(loads(CHECKED + "train: {loss: mse}", "test.yaml"), samples=3)
    assert report.passed
    assert report.rows[0].kind == "MSE"
    assert report.rows[0].shape == (3, 10)


def test_trained_weights(config: Config, tmp_path: Path) -> None:
    model = factory.make_model(config)
    for array in model.named_parameters().values():
        array *= 2
    path = tmp_path / "w.npz"
    checkpoint.save(path, {f"model/{k}": v for k, v in model.state_dict().items()}, {})
    fresh, trained = run_check(config), run_check(config, weights=path)
    assert trained.passed
    assert trained.worst.analytic != fresh.worst.analytic
    with pytest.raises(CheckpointError, match="no such file"):
        run_check(config, weights=tmp_path / "missing.npz")


@pytest.mark.parametrize("samples", [0, 1001])
def test_samples_that_are_not_there(samples: int, config: Config) -> None:
    with pytest.raises(ConfigError, match=f"expected 1 to 1000.*got {samples}"):
        run_check(config, samples=samples)


def test_a_sample_alone_is_refused_where_a_layer_needs_two() -> None:
    config = loads(CHECKED.replace("  - Dropout: {p: 0.3}\n", "  - BatchNorm1D\n"), "test.yaml")
    with pytest.raises(ConfigError, match=r"expected 2 to 1000.*batch norm.*got 1"):
        run_check(config, samples=1)
    assert run_check(config, samples=2).rows


def test_class_weights_are_checked_too() -> None:
    few = CHECKED + "data: {limit: 60}\n"  # not of every class as many
    weighted, plain = (
        run_check(loads(few + more, "test.yaml"))
        for more in ("train: {class_weights: balanced}", "")
    )
    assert weighted.passed
    assert weighted.rows[0].measured[0].analytic != plain.rows[0].measured[0].analytic
