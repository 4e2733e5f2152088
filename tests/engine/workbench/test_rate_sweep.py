"""The sweep of learning rates: real steps, its end, and what its curve says."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.config import Config
from engine.errors import ConfigError, Diverged
from engine.layers import Sequential
from engine.parallel.workers import Workers
from engine.train import factory
from engine.train.results import StepResult
from engine.train.trainer import Trainer
from engine.workbench import RatePoint, RateRange, read, sweep
from tests.support.small_runs import PLAIN, RICH, make_config

CONVEX = """
dataset: mnist_mini
seed: 3
layers: [Flatten, Dense: {out_features: 10}]
data: {limit: 200, validation: 40}
train: {batch_size: 160, lr: 1.0, optimizer: sgd, loss: mse}
"""
"""A linear network with a squared error, on one batch: a quadratic bowl."""

FEW = RateRange(1e-4, 1.0, 20)


def swept(config: Config, rates: RateRange = FEW, workers: int = 1) -> list[RatePoint]:
    dataset = factory.load_dataset(config)
    with Workers(workers) as pool:
        return list(sweep(config, dataset, pool, rates))


def curve(rates: RateRange, losses: list[float]) -> list[RatePoint]:
    """A curve without noise, as it was smoothed."""
    return [RatePoint(rates.rate(i), loss, loss) for i, loss in enumerate(losses)]


@pytest.mark.parametrize("text", [PLAIN, RICH], ids=["plain", "rich"])
def test_every_batch_is_bit_by_bit_a_step_of_a_training_at_its_rate(
    tmp_path: Path, text: str
) -> None:
    config = make_config(tmp_path, text, "train.clip_norm=0.1", "train.class_weights=balanced")
    sources = factory.make_sources(config, factory.load_dataset(config))
    expected = []
    with Workers(1) as workers:
        trainer = Trainer(
            factory.make_model(config), factory.make_loss(config, sources.class_counts),
            factory.make_optimizer(config), seed=config.seed, workers=workers, clip_norm=0.1,
        )  # fmt: skip
        for i in range(6):
            trainer.optimizer.lr = FEW.rate(i)
            expected.append(trainer.step(sources.train, i // 4, i % 4)[0].loss)
    points = swept(config)
    assert [point.loss for point in points[:6]] == expected, "into the second epoch"
    assert [point.lr for point in points] == [FEW.rate(i) for i in range(len(points))]


def test_any_number_of_workers_gives_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.train.evaluator.WORTH_PROCESSES", 0)
    config = make_config(tmp_path, RICH)
    assert swept(config, workers=1) == swept(config, workers=2)
    other = make_config(tmp_path, RICH, "seed=8")
    assert swept(config) != swept(other)


def test_the_schedule_and_the_warm_up_of_the_config_change_nothing(tmp_path: Path) -> None:
    plain = make_config(tmp_path)
    scheduled = make_config(
        tmp_path, PLAIN, "train.scheduler={name: cosine}", "train.warmup={steps: 5}"
    )
    assert swept(plain) == swept(scheduled)


def test_smoothing_is_the_mean_with_weights_that_fade(tmp_path: Path) -> None:
    rates = RateRange(1e-4, 1e-2, 40)
    assert rates.memory == 0.5
    points = swept(make_config(tmp_path), rates)
    losses = np.array([point.loss for point in points])
    for n in (1, 2, 7):
        weights = 0.5 ** np.arange(n)[::-1]
        mean = float(weights @ losses[:n] / weights.sum())
        assert points[n - 1].smoothed == pytest.approx(mean, rel=1e-12)


def test_in_a_quadratic_bowl_the_suggestion_is_in_the_stable_range(tmp_path: Path) -> None:
    config = make_config(tmp_path, CONVEX)
    batches, _ = factory.training_batches(config, factory.load_dataset(config))
    images, _ = batches.load(batches.indices)
    x = np.hstack([images.reshape(160, -1), np.ones((160, 1))]).astype(np.float64)
    # The mean over N images and 10 classes of (xw - t)² has the Hessian 2/(10·N)·xᵀx.
    curvature = 2 / (10 * 160) * float(np.linalg.eigvalsh(x.T @ x).max())
    rates = RateRange()
    reading = read(swept(config, rates), rates)
    assert reading is not None
    assert reading.fell
    edge = 2 / curvature  # above it, gradient descent goes up the walls of the bowl
    assert edge / 100 < reading.suggestion < edge


def test_a_data_set_of_one_batch_is_swept_over_many_epochs(tmp_path: Path) -> None:
    points = swept(make_config(tmp_path, CONVEX), RateRange(1e-5, 1e-3, 20))
    assert len(points) == 20
    losses = [point.loss for point in points]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize(
    ("losses", "seen"),
    [
        ([1.0, 5.0, 3.9, 4.1, 1.0], 4),
        ([5.0, 1.0, 4.1, 1.0], 3),
        ([-1.0, -0.5, 1.9, 2.1, 0.0], 4),
    ],
    ids=["of the second batch nothing follows", "four times the lowest", "below 0"],
)
def test_it_ends_as_soon_as_the_loss_is_four_times_the_lowest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, losses: list[float], seen: int
) -> None:
    left = iter([*losses, *[1.0] * 20])
    result = StepResult(0.0, 0, 1, 0.0)
    monkeypatch.setattr(
        Trainer, "step", lambda *given, **more: (replace(result, loss=next(left)), None)
    )
    assert FEW.memory == 0, "nothing is smoothed"
    assert [point.smoothed for point in swept(make_config(tmp_path))] == losses[:seen]


def test_numbers_that_are_not_finite_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(tmp_path, CONVEX)
    with pytest.raises(Diverged) as caught:
        swept(config, RateRange(1e30, 1e32, 20))
    assert caught.value.lr > 1e30
    make = factory.make_model

    def broken(config: Config) -> Sequential:
        model = make(config)
        next(iter(model.state_dict().values()))[...] = math.nan
        return model

    monkeypatch.setattr(factory, "make_model", broken)
    with pytest.raises(Diverged, match="Dense"):
        swept(config)


def test_the_suggestion_is_a_tenth_of_where_the_loss_is_lowest() -> None:
    rates = RateRange(1e-5, 1.0, 101)
    losses = [2.0] * 40 + [2.0 - 0.05 * i for i in range(21)] + [1.0 + 0.1 * i for i in range(40)]
    reading = read(curve(rates, losses), rates)
    assert reading is not None
    assert (reading.start, reading.lowest, reading.fell) == (2.0, 1.0, True)
    assert reading.lowest_lr == pytest.approx(rates.rate(60))
    assert reading.suggestion == pytest.approx(reading.lowest_lr / 10, rel=0.05)
    assert rates.rate(40) < (reading.steepest_lr or 0) < rates.rate(60)
    assert not reading.still_falling


def test_of_a_plateau_the_beginning_counts_not_its_luckiest_batch() -> None:
    rates = RateRange(1e-5, 1.0, 101)
    losses = [2.0] * 40 + [2.0 - 0.1 * i for i in range(11)] + [1.0] * 48 + [0.99, 1.0]
    reading = read(curve(rates, losses), rates)
    assert reading is not None
    assert reading.lowest_lr == pytest.approx(rates.rate(50))


def test_a_fall_within_chance_is_none() -> None:
    rates = RateRange(1e-8, 1e-6, 100)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        mean, points = 0.0, []
        for i, loss in enumerate(rng.normal(2.3, 0.3, 100).tolist()):
            mean = rates.memory * mean + (1 - rates.memory) * loss
            points.append(RatePoint(rates.rate(i), loss, mean / (1 - rates.memory ** (i + 1))))
        reading = read(points, rates)
        assert reading is not None
        assert not reading.fell, seed


def test_a_loss_that_falls_to_the_end_of_the_range_is_told() -> None:
    rates = RateRange(1e-5, 1e-3, 50)
    reading = read(curve(rates, [3.0 - 0.02 * i for i in range(50)]), rates)
    assert reading is not None
    assert reading.still_falling
    assert read(curve(rates, [3.0, 2.0]), rates) is None


@pytest.mark.parametrize(
    ("low", "high", "steps", "said"),
    [
        (0.0, 1.0, 100, "from: expected a learning rate above 0, got 0"),
        (math.nan, 1.0, 100, "from: .* got nan"),
        (math.inf, 1.0, 100, "from: .* got inf"),
        (1e-3, 5e-3, 100, "to: expected at least 10 times the first rate, 0.001; got 0.005"),
        (1.0, 0.1, 100, "to: "),
        (1e-3, math.inf, 100, "to: .* got inf"),
        (1e-3, math.nan, 100, "to: .* got nan"),
        (1e-3, 1.0, 19, "steps: expected 20 to 10,000 batches, got 19"),
        (1e-3, 1.0, 10_001, "steps: "),
    ],
)
def test_a_range_that_says_nothing_is_refused(
    low: float, high: float, steps: int, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        RateRange(low, high, steps)
