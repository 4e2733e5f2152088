"""The state of a run that its checkpoints hold: enough to resume with the same bits."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from engine.arrays import Array
from engine.callbacks import Callback
from engine.checkpoints.checkpoint import Checkpoint
from engine.errors import CheckpointError
from engine.hints import Look
from engine.numbers import null_for_nan
from engine.runs.provenance import KEY, Provenance
from engine.schedulers import Scheduler
from engine.storage.untrusted_json import check_alike, check_logs, check_rates, check_type
from engine.train.results import StepResult
from engine.train.trainer import Trainer

_LARGEST_SCALE = 1e100
_LOOKS = 3
"""Looks that are kept: rules want two, and a third may be in the epoch under way."""
Table = dict[str, tuple[np.dtype, tuple[int, ...]]]


@dataclass
class Progress:
    """Counters of a run, and sums over the epoch in progress.

    Attributes:
        epoch: epochs done.
        step: batches done of the epoch after them.
        global_step: optimizer steps in all.
        loss_sum, correct, samples, norm_sum: of the epoch that is not over, to be averaged.
        epoch_seconds: time spent training in that epoch.
        seconds: time spent training in all, over every session that took part.
        trained: samples trained on in that time.
        lr_scale: factor on the schedule's learning rate; changed by hand.
        best: logs of the best epoch so far; empty before the first.
        stop_reason: why it ended early, or None.
        done: whether it is over, and nothing is left to resume.
    """

    epoch: int = 0
    step: int = 0
    global_step: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    samples: int = 0
    norm_sum: float = 0.0
    epoch_seconds: float = 0.0
    seconds: float = 0.0
    trained: int = 0
    lr_scale: float = 1.0
    best: dict[str, float] = field(default_factory=dict)
    stop_reason: str | None = None
    done: bool = False

    def add(self, result: StepResult, seconds: float) -> None:
        """Count one optimizer step."""
        self.step += 1
        self.global_step += 1
        self.loss_sum += result.loss * result.samples
        self.correct += result.correct
        self.samples += result.samples
        self.trained += result.samples
        self.norm_sum += result.grad_norm
        self.epoch_seconds += seconds
        self.seconds += seconds

    def training_logs(self) -> dict[str, float]:
        """Mean metrics of the epoch so far."""
        samples, steps = max(self.samples, 1), max(self.step, 1)
        return {
            "loss": self.loss_sum / samples,
            "acc": self.correct / samples,
            "grad_norm": self.norm_sum / steps,
        }

    def next_epoch(self) -> None:
        """Close the epoch."""
        self.epoch += 1
        self.step = self.correct = self.samples = 0
        self.loss_sum = self.norm_sum = self.epoch_seconds = 0.0


@dataclass
class RunState:
    """The state of a run: network, optimizer, schedule, callbacks, counters.

    Attributes:
        trainer: network and optimizer.
        scheduler: the learning rate's.
        callbacks: those of the config, in order.
        progress: counters; the same object throughout, so that others can read it.
        history: the logs of every epoch done; one list throughout.
        provenance: the facts needed to train the same weights again.
        looks: at the layers in the last epochs, for hints; one list throughout.
    """

    trainer: Trainer
    scheduler: Scheduler
    callbacks: Sequence[Callback]
    progress: Progress
    history: list[dict[str, float]]
    provenance: Provenance = field(default_factory=Provenance)
    looks: list[Look] = field(default_factory=list)

    def keep_look(self, look: Look) -> None:
        """Keep a look, and forget those that are too old for any rule."""
        self.looks.append(look)
        del self.looks[:-_LOOKS]

    def arrays(self) -> dict[str, Array]:
        """All arrays by name: ``model/0.weight``, ``optimizer/exp_avg/0.weight``, ..."""
        found = {f"model/{name}": a for name, a in self.trainer.model.state_dict().items()}
        for slot, vectors in self.trainer.optimizer.slots.items():
            for name, part in self.trainer.parameters.split(vectors[""]).items():
                found[f"optimizer/{slot}/{name}"] = part
        slow = self.trainer.slow
        if slow is not None:
            arrays = self.trainer.parameters.split(slow.vector)
            arrays |= dict(zip(self.trainer.model.named_buffers(), slow.buffers, strict=True))
            found |= {f"slow/{name}": array for name, array in arrays.items()}
        for i, callback in enumerate(self.callbacks):
            for name, array in callback.arrays().items():
                found[f"callback/{i}/{name}"] = array
        return found

    def judged(self, arrays: dict[str, Array]) -> dict[str, Array]:
        """``arrays`` with the network that is validated as the model: the average, if there is one.

        Trained weights are then where the average was.
        """
        slow = self.trainer.slow
        if slow is None or slow.steps_back:
            return arrays
        names = [name.removeprefix("slow/") for name in arrays if name.startswith("slow/")]
        swapped = {f"model/{name}": arrays[f"slow/{name}"] for name in names}
        return arrays | swapped | {f"slow/{name}": arrays[f"model/{name}"] for name in names}

    def meta(self) -> dict[str, Any]:
        """The rest of the state as JSON. A metric that is not finite is null."""
        return {
            "kind": "run",
            "progress": null_for_nan(asdict(self.progress)),
            "history": null_for_nan(self.history),
            "optimizer": {"t": self.trainer.optimizer.t, "lr": self.trainer.optimizer.lr},
            "scheduler": null_for_nan(self.scheduler.state_dict()),
            "callbacks": null_for_nan([c.state_dict() for c in self.callbacks]),
            KEY: self.provenance.to_json(),
            "looks": null_for_nan([asdict(look) for look in self.looks]),
        }

    def table(self) -> Table:
        """Dtype and shape of every array, by name: a checkpoint of this run has no others."""
        return {name: (array.dtype, array.shape) for name, array in self.arrays().items()}

    def restore(self, saved: Checkpoint) -> None:
        """Restore a checkpoint whose arrays fit ``table``.

        Raises:
            CheckpointError: it is not a run's, or not this run's.
        """
        try:
            meta = saved.meta
            if meta["kind"] != "run":
                raise CheckpointError(f"expected the checkpoint of a run, got {meta['kind']!r}")
            progress, history = _read_progress(meta)
            # A checkpoint of an earlier version has none.
            provenance = Provenance.from_json(meta.get(KEY), len(history))
            # Nor has it looks.
            looks = check_type(list[Look], meta.get("looks", []), "looks")
            check_alike(meta["optimizer"], self.meta()["optimizer"], "optimizer")
            own_schedule = self.scheduler.state_dict()
            self.scheduler.load_state_dict(meta["scheduler"])
            check_alike(meta["scheduler"], own_schedule, "scheduler")
            for name in ("optimizer", "scheduler"):
                check_rates(meta[name], name)
            for callback, state in zip(self.callbacks, meta["callbacks"], strict=True):
                check_alike(state, callback.state_dict(), "callbacks")
                callback.load_state_dict(state)
            t, lr = meta["optimizer"]["t"], float(meta["optimizer"]["lr"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(f"the checkpoint's state cannot be read: {error!r}") from None
        own = self.arrays()
        for name, array in saved.arrays.items():
            own[name][...] = array
        self.trainer.optimizer.t, self.trainer.optimizer.lr = t, lr
        vars(self.progress).update(vars(progress))
        self.history[:] = history
        self.looks[:] = looks[-_LOOKS:]
        self.provenance = provenance


def _read_progress(meta: Mapping[str, Any]) -> tuple[Progress, list[dict[str, float]]]:
    """Counters and history; null stands for NaN where a number belongs."""
    values, like = dict(meta["progress"]), asdict(Progress())
    best, stop_reason = values.pop("best"), values.pop("stop_reason")
    del like["best"], like["stop_reason"]
    check_alike(values, like, "progress")
    if best != {}:
        check_logs(best, "progress.best")
    if not (stop_reason is None or isinstance(stop_reason, str)):
        raise ValueError("progress.stop_reason: expected a text")
    for logs in meta["history"]:
        check_logs(logs, "history")
    progress = Progress(**_with_nan(values), best=_with_nan(best), stop_reason=stop_reason)
    if progress.epoch != len(meta["history"]):
        raise ValueError(f"{progress.epoch} epochs with a history of {len(meta['history'])}")
    if not 0 < progress.lr_scale <= _LARGEST_SCALE:
        raise ValueError(f"progress.lr_scale: expected a factor, got {progress.lr_scale}")
    return progress, [_with_nan(logs) for logs in meta["history"]]


def _with_nan(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: float("nan") if value is None else value for key, value in values.items()}
