"""The folder of a sweep: what it is to train, who trains it, and what of it is done.

``sweeps/20250131-235959-lenet-3fa2/`` holds ``sweep.json`` (the manifest), ``trials.csv`` (the
table), ``runs/`` (a run for each trial, found by its name) and the lock of the sweep's process.
"""

import json
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

import engine
from engine import paths
from engine.config import Config
from engine.config.yaml_reader import MAX_BYTES
from engine.errors import ConfigError, EngineError, RunError, UnreadableRunError
from engine.runs.directory import STAMP, RunDir
from engine.runs.groups import STANDING
from engine.runs.listing import UNFINISHED, RunInfo, delete_run, list_runs
from engine.runs.record import format_time
from engine.runs.weight_files import WEIGHTS
from engine.storage import atomic
from engine.storage.locks import Lock, LockHeldError
from engine.storage.untrusted_json import Text, check_type
from engine.sweeps.grid import MOST_TRIALS, Axis
from engine.sweeps.plan import Recipe, Trial, check_trials

MANIFEST, TABLE, RUNS, REPORTS = "sweep.json", "trials.csv", "runs", "reports"
LOCK = "sweep.lock"
"""Not ``.lock``: the folder must not be taken for that of a run."""

SETTLED = ("finished", "diverged")
"""What the run of a trial is that would come to the same end again."""

_LIMIT = 16 << 20  # bytes of a manifest
_TRIES = 100


