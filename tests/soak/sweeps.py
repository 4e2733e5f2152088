"""SIGKILL of a sweep and of its trials at random moments: nothing is lost or trained twice."""

import json
import os
import random
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine.runs.listing import list_runs
from tests.soak.soak_runs import TIMEOUT, has_traceback, problems, start
from tests.support.patience import wait_until
from tests.support.sweeps import files_of

_MOMENT = 20.0
"""Seconds in which the processes of a killed sweep have to save and end."""


@dataclass
class KilledSweep:
    """A sweep that is killed until it is through.

    Attributes:
        folder: where it runs; the sweep is in ``folder / "s"``.
        kills: of the process of the sweep.
        trial_kills: of processes that train trials.
        worker_kills: of workers of a cluster.
        problems: what should not be, in one line each.
    """

    folder: Path
    kills: int = 0
    trial_kills: int = 0
    worker_kills: int = 0
    problems: list[str] = field(default_factory=list)

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start it, or resume it."""
        with (self.folder / "stderr").open("ab") as errors:
            again = ("--resume", "s", *(arguments[-2:] if "--dask" in arguments else ()))
            words = arguments if not (self.folder / "s" / "sweep.json").exists() else again
            return start(self.folder, "sweep", *words, "--quiet", "--json", stderr=errors)

    def done(self) -> dict[str, int]:
        """The finished runs by name, and when their weights were written."""
        runs = list_runs(self.folder / "s" / "runs")
        return {
            info.id: (info.path / "weights.npz").stat().st_mtime_ns
            for info in runs
            if info.status == "finished"
        }

    def wait_for_orphans(self) -> None:
        """Wait until no process of it is left."""
        deadline = time.monotonic() + _MOMENT
        while processes_in(self.folder):
            if time.monotonic() > deadline:
                self.problems.append(f"processes left: {processes_in(self.folder)}")
                return
            time.sleep(0.05)


def soak(
    folder: Path,
    arguments: Sequence[str],
    *,
    kills: int,
    trial_kills: int,
    worker_kills: int = 0,
    seed: int,
) -> KilledSweep:
    """Kill a sweep of 12 trials, and processes of them, so often; then let it come to its end.

    The kills are spread over it by the trials that are finished, however fast the machine is.

    Args:
        folder: with its config.
        arguments: of ``cnn-tui sweep``, with ``--folder s``; with ``--dask`` and its address last.
        kills, trial_kills, worker_kills: how often.
        seed: of the moments.
    """
    rng = random.Random(seed)
    one = KilledSweep(folder)
    moments = ["sweep"] * kills + ["trial"] * trial_kills + ["worker"] * worker_kills
    rng.shuffle(moments)
    before: dict[str, int] = {}
    process = one.begin(*arguments)
    for number, victim in enumerate(moments, 1):
        due = number * 12 // (len(moments) + 1)
        wait_until(lambda one=process, due=due: _finished(folder) >= due or one.poll() is not None)
        time.sleep(rng.uniform(0.0, 0.1))
        if process.poll() is not None:
            break
        if victim != "sweep":
            wait_until(lambda one=process: trials_in(folder) or one.poll() is not None)
            found = (trials_in if victim == "trial" else workers_in)(folder)
            if found:
                with suppress(ProcessLookupError):
                    os.kill(rng.choice(found), 9)
                one.trial_kills += victim == "trial"
                one.worker_kills += victim == "worker"
            continue
        process.kill()
        process.wait()
        one.kills += 1
        if rng.random() < 0.5:  # or the next one finds processes that still save
            one.wait_for_orphans()
            one.problems += problems(folder / "s")
        _compare(one, before)
        process = one.begin(*arguments)
    code = process.wait(TIMEOUT)
    if code:
        one.problems.append(f"exit code {code}")
    _compare(one, before)
    one.wait_for_orphans()
    if has_traceback((folder / "stderr").read_bytes()):
        one.problems.append("a traceback")
    return one


def _finished(folder: Path) -> int:
    """How many trials are finished."""
    return len(list((folder / "s" / "runs").glob("*/weights.npz")))


def _compare(one: KilledSweep, before: dict[str, int]) -> None:
    """What was finished must be as it was."""
    now = one.done() if (one.folder / "s").exists() else {}
    changed = [name for name, moment in before.items() if now.get(name) != moment]
    one.problems += [f"{name} was trained again, or lost" for name in changed]
    before |= now


def processes_in(folder: Path) -> list[int]:
    """The processes whose working folder it is, where the system tells."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if entry.readlink() == folder:
                found.append(int(entry.parent.name))
    return found


def trials_in(folder: Path) -> list[int]:
    """The processes in it that train trials."""
    return [pid for pid in processes_in(folder) if "engine.sweeps.child" in _command_of(pid)]


def workers_in(folder: Path) -> list[int]:
    """The workers in it of a cluster of Dask's on this machine."""
    return [pid for pid in processes_in(folder) if "spawn_main" in _command_of(pid)]


def _command_of(process: int) -> str:
    """The command line of a process; empty if it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def weights_of(one: KilledSweep, count: int) -> dict[str, bytes]:
    """The weights of every trial, each of exactly one run."""
    runs = [path.name for path in (one.folder / "s" / "runs").iterdir()]
    if len(runs) != count:
        one.problems.append(f"{len(runs)} runs for {count} trials: {sorted(runs)}")
    manifest = json.loads((one.folder / "s" / "sweep.json").read_text())
    assert len(manifest["trials"]) == count
    return files_of(one.folder / "s")
