"""Changes to the config of a resumed run: ``cnn-tui resume RUN --set KEY=VALUE``.

A key may be changed if the run, started with the new value, would have trained the same up to
here. Every other one is refused, with the reason.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.callbacks import EarlyStopping
from engine.config import Config, differences, loads
from engine.errors import ConfigError
from engine.paths import absolute
from engine.runs.directory import CONFIG, RunDir
from engine.runs.provenance import weights_hash
from engine.runs.record import described_in, format_time
from engine.train.run_state import RunState

KEY = "changes"
"""The key of the changes in ``run.json``."""

_PATIENCE = re.compile(r"callbacks\.[0-9]+\.early_stopping\.patience")
_FREE = re.compile(
    r"train\.(epochs|workers|film|checkpoint_every\.(steps|seconds))|data\.(root|test_views)|reports_dir"
)
_ADVICE = {
    "train.lr": "what was trained depends on it; + and - in the app change it from here on",
    "name": "the folder of the run is named after it",
    "train.init_from": "the run has weights of its own by now; train it as a new run",
    "runs_dir": "the run stays in its folder; move it instead",
}


@dataclass(frozen=True)
class Extension:
    """The config of a run before and after a change.

    Attributes:
        before, after: the configs.
        changed: old and new value by dotted key, as plain JSON.
    """

    before: Config
    after: Config
    changed: Mapping[str, tuple[Any, Any]]


def plan(run: Path, overrides: Sequence[str]) -> Extension | None:
    """The changes that overrides make in a run; None if there are none.

    Raises:
        ConfigError: they cannot be read, or change what was trained.
        RunError: it is not a run.
    """
    view = RunDir.view(run)
    text, source = view.read_config(), str(view.path / CONFIG)
    known = described_in(view.read_record())
    before, after = loads(text, source, known=known), loads(text, source, overrides, known=known)
    if after.reports_dir != before.reports_dir:  # typed here: relative to the working folder
        typed = absolute(after.reports_dir)
        after = after.model_copy(update={"reports_dir": typed})
    if after.data.root is not None and after.data.root != before.data.root:
        section = after.data.model_copy(update={"root": absolute(after.data.root)})
        after = after.model_copy(update={"data": section})
    for key, (old, new) in _differences(_effective(before), _effective(after)).items():
        reason = _reason_against(key, old, new, before)
        if reason is not None:
            raise ConfigError(f"{reason[0]}: cannot be changed in a run: {reason[1]}")
    changed = _differences(_values(before), _values(after))
    return Extension(before, after, changed) if changed else None


def _differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {key: (old, new) for key, (old, new) in differences([before, after]).items()}


def _values(config: Config) -> dict[str, Any]:
    values = config.model_dump(mode="json")
    values["callbacks"] = {str(i): item for i, item in enumerate(values["callbacks"])}
    return values


def _effective(config: Config) -> dict[str, Any]:
    """The values, with those that follow from the length of the run."""
    values, train = _values(config), config.train
    if train.scheduler is not None:
        arguments = train.scheduler.arguments(train.lr, train.epochs, steps_per_epoch=1)
        del arguments["base_lr"]
        values["train"]["scheduler"] |= arguments
    for key in ("lookahead", "average"):  # both do something behind the last step
        if values["train"][key] is not None:
            values["train"][key]["epochs"] = train.epochs
    return values


def _reason_against(key: str, old: Any, new: Any, before: Config) -> tuple[str, str] | None:
    """The key to refuse, with the reason; None if it may be changed."""
    if _PATIENCE.fullmatch(key):
        return None if new > old else (key, f"with less than {old} it might have ended before")
    if _FREE.fullmatch(key):
        return None
    if key in ("train.lookahead.epochs", "train.average.epochs"):
        reason = f"the {key.split('.')[1]} of what was trained spans {old} epochs, not {new}"
        return "train.epochs", reason
    scheduler, option = before.train.scheduler, key.removeprefix("train.scheduler.")
    if scheduler is not None and option != key and getattr(scheduler, option, None) is None:
        reason = f"the {scheduler.name} of what was trained spans {old} epochs, not {new}"
        if option in type(scheduler).model_fields:
            reason += f"; to keep it so, add --set {key}={old}"
        return "train.epochs", reason
    if key.startswith("callbacks."):
        return key, "the checkpoints hold the state of the callbacks that it was started with"
    return key, _ADVICE.get(key, "what was trained depends on it")


def apply(extension: Extension, state: RunState) -> list[dict[str, Any]]:
    """Prepare a restored state to continue under the new config.

    Returns:
        The changes, for the run's record.

    Raises:
        ConfigError: it has come too far, or ended in another way.
    """
    progress, epochs = state.progress, extension.after.train.epochs
    trained = progress.epoch + (progress.step > 0)
    if epochs < trained:
        raise ConfigError(
            f"train.epochs: {trained} epochs have begun already; expected {trained} or more"
        )
    if progress.stop_reason is not None and not _wants_to_stop(state):
        progress.stop_reason = None
    if progress.stop_reason is not None and "train.epochs" in extension.changed:
        raise ConfigError(
            f"train.epochs: the run ended before, by {progress.stop_reason}; "
            "to continue it, set callbacks.N.early_stopping.patience to a larger number as well"
        )
    if progress.done and progress.stop_reason is None and progress.epoch < epochs:
        last = next(reversed(state.provenance.weights), "")
        if last and last != weights_hash(state.trainer.model.state_dict()):
            raise ConfigError(
                "train.epochs: an earlier version of cnn-tui ended this run, and kept the weights "
                "of its best epoch only; there is nothing to resume from"
            )
        progress.done, state.provenance.final = False, ""
    moment = {
        "time": format_time(datetime.now(UTC)),
        "epoch": progress.epoch,
        "step": progress.global_step,
    }
    return [
        {**moment, "key": key, "old": old, "new": new}
        for key, (old, new) in extension.changed.items()
    ]


def _wants_to_stop(state: RunState) -> bool:
    return any(
        callback.is_out_of_patience
        for callback in state.callbacks
        if isinstance(callback, EarlyStopping)
    )
