"""The hints of a training: shown in full, and their fix in the open config with one key."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Static

from engine.hints import RULES, Fix, Hint, Rule
from tests.support.app_pilot import Until, on_screen, seen, tap
from tests.support.fakes import HINTS, train_to
from tui.app import CnnApp
from tui.screens.train.hints.screen import HintsScreen
from tui.screens.train.screen import TrainScreen
from tui.widgets.table import Table

MakeApp = Callable[..., CnnApp]


def about(app: CnnApp) -> str:
    return " ".join(str(app.screen.query_one("#about", Static).render()).split())


def told(app: CnnApp, words: str) -> bool:
    return any(words in notification.message for notification in app._notifications)


async def test_a_training_that_goes_badly_says_so_in_the_app(
    home: Path, make_app: MakeApp, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    fix = Fix("go slowly", ("train.lr=0.001", "train.clip_norm=1.0"))
    rule = Rule("odd", "odd steps", "always", "less", "They are odd.", lambda seen: ("9 of 9", fix))
    for name in tuple(RULES):
        monkeypatch.delitem(RULES, name)
    monkeypatch.setitem(RULES, "odd", rule)
    app = make_app("tiny")
    document = app.workspace.document
    before = document.text
    async with app.run_test(size=(120, 40)) as pilot:
        await tap(pilot, "r")
        await until(pilot, lambda: app.training.ended)
        await until(pilot, lambda: "1 hint" in seen(app))
        await tap(pilot, "w")
        await on_screen(pilot, HintsScreen)
        await until(pilot, lambda: "odd steps: 9 of 9" in about(app))
        assert "why They are odd. fix go slowly: train.lr=0.001, train.clip_norm=1.0" in about(app)
        await tap(pilot, "f")
        await until(
            pilot, lambda: told(app, "tiny: train.lr=0.001, train.clip_norm=1.0, not saved")
        )
        assert document.config is not None
        assert (document.config.train.lr, document.config.train.clip_norm) == (0.001, 1.0)
        assert document.dirty
        await tap(pilot, "f")
        await until(
            pilot, lambda: told(app, "tiny says train.lr=0.001, train.clip_norm=1.0 already")
        )
        await tap(pilot, "u")
        await until(pilot, lambda: document.text == before)
        await tap(pilot, "escape")
        await on_screen(pilot, TrainScreen)


async def test_enter_applies_the_fix_and_keys_undo_one_fix_at_a_time(
    make_app: MakeApp, until: Until
) -> None:
    app = make_app("tiny")
    document = app.workspace.document
    async with app.run_test(size=(120, 40)) as pilot:
        train_to(app, 6.6, hints=HINTS)
        await tap(pilot, "2", "w")
        await on_screen(pilot, HintsScreen)
        await until(pilot, lambda: app.screen.query_one(Table).has_focus)
        await tap(pilot, "enter", "down", "enter")
        assert document.config is not None
        assert (document.config.data.augment.shift, document.config.train.lr) == (2, 0.001)
        await tap(pilot, "u")
        assert document.config is not None
        assert document.config.data.augment.shift == 2
        await tap(pilot, "down")
        await until(pilot, lambda: "no key of the config helps by itself" in about(app))
        assert app.screen.refuse("fix") is not None  # type: ignore[attr-defined]


async def test_a_fix_for_a_config_with_errors_is_refused_with_the_reason(
    home: Path, make_app: MakeApp, until: Until
) -> None:
    app = make_app("tiny")
    document = app.workspace.document
    async with app.run_test(size=(120, 40)) as pilot:
        train_to(app, 6.6, hints=HINTS)
        broken = document.text.replace("train:", "train:\n  epoch: 3")
        document.type(broken)
        await tap(pilot, "2", "w")
        await on_screen(pilot, HintsScreen)
        await tap(pilot, "f")
        await until(pilot, lambda: told(app, "tiny was not changed"))
        assert document.text == broken


async def test_hints_follow_the_training(make_app: MakeApp, until: Until) -> None:
    app = make_app("tiny")
    async with app.run_test(size=(120, 40)) as pilot:
        await tap(pilot, "2", "w")
        await on_screen(pilot, HintsScreen)
        await until(pilot, lambda: "nothing was trained yet" in seen(app))
        train_to(app, 6.6)
        await until(pilot, lambda: "nothing found: none of" in seen(app))
        hostile = Hint("x", "x", "a\x1b[31m\u202eb", "Why.", None)
        app.training.session.hinting.current = (hostile,)  # type: ignore[union-attr]
        await until(pilot, lambda: "a\ufffd" in about(app))
        assert "\x1b" not in about(app)
