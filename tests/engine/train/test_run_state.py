"""The state of a run, into a checkpoint and back."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.checkpoints.checkpoint import Checkpoint
from engine.errors import CheckpointError
from engine.parallel.workers import Workers
from engine.train import factory
from engine.train.results import StepResult
from engine.train.run_state import Progress, RunState
from engine.train.trainer import Trainer
from tests.support.small_runs import RICH, Stop, make_config, same_arrays, train

STOPPING = "callbacks=[early_stopping: {monitor: val_loss, patience: 3}]"
PLATEAU = "train.scheduler={name: plateau, monitor: val_acc}"


@pytest.fixture
def state(tmp_path: Path) -> RunState:
    """The state of a run that was cut in its second epoch."""
    run = train(make_config(tmp_path, RICH, STOPPING, PLATEAU), stop=Stop((1, 1)))
    return run.session.state


def fresh(state_of: Path, *overrides: str) -> RunState:
    config = make_config(state_of, RICH, *overrides)
    with Workers(1) as workers:
        trainer = Trainer(
            factory.make_model(config),
            factory.make_loss(config),
            factory.make_optimizer(config),
            seed=config.seed,
            workers=workers,
        )
    callbacks = factory.make_callbacks(config)

    class Run:
        model = trainer.model

    for callback in callbacks:
        callback.run = Run()  # type: ignore[assignment]
        callback.on_train_begin()
    return RunState(trainer, factory.make_scheduler(config, 4), callbacks, Progress(), [])


def as_saved(state: RunState) -> Checkpoint:
    """What a checkpoint gives back: copies, and meta that went through JSON."""
    arrays = {name: array.copy() for name, array in state.arrays().items()}
    return Checkpoint(json.loads(json.dumps(state.meta(), allow_nan=False)), arrays)


def test_arrays_have_the_names_that_a_reader_expects(state: RunState) -> None:
    names = state.arrays().keys()
    assert {"model/0.weight", "model/1.running_var", "model/3.body.0.bias"} <= names
    assert {"optimizer/exp_avg/0.weight", "optimizer/exp_avg_sq/9.bias"} <= names
    assert "callback/1/9.weight" in names
    assert state.table()["model/9.weight"] == (np.dtype(np.float32), (10, 16))


def test_a_state_comes_back_exactly(state: RunState, tmp_path: Path) -> None:
    saved = as_saved(state)
    other = fresh(tmp_path, STOPPING, PLATEAU)
    assert other.table() == state.table()
    assert not same_arrays(other.arrays(), saved.arrays)
    progress, history = other.progress, other.history
    other.restore(saved)
    assert same_arrays(other.arrays(), saved.arrays)
    assert other.meta() == state.meta()
    assert other.progress is progress, "watchers look at this object"
    assert other.history is history
    assert (progress.epoch, progress.step, progress.global_step) == (1, 2, 6)
    assert progress == state.progress
    assert history == state.history
    assert other.trainer.optimizer.t == 6
    # The layers see the weights that came back.
    parameters = other.trainer.model.named_parameters()
    assert same_arrays(parameters, state.trainer.model.named_parameters())
    assert np.shares_memory(parameters["0.weight"], other.trainer.parameters.vector)


def test_restoring_before_the_first_step_is_the_beginning(tmp_path: Path) -> None:
    one, other = fresh(tmp_path), fresh(tmp_path, "seed=8")
    other.restore(as_saved(one))
    assert same_arrays(other.arrays(), one.arrays())
    assert other.trainer.optimizer.t == 0


def test_numbers_that_are_not_finite_go_through_json(state: RunState, tmp_path: Path) -> None:
    state.history[0]["grad_norm"] = math.nan
    state.progress.norm_sum = math.inf
    other = fresh(tmp_path, STOPPING, PLATEAU)
    other.restore(as_saved(state))
    assert math.isnan(other.history[0]["grad_norm"])
    assert math.isnan(other.progress.norm_sum)
    assert other.progress.stop_reason is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda meta: meta.update(kind="weights"), "expected the checkpoint of a run"),
        (lambda meta: meta.pop("progress"), "cannot be read"),
        (lambda meta: meta["progress"].update(sneaky=1), "cannot be read"),
        (lambda meta: meta.update(progress=3), "cannot be read"),
        (lambda meta: meta.update(history=[3]), "cannot be read"),
        (lambda meta: meta["looks"].append({"epoch": 1}), "looks.1.layers: Field required"),
        (lambda meta: meta["callbacks"].pop(), "cannot be read"),
        (lambda meta: meta["callbacks"][1].pop("wait"), "cannot be read"),
        (lambda meta: meta["optimizer"].pop("lr"), "cannot be read"),
        (lambda meta: meta.update(scheduler={"base_lr": 0.1}), "another schedule"),
        (lambda meta: meta.clear(), "cannot be read"),
    ],
)
def test_what_is_no_state_of_this_run_is_refused_in_one_line(
    state: RunState, tmp_path: Path, change: Any, message: str
) -> None:
    saved = as_saved(state)
    change(saved.meta)
    other = fresh(tmp_path, STOPPING, PLATEAU)
    before = {name: array.copy() for name, array in other.arrays().items()}
    with pytest.raises(CheckpointError, match=message) as caught:
        other.restore(saved)
    assert "\n" not in str(caught.value)
    assert same_arrays(other.arrays(), before)
    assert other.progress == Progress()


def test_progress_means_over_samples() -> None:
    progress = Progress()
    progress.add(StepResult(loss=1.0, correct=3, samples=30, grad_norm=2.0), 0.5)
    progress.add(StepResult(loss=4.0, correct=6, samples=10, grad_norm=4.0), 0.25)
    assert progress.training_logs() == {"loss": 1.75, "acc": 0.225, "grad_norm": 3.0}
    progress.next_epoch()
    assert (progress.epoch, progress.step, progress.global_step) == (1, 0, 2)
    assert (progress.seconds, progress.epoch_seconds, progress.trained) == (0.75, 0.0, 40)
    assert progress.training_logs() == {"loss": 0.0, "acc": 0.0, "grad_norm": 0.0}
