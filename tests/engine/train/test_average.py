"""What is validated, chosen and saved is an average of the weights; training takes none of it."""

from pathlib import Path
from typing import Any

import pytest

from engine.arrays import Array
from engine.callbacks import Callback, Logs
from engine.checkpoints.checkpoint import load
from engine.films import film
from engine.parallel.workers import Workers
from engine.runs.weight_files import WEIGHTS
from engine.train import extending, factory
from engine.train.evaluator import Evaluator
from tests.support.small_runs import (
    RICH,
    Run,
    Stop,
    copy_state,
    make_config,
    same_arrays,
    saved_model,
    train,
)

AVERAGE = "train.average={every: 1, decay: 0.9}"
Arrays = dict[str, Array]


class Seen(Callback):
    """The network that callbacks see at the end of each epoch."""

    def __init__(self) -> None:
        self.networks: list[Arrays] = []

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.networks.append(copy_state(self.run.model))


def seen_in(folder: Path, *overrides: str) -> tuple[Run, list[Arrays]]:
    seen = Seen()
    return train(make_config(folder, RICH, *overrides), seen), seen.networks


def validated(run: Run, network: Arrays) -> tuple[float, float]:
    config = run.session.config
    dataset = factory.load_dataset(config)
    model = factory.make_model(config)
    model.load_state_dict(network)
    with Workers(1) as workers:
        found = Evaluator(model, factory.make_loss(config), workers=workers).evaluate(
            factory.make_sources(config, dataset).validation
        )
    return found.loss, found.acc


def test_each_epoch_is_validated_with_the_average_and_trained_without(tmp_path: Path) -> None:
    plain, raw = seen_in(tmp_path / "plain")
    run, networks = seen_in(tmp_path / "average", AVERAGE)
    for key in ("loss", "acc", "grad_norm"):
        assert [logs[key] for logs in run.history] == [logs[key] for logs in plain.history]
    for logs, network, trained in zip(run.history, networks, raw, strict=True):
        assert not same_arrays(network, trained)
        assert (logs["val_loss"], logs["val_acc"]) == validated(run, network)
    assert same_arrays(saved_model(run.path / WEIGHTS), networks[-1])
    for frame, network in zip(film.frames(run.path)[-2:], networks[-2:], strict=True):
        assert same_arrays(saved_model(frame), network)


def test_the_best_file_has_the_average_of_its_epoch_and_the_others_what_is_trained(
    tmp_path: Path,
) -> None:
    run, networks = seen_in(tmp_path / "average", AVERAGE)
    _, raw = seen_in(tmp_path / "plain")
    store = run.session.run_dir.store
    best = int(run.ended.best["epoch"]) - 1
    assert same_arrays(saved_model(store.best_path), networks[best])
    between = store.path(store.steps()[0])  # the end of the last epoch but one
    assert same_arrays(saved_model(between), raw[-2])
    arrays = load(between, only="slow/").arrays
    slow = {name.removeprefix("slow/"): array for name, array in arrays.items()}
    assert same_arrays(slow, networks[-2])


@pytest.mark.parametrize("restore", [False, True])
def test_a_training_that_ends_early_ends_with_an_average(tmp_path: Path, restore: bool) -> None:
    stopping = f"{{monitor: loss, mode: max, patience: 1, restore_best: {str(restore).lower()}}}"
    run, networks = seen_in(tmp_path, AVERAGE, f"callbacks=[early_stopping: {stopping}]")
    assert len(networks) == 2
    assert same_arrays(saved_model(run.path / WEIGHTS), networks[0 if restore else 1])


@pytest.mark.parametrize("moment", ["validating", (1, 1)])
def test_stopped_while_validating_it_goes_on_with_what_was_trained(
    tmp_path: Path, moment: Any
) -> None:
    whole, _ = seen_in(tmp_path / "whole", AVERAGE)
    config = make_config(tmp_path / "cut", RICH, AVERAGE)
    cut = train(config, stop=Stop(moment, 1))
    assert cut.ended.status == "stopped"
    run = train(config, resume=cut.path)
    assert run.weights == whole.weights
    assert run.history == whole.history


def test_a_lookahead_is_validated_as_it_is_trained(tmp_path: Path) -> None:
    run, networks = seen_in(tmp_path, "train.lookahead={every: 3, decay: 0.5}")
    store = run.session.run_dir.store
    assert same_arrays(saved_model(store.path(store.steps()[0])), networks[-2])
    assert (run.history[-2]["val_loss"], run.history[-2]["val_acc"]) == validated(run, networks[-2])


def test_early_stopping_with_more_patience_goes_on_with_what_was_trained(tmp_path: Path) -> None:
    stopping = "callbacks=[early_stopping: {monitor: loss, mode: max, patience: %d}]"
    short = train(make_config(tmp_path / "short", RICH, AVERAGE, stopping % 1))
    whole = train(make_config(tmp_path / "whole", RICH, AVERAGE, stopping % 9))
    assert (short.ended.epochs_done, whole.ended.epochs_done) == (2, 3)
    extension = extending.plan(short.path, ["callbacks.0.early_stopping.patience=9"])
    assert extension is not None
    run = train(extension.after, resume=short.path, extension=extension)
    assert run.history == whole.history
    assert same_arrays(saved_model(run.path / WEIGHTS), saved_model(whole.path / WEIGHTS))
