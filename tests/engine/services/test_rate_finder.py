"""The learning rate finder: its suggestion, its sentences, and what it leaves alone."""

from pathlib import Path

import pytest

from engine.config import Config, load, loads
from engine.errors import Cancelled, ConfigError
from engine.parallel.workers import Workers
from engine.services.rate_finder import find_rate, writable_config, write_rate
from engine.train import factory
from engine.train.trainer import Trainer
from engine.workbench import RatePoint, RateRange
from tests.engine.workbench.test_rate_sweep import CONVEX
from tests.support.small_runs import PLAIN, make_config

DIGITS = """
dataset: mnist_mini
seed: 5
layers: [Flatten, Dense: {out_features: 32}, ReLU, Dense: {out_features: 10}]
train: {batch_size: 32, lr: 1.0, optimizer: momentum}
"""
NARROW = RateRange(1e-5, 1.0, 40)


def loss_after_an_epoch(config: Config, lr: float) -> float:
    """The validation loss."""
    sources = factory.make_sources(config, factory.load_dataset(config))
    with Workers(1) as workers:
        trainer = Trainer(
            factory.make_model(config), factory.make_loss(config),
            factory.make_optimizer(config), seed=config.seed, workers=workers,
        )  # fmt: skip
        steps = sources.train.steps_per_epoch
        trainer.steps(sources.train, 0, 0, [lr] * (steps - 1))
        return trainer.evaluate(sources.validation).loss


def test_the_suggestion_learns_better_than_a_far_smaller_or_larger_rate() -> None:
    config = loads(DIGITS)
    lr = find_rate(config, RateRange()).suggestion
    assert lr is not None
    good = loss_after_an_epoch(config, lr)
    assert good < 0.5
    assert good < loss_after_an_epoch(config, lr / 100)
    assert good < loss_after_an_epoch(config, lr * 30)


def test_it_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = make_config(tmp_path, PLAIN, "callbacks=[csv_logger: {filepath: log.csv}]")
    find_rate(config, NARROW)
    assert list(tmp_path.rglob("*")) == []


def test_points_come_one_by_one_and_a_cancelled_sweep_ends_at_once(tmp_path: Path) -> None:
    points: list[RatePoint] = []
    with pytest.raises(Cancelled):
        find_rate(
            make_config(tmp_path),
            NARROW,
            on_point=points.append,
            cancelled=lambda: len(points) == 3,
        )
    assert len(points) == 3


@pytest.mark.parametrize(
    ("text", "rates", "said"),
    [
        (CONVEX, RateRange(1e-4, 1e4), ("Suggested: 0.", "a tenth of ", "The sweep ended at ")),
        (
            CONVEX,
            RateRange(1e-6, 1e-3),
            ("Suggested", "the loss was still falling", "A range up to 0.01 may show"),
        ),
        (PLAIN, RateRange(1e-9, 1e-7), ("No suggestion: the loss did not fall by more than",)),
        (CONVEX, RateRange(1e2, 1e4), ("No suggestion: ", "Begin far below 100.")),
        (CONVEX, RateRange(1e30, 1e32), ("No suggestion: ", "the numbers are not finite any")),
    ],
    ids=["diverges", "falls on", "too small", "too large", "not finite"],
)
def test_the_sentences_say_what_was_seen(
    tmp_path: Path, text: str, rates: RateRange, said: tuple[str, ...]
) -> None:
    found = find_rate(make_config(tmp_path, text), rates)
    words = " ".join(found.sentences())
    assert (found.suggestion is None) == words.startswith("No suggestion")
    for part in said:
        assert part in words


def test_nan_in_the_first_batch_is_no_matter_of_the_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "engine.data.normalisation.Normalisation.__call__",
        lambda self, pixels: pixels.astype("float32") * float("nan"),
    )
    found = find_rate(make_config(tmp_path), NARROW)
    assert (found.points, found.reading, found.suggestion) == ((), None, None)
    (words,) = found.sentences()
    assert words.startswith("No suggestion: the first batch gives no finite numbers (the images)")


def test_a_schedule_that_is_not_used_is_named(tmp_path: Path) -> None:
    plain = " ".join(find_rate(make_config(tmp_path), NARROW).sentences())
    assert "not used" not in plain
    config = make_config(tmp_path, PLAIN, "train.scheduler={name: cosine}", "train.warmup={}")
    words = find_rate(config, NARROW).sentences()[1]
    assert words.startswith("train.scheduler (cosine) and train.warmup are not used in the sweep")


def test_a_rate_is_written_and_all_else_in_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    raw = "\ufeff# mine\r\n" + PLAIN.strip().replace("\n", "\r\n") + "  # as before\r\n"
    path.write_bytes(raw.encode())
    write_rate(path, 3.1e-5)
    assert path.read_bytes().decode() == raw.replace("lr: 0.02", "lr: 3.1e-05")
    assert load(path).train.lr == 3.1e-5


def test_a_file_that_became_wrong_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("dataset: mnist_mini\ntrain: {epoch: 3}\n")
    with pytest.raises(ConfigError, match="epoch"):
        write_rate(path, 0.1)
    assert path.read_text() == "dataset: mnist_mini\ntrain: {epoch: 3}\n"


def test_only_the_file_of_a_config_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for argument in ("-", str(tmp_path)):
        with pytest.raises(ConfigError, match="--write needs the file of a config"):
            writable_config(argument)
    shipped = tmp_path / "_shipped" / "configs"
    shipped.mkdir(parents=True)
    (shipped / "own.yaml").write_text(PLAIN)
    monkeypatch.setattr("engine.services.configs.shipped", lambda name: shipped)
    with pytest.raises(ConfigError, match="ships with the program"):
        writable_config(str(shipped / "own.yaml"))
