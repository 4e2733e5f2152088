"""Check a network's gradients on real samples."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.config import Config
from engine.data import Dataset
from engine.errors import ConfigError
from engine.gradcheck import Mode, Report, Row, check_network
from engine.parallel.workers import Workers
from engine.rng import Purpose, stream
from engine.train import factory
from engine.train.weights import load_model, normalised_for

EXACT_CAP = 100_000
"""Most entries of one tensor that the exact mode measures; the table says where it applies."""


def run_check(
    config: Config,
    *,
    weights: Path | None = None,
    mode: Mode = "directions",
    samples: int = 4,
    say: Callable[[str], None] = lambda text: None,
    progress: Callable[[str, int, int], None] = lambda label, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    on_row: Callable[[Row], None] = lambda row: None,
) -> Report:
    """Compare the gradients of a config's network and loss with numerical ones, in float64.

    Args:
        config: network, loss, data set and seed.
        weights: weights, a checkpoint or a run; None for fresh weights.
        mode: "directions" (fast) or "exact" (every entry of every tensor).
        samples: number of images, taken from the test set.
        say: called with a line on what is about to be checked.
        progress: called with what is being done, how much of it is done, and the total.
        cancelled: polled; true ends the check.
        on_row: called with every row of the report as soon as it is known.

    Raises:
        ConfigError: no such number of samples.
        CheckpointError: the weights cannot be used.
        DataError: the data set is missing or corrupt.
    """
    dataset = factory.load_dataset(config, progress=progress, cancelled=cancelled)
    for problem in dataset.passed_over:
        say(problem)
    if weights is None:
        model = factory.make_model(config, np.float64)
    else:
        model = load_model(config, weights, np.float64)
        dataset, note = normalised_for(dataset, weights)
        if note:
            say(note)
    least = model.least_samples(dataset.image_shape)
    if not least <= samples <= len(dataset.test):
        why = "" if least == 1 else " (batch norm needs more than one value per channel)"
        raise ConfigError(
            f"samples: expected {least} to {len(dataset.test)}, the size of {dataset.name}'s "
            f"test set{why}; got {samples}"
        )
    rng = stream(Purpose.GRADCHECK, config.seed)
    x, labels = _real_samples(dataset, samples, rng)
    counts = None
    if config.train.class_weights is not None:
        counts = factory.make_sources(config, dataset).class_counts
    loss = factory.make_loss(config, counts)
    target = loss.target(labels, len(dataset.classes), np.float64)
    say(
        f"{samples} test samples of {dataset.name}, {model.count_parameters():,} parameters "
        f"in float64, {type(loss).__name__}, mode {mode}"
    )
    with Workers(1):
        return check_network(
            model.train(),
            loss,
            x,
            target,
            rng=rng,
            mode=mode,
            samples_per_tensor=EXACT_CAP if mode == "exact" else None,
            progress=lambda done, total, name: progress(f"checking {name}", done, total),
            cancelled=cancelled,
            on_row=on_row,
        )


def _real_samples(
    dataset: Dataset, samples: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Images of the test set in float64, normalised, with less than one grey level of noise.

    Real images have flat areas, where all pixels of a pooling window are equal and the maximum
    has no derivative. Noise below the step between two grey levels breaks the ties.
    """
    indices = np.sort(rng.choice(len(dataset.test), samples, replace=False))
    x, labels = factory.evaluation_batches(dataset.test, dataset).load(indices)
    level = 1 / 255 / np.array(dataset.std).reshape(-1, 1, 1)
    return x.astype(np.float64) + level * rng.uniform(-0.5, 0.5, x.shape), labels
