"""A check of a network that is watched: rows as they come, and the worst entries of each."""

from typing import Any

import numpy as np

from engine.gradcheck import Mode, Report, Row, check_network
from engine.gradcheck.report import WORST, row_to_json
from engine.losses import SoftmaxCrossEntropy
from engine.models import build

SPECS: list[Any] = [
    {"Conv2D": {"out_channels": 2, "kernel_size": 3}},
    "Tanh",
    "Flatten",
    {"Dense": {"out_features": 3}},
]


def check(mode: Mode, **more: Any) -> tuple[Report, list[Row]]:
    rng = np.random.default_rng(0)
    model = build(SPECS, (1, 5, 5)).initialise(rng, np.float64)
    seen: list[Row] = []
    x, labels = rng.standard_normal((3, 1, 5, 5)), np.array([0, 1, 2])
    report = check_network(
        model, SoftmaxCrossEntropy(), x, labels, rng=rng, mode=mode, on_row=seen.append, **more
    )
    return report, seen


def test_every_row_is_told_when_it_is_known() -> None:
    report, seen = check("directions")
    assert tuple(seen) == report.rows
    names = [row.name for row in seen]
    assert names[0] == "loss.input"
    assert names[-1] == "all.parameters"


def test_a_check_that_is_stopped_has_told_what_it_knew() -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 40

    report, seen = check("exact", cancelled=cancelled)
    assert report.cancelled
    assert 0 < len(seen) < 6
    assert tuple(seen) == report.rows


def test_the_worst_entries_come_first() -> None:
    _, seen = check("exact")
    for row in seen[:-1]:
        errors = [entry.error for entry in row.measured]
        assert errors == sorted(errors, reverse=True)
        assert len(errors) == min(WORST, row.checked)
        first = row.measured[0]
        assert (first.error, first.index) == (row.error, row.index)
        assert (first.analytic, first.numeric) == (row.analytic, row.numeric)
        assert len({entry.index for entry in row.measured}) == len(errors)
    assert "measured" not in row_to_json(seen[0])


def test_directions_have_no_index() -> None:
    _, seen = check("directions")
    assert all(entry.index is None for row in seen[1:] for entry in row.measured)
    assert len(seen[1].measured) == 2
