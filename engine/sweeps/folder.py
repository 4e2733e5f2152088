"""The folder of a sweep: what it is to train, who trains it, and what of it is done.

``sweeps/20250131-235959-lenet-3fa2/`` holds ``sweep.json`` (the manifest), ``trials.csv`` (the
table), ``runs/`` (a run for each trial, found by its name) and the lock of the sweep's process.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import engine
from engine import paths
from engine.config import Config
from engine.errors import ConfigError, EngineError, RunError, UnreadableRunError
from engine.runs.directory import STAMP, RunDir
from engine.runs.groups import STANDING
from engine.runs.listing import UNFINISHED, RunInfo, delete_run, list_runs
from engine.runs.record import format_time
from engine.runs.weight_files import WEIGHTS
from engine.storage import atomic
from engine.storage.locks import Lock, LockHeldError
from engine.sweeps import manifest as manifests
from engine.sweeps.manifest import MANIFEST, Manifest
from engine.sweeps.plan import Recipe, Trial

TABLE, RUNS, REPORTS = "trials.csv", "runs", "reports"
LOCK = "sweep.lock"
"""Not ``.lock``: the folder must not be taken for that of a run."""

SETTLED = ("finished", "diverged")
"""What the run of a trial is that would come to the same end again."""


class SweepFolder:
    """A sweep's folder, locked by this process; made by ``create`` or ``open``.

    Attributes:
        path: absolute.
        recipe: what its trials are made from.
        trials: all of them, in their order; their runs are in ``path / RUNS``.
        jobs: how many were to run at once when it was made.
        pruned: by the number of a trial that was pruned, the epoch after which it was.
    """

    def __init__(
        self,
        path: Path,
        lock: Lock,
        recipe: Recipe,
        trials: Sequence[Trial],
        jobs: int,
        pruned: Mapping[int, int] | None = None,
        created: str | None = None,
    ) -> None:
        self.path, self._lock, self.recipe, self.jobs = path, lock, recipe, jobs
        self.trials = [_placed(trial, path) for trial in trials]
        self.pruned = dict(pruned or {})
        self._created = created or format_time(datetime.now(UTC))

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
                manifests.write(folder / MANIFEST, recipe, trials, jobs, {})
            except BaseException:
                lock.release()
                raise
        except OSError as error:
            where = path or Path("sweeps")
            raise RunError(f"{where}: cannot make a sweep: {error.strerror or error}") from None
        return cls(folder, lock, recipe, trials, jobs)

    @classmethod
    def open(cls, path: Path) -> "SweepFolder":
        """Lock the folder of a sweep that was begun, to resume it.

        Raises:
            ConfigError: it was begun in another working folder, or its config is wrong.
            RunError: another process continues it.
            UnreadableRunError: it is no sweep, or its manifest is damaged.
        """
        folder = paths.absolute(path)
        if not os.path.isfile(folder / MANIFEST):
            raise UnreadableRunError(f"{path}: not the folder of a sweep: it has no {MANIFEST}")
        try:
            lock = _lock(folder)
        except OSError as error:
            raise RunError(f"{folder}: cannot be locked: {error.strerror or error}") from None
        try:
            atomic.sweep(folder)
            manifest = manifests.read(folder / MANIFEST)
            _check_place(manifest, folder)
            trials = manifests.trials_of(manifest, folder / MANIFEST)
            return cls(
                folder,
                lock,
                manifest.recipe,
                trials,
                manifest.jobs,
                manifest.pruned,
                manifest.created,
            )
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
    def size(self) -> int:
        """How many trials there are, or are to be."""
        return self.recipe.optuna or len(self.trials)

    def add(self, trial: Trial) -> Trial:
        """Add a trial that was planned; returns it, with its run placed in this folder.

        Raises:
            RunError: the manifest cannot be written; there is no such trial then.
        """
        placed = _placed(trial, self.path)
        self._write([*self.trials, placed], self.pruned)
        self.trials.append(placed)
        return placed

    def prune(self, index: int, epoch: int) -> None:
        """Note that a trial is pruned after an epoch.

        Raises:
            RunError: the manifest cannot be written.
        """
        pruned = {**self.pruned, index: epoch}
        self._write(self.trials, pruned)
        self.pruned = pruned

    def _write(self, trials: Sequence[Trial], pruned: Mapping[int, int]) -> None:
        path = self.path / MANIFEST
        try:
            manifests.write(path, self.recipe, trials, self.jobs, pruned, self._created)
        except OSError as error:
            raise RunError(f"{path}: not written: {error.strerror or error}") from None

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
    """The command line that resumes a sweep."""
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
    return atomic.make_new_folder(root, f"{stamp}-{name}")


def _check_empty(folder: Path) -> None:
    names = {entry.name for entry in folder.iterdir()} - {LOCK}
    if MANIFEST in names:
        raise ConfigError(
            f"{folder}: a sweep is in it, nothing was changed; choose a new folder, or resume with "
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


def _check_place(manifest: Manifest, folder: Path) -> None:
    """Relative paths of the config mean the folder in which the sweep was started."""
    began = Path(manifest.folder)
    if os.path.isdir(began) and paths.real_path(began) != paths.real_path(paths.absolute(Path())):
        where = paths.quote(str(began))
        raise ConfigError(
            f"{folder}: this sweep was started in {began}, which its paths are relative to; "
            f"resume with: cd {where} && cnn-tui sweep --resume {paths.quote(str(folder))}"
        )
