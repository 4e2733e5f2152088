"""Runs that are cut again and again, and what has to be true of their files after every cut."""

import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.checkpoints import checkpoint
from engine.errors import EngineError
from engine.films import film
from engine.runs.directory import RunDir
from engine.runs.listing import list_runs
from engine.runs.weight_files import WEIGHTS
from engine.services.verify import read_provenance

ROOT = Path(__file__).parents[2]
TIMEOUT = 600.0

_LENET = """
dataset: mnist_mini
model: lenet_mnist
seed: 3
data: {limit: 2000, validation: 400}
train: {epochs: 6, batch_size: 32, lr: 0.02, momentum: 0.9, scheduler: {name: cosine},
        checkpoint_every: {steps: 2}}
"""
_LENET_RICH = """
dataset: mnist_mini
model: lenet_mnist
seed: 4
data: {limit: 2000, validation: 400, augment: {shift: 2, cutout: 5}}
train: {epochs: 6, batch_size: 48, lr: 0.003, optimizer: adam, clip_norm: 5.0,
        scheduler: {name: plateau, monitor: val_loss, patience: 0}, warmup: {steps: 8},
        checkpoint_every: {steps: 3}}
callbacks: [early_stopping: {monitor: val_acc, patience: 2}]
"""
_TINY_VGG = """
dataset: mnist_mini
model: tiny_vgg_cifar10
seed: 5
data: {limit: 600, validation: 100, augment: {flip: true}}
train: {epochs: 4, batch_size: 32, lr: 0.01, momentum: 0.9, weight_decay: 5.0e-4,
        scheduler: {name: one_cycle, max_lr: 0.02}, checkpoint_every: {steps: 1}}
"""
_SMALL = """
dataset: mnist_mini
seed: 6
layers: [Conv2D: {out_channels: 4, kernel_size: 5, stride: 2}, BatchNorm2D, ReLU, Flatten,
         Dropout: {p: 0.2}, Dense: {out_features: 10}]
data: {limit: 500, validation: 100, augment: {shift: 1}}
train: {epochs: 6, batch_size: 16, lr: 0.01, momentum: 0.9, checkpoint_every: {steps: 2}}
"""
KINDS = {"lenet": _LENET, "lenet, all on": _LENET_RICH, "tiny vgg": _TINY_VGG}
"""The kinds of runs of the long form, by name."""
SMALL = {"small": _SMALL}
"""That of the short form."""

