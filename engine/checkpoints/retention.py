"""Retention of a run's checkpoints: the last two and the best.

Nothing points at 'the latest': it is computed, as the highest step that validates. A damaged
file therefore costs the steps since the one before it, and is reported, but never the run.
"""

import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from engine.checkpoints import checkpoint
from engine.checkpoints.archive import JSON
from engine.checkpoints.checkpoint import Checkpoint, Expected
from engine.errors import CheckpointError
from engine.storage import atomic

_STEP = re.compile(r"step-([0-9]{8,18})\.npz")


class CheckpointStore:
    """The checkpoints in one folder, ordered by step; clocks and file times do not count.

    One process at a time may save; the run directory's lock sees to that. Any number may read.

    Attributes:
        folder: where ``step-00000123.npz`` and ``best.npz`` are; made by the first save.
    """

    def __init__(self, folder: atomic.StrPath) -> None:
        self.folder = Path(folder)
        self._valid: set[int] = set()
        self._swept = False

    @property
    def best_path(self) -> Path:
        return self.folder / "best.npz"

    def path(self, step: int) -> Path:
        """File of one step."""
        return self.folder / f"step-{step:08d}.npz"

    def steps(self) -> list[int]:
        """List the steps with a file, ascending; links and foreign names are passed over.

        Raises:
            CheckpointError: the folder cannot be read, or is a link. One that is missing has no
                steps.
        """
        found = []
        self._check_folder()
        try:
            for path in self.folder.iterdir():
                match = _STEP.fullmatch(path.name)
                if match and path == self.path(int(match[1])):
                    with suppress(FileNotFoundError):
                        if stat.S_ISREG(path.lstat().st_mode):
                            found.append(int(match[1]))
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise CheckpointError(f"{self.folder}: {exc.strerror or exc}") from exc
        return sorted(found)

    def save(
        self,
        step: int,
        arrays: Mapping[str, np.ndarray],
        meta: Mapping[str, JSON],
        *,
        best: Mapping[str, np.ndarray] | None = None,
    ) -> Path:
        """Write the checkpoint of a step; older ones are removed once it is on the disk.

        Args:
            step: optimizer steps taken, not negative.
            arrays: see ``checkpoint.save``.
            meta: see ``checkpoint.save``.
            best: the arrays of ``best.npz``, if it is the best one.

        Returns:
            The file of the step.

        Raises:
            CheckpointError: nothing was lost; what there was is still there.
        """
        if step < 0:
            raise ValueError(f"step is {step}, expected 0 or more")
        self._check_folder()
        try:
            atomic.make_folder(self.folder)
        except OSError as exc:
            raise CheckpointError(f"{self.folder}: not saved: {exc.strerror or exc}") from exc
        if not self._swept:
            atomic.sweep(self.folder)
            self._swept = True
        # The best first. Killed in between, the run resumes from the step before, comes to the
        # same best again and writes it again. The other way round it would never be written.
        if best is not None:
            checkpoint.save(self.best_path, best, meta)
        self._valid.discard(step)
        checkpoint.save(self.path(step), arrays, meta)
        self._valid.add(step)
        with suppress(CheckpointError):  # a file too many does no harm; the next save tries again
            self._prune(step)
        return self.path(step)

    def _check_folder(self) -> None:
        # It could be another run's, whose checkpoints would be pruned in spite of its lock.
        if self.folder.is_symlink():
            raise CheckpointError(f"{self.folder}: it is a symbolic link; expected a folder")

    def latest(self, expect: Expected | None = None) -> tuple[Path, Checkpoint, list[str]] | None:
        """Load the valid checkpoint with the highest step.

        Args:
            expect: see ``checkpoint.load``.

        Returns:
            File, content, and one line for each later file that had to be skipped; None if there
            is no checkpoint at all.

        Raises:
            CheckpointError: there are checkpoints, and none of them validates.
        """
        skipped: list[str] = []
        for step in reversed(self.steps()):
            try:
                content = checkpoint.load(self.path(step), expect)
            except CheckpointError as exc:
                skipped.append(str(exc))
                continue
            self._valid.add(step)
            return self.path(step), content, skipped
        if skipped:
            more = f" (nor do {len(skipped) - 1} earlier ones)" if len(skipped) > 1 else ""
            raise CheckpointError(f"no checkpoint to resume from: {skipped[0]}{more}")
        return None

    def _prune(self, newest: int) -> None:
        """Remove files older than ``newest``, except the latest other valid one.

        Later files are never touched: a run that went back to an earlier step leaves them, and
        whether they are any good is for ``latest`` to say.
        """
        steps = [step for step in self.steps() if step != newest]
        keep = next((step for step in reversed(steps) if self._validates(step)), None)
        if keep is None:
            return
        for step in steps:
            if step < newest and step != keep:
                with suppress(OSError):
                    atomic.remove(self.path(step))

    def _validates(self, step: int) -> bool:
        if step not in self._valid:
            try:
                checkpoint.load(self.path(step))
            except CheckpointError:
                return False
            self._valid.add(step)
        return True