class _Axis(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    key: Text
    values: Annotated[list[Text], Field(min_length=1, max_length=MOST_TRIALS)]


class _Trial(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    set: dict[Text, Text]
    config_hash: Text


class _Manifest(BaseModel):
    """Types of ``sweep.json``."""

    model_config = ConfigDict(strict=True)

    version: Text
    created: Text
    folder: Text
    source: Text
    config: Annotated[str, Field(max_length=MAX_BYTES)]
    overrides: list[Text]
    grid: list[_Axis]
    random: int | None
    jobs: Annotated[int, Field(ge=1)]
    trials: Annotated[list[_Trial], Field(min_length=1, max_length=MOST_TRIALS)]


class SweepFolder:
    """A sweep's folder, locked by this process; made by ``create`` or ``open``.

    Attributes:
        path: absolute.
        recipe: what its trials are made from.
        trials: all of them, in their order; their runs are in ``path / RUNS``.
        jobs: how many were to run at once when it was made.
    """

    def __init__(self, path: Path, lock: Lock, recipe: Recipe, trials: Sequence[Trial], jobs: int):
        self.path, self._lock, self.recipe, self.jobs = path, lock, recipe, jobs
        self.trials = [_placed(trial, path) for trial in trials]

    @classmethod
    def create(
        cls, path: Path | None, recipe: Recipe, trials: Sequence[Trial], jobs: int
    ) -> "SweepFolder":
        """Make the folder of a new sweep, lock it and write its manifest.

        Args:
            path: of a folder that is not there yet, or is empty; None for one below ``sweeps``.
            recipe: what the trials were made from.
            trials: at least one.
            jobs: how many are to run at once.

        Raises:
            ConfigError: something is in the folder already.
            RunError: it cannot be made or written to.
        """
        try:
            if path is None:
                folder = _make_new(trials[0].config.name.rpartition("-")[0])
            else:
                folder = paths.absolute(path)
                atomic.make_folder(folder)
            _check_empty(folder)
            lock = _lock(folder)
            try:
                _check_empty(folder)  # another sweep may have begun in it
                manifest = _to_json(recipe, trials, jobs)
                text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
                atomic.write_atomic(folder / MANIFEST, text.encode())
            except BaseException:
                lock.release()
                raise
        except OSError as error:
            where = path or Path("sweeps")
            raise RunError(f"{where}: cannot make a sweep: {error.strerror or error}") from None
        return cls(folder, lock, recipe, trials, jobs)

    @classmethod
    def open(cls, path: Path) -> "SweepFolder":
        """Lock the folder of a sweep that was begun, to go on with it.

        Raises:
            ConfigError: it was begun in another working folder, or its config is wrong.
            RunError: another process goes on with it.
            UnreadableRunError: it is no sweep, or its manifest is damaged.
        """
        folder = paths.absolute(path)
        if not (folder / MANIFEST).is_file():
            raise UnreadableRunError(f"{path}: not the folder of a sweep: it has no {MANIFEST}")
        try:
            lock = _lock(folder)
        except OSError as error:
            raise RunError(f"{folder}: cannot be locked: {error.strerror or error}") from None
        try:
            atomic.sweep(folder)
            manifest = _read(folder / MANIFEST)
            _check_place(manifest, folder)
            recipe = Recipe(
                manifest.config,
                manifest.source,
                tuple(manifest.overrides),
                tuple(Axis(axis.key, tuple(axis.values)) for axis in manifest.grid),
                manifest.random,
            )
            trials = check_trials(recipe, [trial.set for trial in manifest.trials])
            if manifest.version == engine.__version__:
                for trial, was in zip(trials, manifest.trials, strict=True):
                    if trial.hash != was.config_hash:
                        raise ConfigError(
                            f"{folder / MANIFEST}: it was changed: trial {trial.index} ({trial}) "
                            "has another config than the sweep began with; start a new sweep"
                        )
            return cls(folder, lock, recipe, trials, manifest.jobs)
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """Release the lock."""
        self._lock.release()

    def __enter__(self) -> "SweepFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def runs(self) -> Path:
        """The folder of the runs, for ``--runs-dir``."""
        return self.path / RUNS

    def found(self) -> dict[int, RunInfo]:
        """The run of each trial that has one, by the trial's number.

        Of several, as one that was begun anew, it is the one that came farthest.

        Raises:
            RunError: the folder cannot be read.
        """
        indices = {trial.config.name: trial.index for trial in self.trials}
        best: dict[int, RunInfo] = {}
        for info in sorted(list_runs(self.runs), key=lambda info: STANDING.index(info.status)):
            if info.name in indices:
                best.setdefault(indices[info.name], info)
        return best

    def check_runs(self, found: dict[int, RunInfo]) -> None:
        """Check that runs are those of the trials whose names they have.

        Raises:
            ConfigError: the config of a run is another one.
        """
        for index, info in found.items():
            record = info.record
            known = record.get("version") == engine.__version__ and not record.get("changes")
            own = record.get("config_hash")
            if known and own is not None and own != self.trials[index - 1].hash:
                raise ConfigError(
                    f"{info.path}: its config is not that of trial {index} "
                    f"({self.trials[index - 1]}); move the run out of the sweep, and resume"
                )


def can_resume(info: RunInfo) -> bool:
    """Whether a run was cut off after a checkpoint."""
    try:
        return info.status in UNFINISHED and bool(RunDir.view(info.path).store.steps())
    except EngineError:
        return False


def remove_beginning(info: RunInfo) -> None:
    """Remove what is left of a run that was cut off before its first checkpoint."""
    with suppress(EngineError):
        if not RunDir.view(info.path).store.steps() and not (info.path / WEIGHTS).exists():
            delete_run(info.path)


def resume_command(folder: Path) -> str:
    """The command line that goes on with a sweep."""
    return f"cnn-tui sweep --resume {paths.quote(paths.as_argument(near(folder)))}"


def near(path: Path) -> Path:
    """A path relative to the working folder, where it is below it."""
    here = Path(os.path.abspath(""))
    return path.relative_to(here) if path.is_relative_to(here) else path


def _placed(trial: Trial, folder: Path) -> Trial:
    """A trial whose run is written into the folder of its sweep."""
    config: Config = trial.config.model_copy(
        update={"runs_dir": folder / RUNS, "reports_dir": folder / REPORTS}
    )
    return Trial(trial.index, trial.settings, config)


def _make_new(name: str) -> Path:
    root = paths.absolute(Path("sweeps"))
    atomic.make_folder(root)
    stamp = datetime.now(UTC).astimezone().strftime(STAMP)
    for _ in range(_TRIES):
        folder = root / f"{stamp}-{name}-{secrets.token_hex(2)}"
        with suppress(FileExistsError):
            folder.mkdir()
            atomic.sync_folder(root)
            return folder
    raise FileExistsError(f"{_TRIES} names tried, all are taken")


def _check_empty(folder: Path) -> None:
    names = {entry.name for entry in folder.iterdir()} - {LOCK}
    if MANIFEST in names:
        raise ConfigError(
            f"{folder}: a sweep is in it, nothing was changed; choose a new folder, or go on with "
            f"it: {resume_command(folder)}"
        )
    if names:
        raise ConfigError(f"{folder}: not empty, nothing was changed; choose a new folder")


def _lock(folder: Path) -> Lock:
    try:
        return Lock(folder / LOCK)
    except LockHeldError as error:
        raise RunError(
            f"{folder}: {error.strerror}, which trains this sweep; stop it first"
        ) from None


def _to_json(recipe: Recipe, trials: Sequence[Trial], jobs: int) -> dict[str, Any]:
    return {
        "version": engine.__version__,
        "created": format_time(datetime.now(UTC)),
        "folder": os.getcwd(),
        "source": recipe.source,
        "config": recipe.text,
        "overrides": list(recipe.overrides),
        "grid": [{"key": axis.key, "values": list(axis.values)} for axis in recipe.axes],
        "random": recipe.random,
        "jobs": jobs,
        "trials": [{"set": dict(t.settings), "config_hash": t.hash} for t in trials],
    }


def _read(path: Path) -> _Manifest:
    try:
        value = json.loads(atomic.read_limited(path, _LIMIT).decode("utf-8"))
        manifest: _Manifest = check_type(_Manifest, value, "")
    except OSError as error:
        raise UnreadableRunError(f"{path}: {error.strerror or error}") from None
    except RecursionError:
        raise UnreadableRunError(f"{path}: damaged: nested too deep") from None
    except ValueError as error:
        raise UnreadableRunError(f"{path}: damaged: {error}") from None
    return manifest


def _check_place(manifest: _Manifest, folder: Path) -> None:
    """Relative paths of the config mean the folder in which the sweep was started."""
    began = Path(manifest.folder)
    if began.is_dir() and paths.real_path(began) != paths.real_path(paths.absolute(Path())):
        where = paths.quote(str(began))
        raise ConfigError(
            f"{folder}: this sweep was started in {began}, which its paths are relative to; "
            f"go on with: cd {where} && cnn-tui sweep --resume {paths.quote(str(folder))}"
        )
