"""Gradients: checks that pass, fail, are stopped, and cannot begin."""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from engine.errors import DataError
from engine.gradcheck import Measured, Report, Row
from engine.layers import Dense
from tests.support.app_pilot import Until, on_screen, tap
from tests.support.run_makers import CONV, make_run
from tui.app import CnnApp
from tui.jobs import Job
from tui.screens.gradients import rows as check_rows
from tui.screens.gradients import screen as module
from tui.screens.gradients.screen import CheckTable, GradientsScreen
from tui.screens.help import HelpScreen
from tui.screens.train.screen import TrainScreen
from tui.state.selection import of_run

MakeApp = Callable[..., CnnApp]


async def opened(app: CnnApp, pilot: Pilot, until: Until) -> GradientsScreen:
    await tap(pilot, "4")
    screen = await on_screen(pilot, GradientsScreen)
    await until(pilot, lambda: screen.ready)
    return screen


def verdict(screen: GradientsScreen) -> str:
    return str(screen.query_one("#verdict").render())


def rows(screen: GradientsScreen) -> list[tuple[str, ...]]:
    return [tuple(text for text, _ in row) for row in screen.query_one(CheckTable).rows]


async def test_a_network_that_is_right(make_app: MakeApp, until: Until) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        assert "Are the gradients right?" in str(screen.query_one("#nothing").render())
        assert "checks tiny, fresh weights" in str(screen.query_one("#nothing").render())
        assert screen.refuse("stop") is not None
        await tap(pilot, "g")
        await until(pilot, lambda: screen.report)
        await until(pilot, lambda: "Passed" in verdict(screen))
        assert [row[:2] for row in rows(screen)] == [
            ("loss SoftmaxCrossEntropy", "input"),
            ("0 MaxPool2D", "input"),
            ("2 Dense", "weight"),
            ("2 Dense", "bias"),
            ("whole network", "parameters"),
        ]
        assert {row[-1] for row in rows(screen)} == {"✓ ok"}
        assert "gradient agree" in str(screen.query_one("#entries").render())
        await until(pilot, lambda: isinstance(screen.focused, CheckTable))
        assert screen.report is not None
        worst = screen.report.worst.name
        await until(pilot, lambda: screen.query_one(CheckTable).key == worst)
        await pilot.press("question_mark")
        await on_screen(pilot, HelpScreen)


