"""What the tests of configs share."""

import pytest

from engine.config import Config, ConfigProblems, loads

BASE = "dataset: mnist\nmodel: lenet_mnist\n"

# The example that the project began with, as it stands.
EXAMPLE = """\
dataset: mnist
model: lenet_mnist
seed: 42
train:
  epochs: 10
  batch_size: 128
  lr: 0.01
  optimizer: momentum
  momentum: 0.9
  weight_decay: 5e-4
  scheduler:
    name: step
    step_size: 5
    gamma: 0.5
callbacks:
  - early_stopping:
      monitor: val_loss
      patience: 5
  - checkpoint:
      filepath: checkpoints/lenet_best.npz
      monitor: val_acc
      mode: max
"""


def problems_of(text: str, *overrides: str) -> list[str]:
    """The lines of the error, without the count at the end, which is checked here."""
    with pytest.raises(ConfigProblems) as caught:
        loads(text, "mnist.yaml", overrides)
    *lines, last = str(caught.value).split("\n")
    count = len(caught.value.problems)
    assert last == f"{count} problem{'s' if count > 1 else ''}, nothing was run."
    return lines


def train_of(lines: str) -> Config:
    """A config with these lines in its ``train`` section."""
    indented = "".join(f"  {line}\n" for line in lines.splitlines())
    return loads(f"{BASE}train:\n{indented}")
