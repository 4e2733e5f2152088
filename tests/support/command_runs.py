"""A trained run for the commands to work on, and a look at what they said."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.config import Config, loads
from engine.train.session import TrainingSession
from tui.cli.output import Output

TEXT = """
name: small
dataset: mnist_mini
seed: 0
layers: [Flatten, Dense: {out_features: 10}]
data: {limit: 300}
train: {epochs: 2, batch_size: 64, lr: 0.05}
"""

CHECKED = """
dataset: mnist_mini
seed: 3
layers:
  - Conv2D: {out_channels: 4, kernel_size: 5, stride: 2}
  - BatchNorm2D
  - ReLU
  - MaxPool2D: {kernel_size: 2}
  - Flatten
  - Dropout: {p: 0.3}
  - Dense: {out_features: 10}
"""
"""A network with every kind of parameter and buffer, for the gradient check."""


def make_config(folder: Path, *overrides: str) -> Config:
    places = [f"runs_dir={folder / 'runs'}", f"reports_dir={folder / 'reports'}"]
    return loads(TEXT, "small.yaml", [*places, *overrides])


def run(folder: Path, *overrides: str) -> Path:
    """Train; returns the run's directory."""
    return TrainingSession(make_config(folder, *overrides)).run().run_dir


def make_runs(folder: Path) -> Path:
    """The folder of two finished runs, one that was killed, and one whose record is broken."""
    first = run(folder, "name=alpha")
    root = first.parent
    first.rename(root / "20250101-000000-alpha-0001")
    run(folder, "name=beta", "train.lr=0.1").rename(root / "20250102-000000-beta-0002")
    for name, status in (("20250103-000000-gamma-0003", "running"), ("20250104-000000-d-0004", 3)):
        shutil.copytree(root / "20250101-000000-alpha-0001", root / name)
        record = json.loads((root / name / "run.json").read_text())
        (root / name / "run.json").write_text(json.dumps({**record, "status": status}))
    for path in root.glob("*/run.json"):  # they began when their names say
        text = path.read_text()
        path.write_text(json.dumps({**json.loads(text), "started": None}))
    return root


class Bar:
    """A progress bar that remembers."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self.last = (0, 0)
        self.closed = 0

    def update(self, label: str, done: int, total: int) -> None:
        self.labels.append(label)
        self.last = done, total

    def close(self) -> None:
        self.closed += 1

    def abandon(self) -> None:
        pass


@dataclass
class Spoken:
    """An ``Output``, and what it wrote."""

    out: Output
    bar: Bar
    capsys: pytest.CaptureFixture[str]

    def read(self) -> tuple[str, str]:
        """stdout and stderr since the last look."""
        captured = self.capsys.readouterr()
        return captured.out, captured.err

    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines on stdout since the last look."""
        return [json.loads(line, parse_constant=_refuse) for line in self.read()[0].splitlines()]


def speak(capsys: pytest.CaptureFixture[str], **options: bool) -> Spoken:
    bar = Bar()
    return Spoken(Output(progress=bar, **options), bar, capsys)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