async def test_a_wrong_backward_is_found_and_its_entries_are_shown(
    make_app: MakeApp, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Dense.backward

    def wrong(self: Dense, dout: np.ndarray) -> Any:
        dx = right(self, dout)
        self.grads["bias"][3] *= 1.01
        return dx

    monkeypatch.setattr(Dense, "backward", wrong)
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        await tap(pilot, "m", "g")
        await until(pilot, lambda: screen.report)
        await until(pilot, lambda: "FAILED: wrong in 2.bias" in verdict(screen))
        await until(pilot, lambda: screen.query_one(CheckTable).key == "2.bias")
        assert any(row[:2] == ("2 Dense", "bias") and row[-1] == "✗ FAILED" for row in rows(screen))
        await until(pilot, lambda: "disagree" in str(screen.query_one("#entries").render()))
        entries = str(screen.query_one("#entries").render())
        assert re.findall(r"\[\d\]", entries)[0] == "[3]", "the worst entry comes first"


async def test_a_check_is_stopped_and_what_is_known_stays(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    (home / "configs" / "conv.yaml").write_text(CONV)
    app = make_app("conv")
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        await tap(pilot, "m", "g")
        await until(pilot, lambda: len(screen._rows) >= 2)
        assert "%" in verdict(screen)
        assert rows(screen)[-1][-1] == "…", "what is being checked is the last row"
        assert screen.refuse("check") is not None
        await tap(pilot, "x")
        await until(pilot, lambda: screen.report)
        assert screen.report is not None
        assert screen.report.cancelled
        await until(pilot, lambda: "nothing is proven" in verdict(screen))
        assert len(rows(screen)) == len(screen.report.rows) >= 2


async def test_it_goes_on_while_another_screen_is_looked_at(
    make_app: MakeApp, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    check = module.run_check

    def held(*args: Any, **more: Any) -> Report:
        go.wait(20)
        return check(*args, **more)

    monkeypatch.setattr(module, "run_check", held)
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        await tap(pilot, "g", "2")
        await on_screen(pilot, TrainScreen)
        go.set()
        await until(pilot, lambda: screen.report)
        assert any("passed" in n.message for n in app._notifications)
        await tap(pilot, "4")
        await until(pilot, lambda: "Passed" in verdict(screen))


async def test_a_run_is_checked_with_its_own_weights(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        app.choice.chosen = of_run(make_run(home / "runs"))
        screen = await opened(app, pilot, until)
        await tap(pilot, "g")
        await until(pilot, lambda: screen.report)
        title = str(screen.query_one(CheckTable).border_title)
        assert "conv-00aa, finished weights" in title


@pytest.mark.parametrize(
    "error", [DataError("mnist: [b]not[/b] found in /x; get it"), ValueError("a fault\x1b[31m")]
)
async def test_a_check_that_cannot_begin_says_why(
    make_app: MakeApp, until: Until, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*args: Any, **more: Any) -> Report:
        raise error

    monkeypatch.setattr(module, "run_check", broken)
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        await tap(pilot, "g")
        await until(pilot, lambda: "→ g starts over" in verdict(screen))
        assert str(error).replace("\x1b", "\ufffd") in verdict(screen)


async def test_a_config_with_errors_cannot_be_checked(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    (home / "configs" / "bad.yaml").write_text("dataset: nothing\n")
    app = make_app("bad")
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        await tap(pilot, "g")
        assert screen._job is None
        assert any("has errors" in n.message for n in app._notifications)


async def test_quitting_does_not_wait_for_a_check(
    make_app: MakeApp, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Event()

    def endless(*args: Any, cancelled: Callable[[], bool], **more: Any) -> Report:
        while not cancelled():
            pass
        asked.set()
        raise RuntimeError

    monkeypatch.setattr(module, "run_check", endless)
    app = make_app()
    async with app.run_test() as pilot:
        await opened(app, pilot, until)
        await tap(pilot, "g")
        (job,) = (job for job in app.jobs if isinstance(job, Job))
        await tap(pilot, "q")
        await until(pilot, lambda: app.return_code == 0)
    assert asked.wait(5)
    assert job.cancelled


# -- values -------------------------------------------------------------------------------------


def row(**changes: Any) -> Row:
    plain: dict[str, Any] = {
        "layer": "3", "kind": "Conv2D", "tensor": "weight", "shape": (4, 1, 3, 3), "entries": 36,
        "checked": 36, "kinks": 0, "error": 2e-9, "index": (0, 0, 1, 2), "analytic": -0.25,
        "numeric": -0.25, "verdict": "ok",
    }  # fmt: skip
    return Row(**(plain | changes))


def test_rows_in_words() -> None:
    words = [text for text, _ in check_rows.tensor_row(row(), 1e-6)]
    assert words[:5] == ["3 Conv2D", "weight", "4×1×3×3", "36", "2.0e-9"]
    assert words[6:] == ["[0, 0, 1, 2]", "-2.50e-1", "-2.50e-1", "✓ ok"]
    words = [text for text, _ in check_rows.tensor_row(row(index=None, checked=2), 1e-6)]
    assert (words[3], words[6]) == ("2 dir.", "")


@pytest.mark.parametrize(
    ("error", "full"),
    [(0.0, 0), (1e-12, 0), (1e-9, 5), (1e-6, 10), (1.0, 10), (np.inf, 10), (np.nan, 10)],
)
def test_the_bar_is_the_power_of_ten(error: float, full: int) -> None:
    assert check_rows.error_bar(error, 1e-6) == "█" * full + "░" * (10 - full)


def test_a_kink_is_not_an_error() -> None:
    kink = Measured((1,), 0.5, 1.0, 0.5, kink=True)
    assert "kink, skipped" in check_rows.entry_line(row(), 0, kink).plain
    direction = Measured(None, 0.5, 0.5, 0.0, kink=False)
    assert check_rows.entry_line(row(), 1, direction).plain.startswith("direction 2")


def test_what_rounding_hides_is_said() -> None:
    hidden = row(verdict="undecided")
    assert check_rows.tensor_row(hidden, 1e-6)[-1][0] == "? undecided"
    words = check_rows.verdict(Report((hidden,), (), 1e-6, 1e-6)).plain
    assert words.startswith(f"? Undecided: rounding hides {hidden.name}")
    assert "more samples" in words


def test_a_report_whose_only_fault_is_a_broken_promise_fails() -> None:
    report = Report((row(),), ("backward changed its argument in place",), 1e-6, 1e-6)
    assert "FAILED: backward changed" in check_rows.verdict(report).plain
