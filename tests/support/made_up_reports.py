"""Runs that were never trained, for reports on them."""

import struct
from dataclasses import replace

import numpy as np

from engine.config import loads
from engine.metrics import per_class
from engine.reports.gather import Facts, Mistake, Tested
from tests.support.command_runs import TEXT

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 1000, 500) + b"rest"
"""The beginning of a picture, 1,000 dots wide."""


def made_up(number: int = 1, *overrides: str, acc: float = 0.5) -> Facts:
    """A run with two epochs, a test accuracy, and no weights."""
    rows = [
        {"epoch": epoch, "loss": 1 / epoch, "acc": 0.4 * epoch, "val_loss": 1.1 / epoch,
         "val_acc": 0.3 * epoch, "lr": 0.1, "seconds": 1.0, "grad_norm": None}
        for epoch in (1, 2)
    ]  # fmt: skip
    return Facts(
        f"20250101-000000-small-{number:04x}",
        loads(TEXT, "small.yaml", [f"seed={number}", *overrides]),
        TEXT,
        {"status": "finished", "epochs": 2, "test": {"test_acc": acc}},
        rows,
    )


def with_results(facts: Facts, *classes: str) -> Facts:
    """The run with results on a test set of these classes, and a mistake."""
    counts = np.full((len(classes), len(classes)), 1) + 8 * np.eye(len(classes), dtype=int)
    mistake = Mistake(5, np.full((1, 8, 8), 128, np.uint8), 0, len(classes) - 1, 0.9)
    scores = per_class(counts)
    return replace(facts, tested=Tested(0.4, 0.8, 0.8, classes, counts, scores, (mistake,)))