# Whoever starts the soak may have it ignore signals (nohup, a job in the background).
_START = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
{setup}
os.execv(sys.executable, [sys.executable, "-m", "tui", *sys.argv[1:]])
"""


def start(
    folder: Path, *arguments: str, setup: str = "", **options: Any
) -> subprocess.Popen[bytes]:
    """Start ``cnn-tui`` in a folder; ``setup`` is Python that runs in its process before."""
    own = {
        "PYTHONPATH": str(ROOT),
        "XDG_STATE_HOME": str(folder / "state"),
        "CNN_TUI_DATA": "",
        "TERM": "xterm",
    }
    return subprocess.Popen(
        [sys.executable, "-c", _START.format(setup=setup), *arguments],
        cwd=folder,
        env=os.environ | own,
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **options},
    )


@dataclass(frozen=True)
class Reference:
    """An uninterrupted run.

    Attributes:
        weights: SHA-256 of the file of its weights.
        hashes: of the weights after every epoch.
        film: SHA-256 of the frames of its film, by name.
        first: seconds until its first checkpoint was there.
        whole: seconds until its end.
    """

    weights: str
    hashes: list[str]
    film: dict[str, str]
    first: float
    whole: float


@dataclass
class Cut:
    """A run that is cut until it is through.

    Attributes:
        kind: its name in the table.
        folder: where it runs.
        config: its config's file.
        workers: how many workers each of its lives had.
        cuts: lives that did not come to their end.
        saving: those of them that were cut while a file was being written.
        starting: those that were cut before they had saved anything.
        problems: what should not be, in one line each.
    """

    kind: str
    folder: Path
    config: Path
    workers: list[int] = field(default_factory=list)
    cuts: int = 0
    saving: int = 0
    starting: int = 0
    problems: list[str] = field(default_factory=list)

    @classmethod
    def new(cls, kind: str, text: str, folder: Path) -> "Cut":
        """A run in a folder of its own."""
        folder.mkdir(parents=True)
        config = folder / "soak.yaml"
        config.write_text(text)
        return cls(kind, folder, config)

    def begin(self, workers: int) -> subprocess.Popen[bytes]:
        """Start it, or resume it."""
        self.workers.append(workers)
        line = ["train", "--config", str(self.config), "--resume", "--quiet"]
        with (self.folder / "stderr").open("ab") as errors:
            return start(self.folder, *line, "--set", f"train.workers={workers}", stderr=errors)

    def saved(self) -> dict[str, int]:
        """The checkpoints there are, and when they were written."""
        found = {}
        for path in self.folder.glob("runs/*/checkpoints/step-*.npz"):
            with suppress(FileNotFoundError):
                found[str(path)] = path.stat().st_mtime_ns
        return found

    def being_written(self, pid: int) -> list[Path]:
        """The files that a process has begun and not yet given their name."""
        pattern = re.compile(rf"\.cnn-tui-{pid}-[0-9a-f]{{8}}\.tmp")
        folders = [*self.folder.glob("runs/*"), *self.folder.glob("runs/*/checkpoints")]
        found = []
        for folder in folders:
            with suppress(OSError):
                found += [entry for entry in folder.iterdir() if pattern.fullmatch(entry.name)]
        return found

    def count(self, pid: int, before: dict[str, int]) -> None:
        """A life was cut; where?"""
        self.cuts += 1
        self.saving += bool(self.being_written(pid))
        self.starting += self.saved() == before

    @property
    def is_through(self) -> bool:
        """Whether it has come to its end, even if its process was cut after that."""
        return any(info.status == "finished" for info in list_runs(self.folder / "runs"))

    def finish(self, reference: Reference) -> None:
        """It is through: compare it with the uninterrupted one."""
        done = list(self.folder.glob(f"runs/*/{WEIGHTS}"))
        if len(done) != 1:
            self.problems.append(f"{len(done)} finished runs")
            return
        if hashlib.sha256(done[0].read_bytes()).hexdigest() != reference.weights:
            self.problems.append("other weights")
        if read_provenance(done[0].parent).weights != reference.hashes:
            self.problems.append("other weights after some epoch")
        if _film(done[0].parent) != reference.film:
            self.problems.append("another film")
        epochs = [row["epoch"] for row in RunDir.view(done[0].parent).read_metrics()]
        if epochs != list(range(1, len(reference.hashes) + 1)):
            self.problems.append(f"metrics of the epochs {epochs}")
        if has_traceback((self.folder / "stderr").read_bytes()):
            self.problems.append("a traceback")

    def stray(self) -> list[int]:
        """Processes of it that are left, where the system tells."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cwd"):
            with suppress(OSError):
                if entry.readlink() == self.folder:
                    found.append(int(entry.parent.name))
        return found


def refer(kind: str, text: str, folder: Path) -> Reference:
    """Train without a cut, with one worker."""
    run = Cut.new(kind, text, folder)
    began = time.monotonic()
    process = run.begin(1)
    first = 0.0
    while process.poll() is None:
        if not first and run.saved():
            first = time.monotonic() - began
        time.sleep(0.005)
    whole = time.monotonic() - began
    if process.returncode != 0:
        raise SystemExit(f"{kind}: {(folder / 'stderr').read_text()}")
    (weights,) = folder.glob(f"runs/*/{WEIGHTS}")
    return Reference(
        hashlib.sha256(weights.read_bytes()).hexdigest(),
        read_provenance(weights.parent).weights,
        _film(weights.parent),
        first or whole,
        whole,
    )


def has_traceback(said: bytes) -> bool:
    """Whether there is a traceback in it, but for that of a Ctrl-C before our code was reached."""
    parts = said.split(b"Traceback (most recent call last)")[1:]
    return any(b", in main" in part or b"KeyboardInterrupt" not in part for part in parts)


def problems(folder: Path) -> list[str]:
    """What is corrupt in a folder of runs, in one line each."""
    found = []
    for info in list_runs(folder / "runs"):
        files = [*info.path.glob("checkpoints/*.npz"), *info.path.glob("*.npz")]
        for path in files:
            try:
                checkpoint.load(path)
            except EngineError as error:
                found.append(str(error))
        # Cut while it was made, a run has no record, and nothing to resume from either.
        if info.problem is not None and (files or (info.path / "run.json").exists()):
            found.append(info.problem)
        try:
            RunDir.view(info.path).read_metrics()
        except EngineError as error:
            found.append(str(error))
    return found


def wait_for_end(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait; False if it is still running after so long."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return True
    return False


def delay(reference: Reference, rng: random.Random) -> float:
    """A random moment: while it starts, or in a part of its training that comes after."""
    training = reference.whole - reference.first
    return rng.uniform(0, reference.first + max(training / 5, reference.first))


SIGNALS = {
    signal.SIGINT: 130,
    signal.SIGTERM: 143,
    signal.SIGHUP: 129,
}
"""The signals that ask for an end, and the exit codes that are documented for them."""


def _film(run: Path) -> dict[str, str]:
    """All that is in the folder of a run's film: half a frame would be, too."""
    files = sorted((run / film.FOLDER).iterdir())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
