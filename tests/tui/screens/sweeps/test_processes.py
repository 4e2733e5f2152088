"""Starting, stopping and resuming sweeps, whose processes are made up, and configs of trials."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, Static

from engine.config import load
from engine.parallel.workers import usable_cores
from engine.sweeps.folder import MANIFEST
from tests.support.app_pilot import Until, on_screen, seen, tap
from tests.support.fakes import train_to
from tests.support.made_up_sweeps import ACCURACIES, held, make_sweep
from tests.tui.screens.sweeps.conftest import Open
from tui.app import CnnApp
from tui.screens.configs.screen import ConfigsScreen
from tui.screens.dialogs import AskPath, Confirm
from tui.screens.sweeps.new_sweep import GridLines, NewSweep
from tui.screens.sweeps.screen import SweepsScreen, SweepTable
from tui.state import sweep_process

MakeApp = Callable[..., CnnApp]


class Processes:
    """Stand-ins for the processes of sweeps.

    Attributes:
        commands: what was to be run.
        code: how they end; None while they are at it.
    """

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.code: int | None = None
        self.says = ""

    def __call__(self, command: list[str], **options: Any) -> "Processes":
        self.commands.append(command)
        assert options["start_new_session"], "it would end with the terminal"
        options["stdout"].write(self.says.encode())
        return self

    def wait(self, seconds: float) -> int:
        if self.code is None:
            raise subprocess.TimeoutExpired("sweep", seconds)
        return self.code


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Processes]:
    found = Processes()
    monkeypatch.setattr(sweep_process.subprocess, "Popen", found)
    monkeypatch.setattr("tui.state.sweeps_store._AGAIN", 0.0)
    monkeypatch.setattr("tui.screens.sweeps.new_sweep._REST", 0.01)
    yield found
    found.code = 0


def words(dialog: NewSweep, kind: str) -> str:
    return str(dialog.query_one(kind, Static).content)


def states(screen: SweepsScreen) -> list[str]:
    return [row[2][0] for row in screen.query_one(SweepTable).rows]


async def test_a_sweep_is_started_from_the_grid_that_is_typed(
    make_app: MakeApp, sweep: Path, home: Path, until: Until, processes: Processes
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await tap(pilot, "s")
        dialog = await on_screen(pilot, NewSweep)
        await until(pilot, lambda: "4 trials" in words(dialog, ".found"))
        dialog.query_one(GridLines).text = "train.lr=0.5,0.25,0.125\n\n seed=1..2 "
        dialog.query_one("#jobs", Input).value = "3"
        await until(pilot, lambda: words(dialog, ".found") == "6 trials, 3 at once")
        await tap(pilot, "ctrl+r")
        screen = await on_screen(pilot, SweepsScreen)
        await until(pilot, lambda: processes.commands and states(screen))
        (command,) = processes.commands
        folder = Path(command[-1])
        assert command[-3:-1] == ["sweep", "--resume"]
        assert folder.parent == home / "sweeps"
        manifest = json.loads((folder / MANIFEST).read_text())
        assert manifest["jobs"] == 3
        assert manifest["config"] == app.workspace.document.text
        assert len(manifest["trials"]) == 6
        await until(pilot, lambda: states(screen) == ["… starting", "✓ finished"])
        await until(pilot, lambda: screen.sweep and screen.sweep.path == folder)
        assert "it is running" in (screen.refuse("resume") or "")
        with held(folder):
            await until(pilot, lambda: states(screen)[0] == "▶ running")
            assert screen.refuse("stop") is None
        processes.code = 0
        await until(pilot, lambda: not app.sweeps.open)
        assert "all trials are finished" in [*app._notifications][-1].message


async def test_all_problems_of_a_grid_are_said_at_once_and_nothing_is_started(
    make_app: MakeApp, until: Until, processes: Processes
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await tap(pilot, "s")
        dialog = await on_screen(pilot, NewSweep)
        dialog.query_one(GridLines).text = "train.lr=-1\nnonsense\ntrain.epochz=1"
        dialog.query_one("#jobs", Input).value = "none"
        await until(pilot, lambda: "trials at once: expected" in words(dialog, ".problem"))
        said = words(dialog, ".problem")
        assert "nonsense: expected KEY=VALUE" in said
        assert "train.lr" in said
        assert "unknown key. Did you mean 'epochs'?" in said
        await tap(pilot, "ctrl+r")
        await until(pilot, lambda: not app.jobs)
        assert isinstance(app.screen, NewSweep)
        dialog.query_one(GridLines).text = "seed=1..1000\ntrain.lr=1,2"
        await until(pilot, lambda: "2,000 trials: expected at most" in words(dialog, ".problem"))
        await tap(pilot, "escape")
        await on_screen(pilot, ConfigsScreen)
        assert not Path("sweeps").exists()


async def test_some_trials_are_taken_at_random_and_stopped_early(
    make_app: MakeApp, home: Path, until: Until, processes: Processes
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await tap(pilot, "s")
        dialog = await on_screen(pilot, NewSweep)
        dialog.query_one(GridLines).text = "train.lr=0.1..0.5"
        await until(
            pilot, lambda: "with random N or optuna N, or list" in words(dialog, ".problem")
        )
        trials, prune = (dialog.query_one(name, Input) for name in ("#trials", "#prune"))
        trials.value = "8"
        await until(pilot, lambda: "trials: expected random 8, or" in words(dialog, ".problem"))
        trials.value, prune.value = "random 5", "mean"
        await until(pilot, lambda: "expected median, or halving" in words(dialog, ".problem"))
        prune.value = "median"
        await until(pilot, lambda: "5 trials, " in words(dialog, ".found"))
        await tap(pilot, "ctrl+r")
        await until(pilot, lambda: processes.commands)
        manifest = json.loads((Path(processes.commands[0][-1]) / MANIFEST).read_text())
        assert (manifest["random"], manifest["prune"]) == (5, "median")
        assert len(manifest["trials"]) == 5


async def test_trials_are_planned_where_optuna_is_installed(
    make_app: MakeApp, until: Until, processes: Processes
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await tap(pilot, "s")
        dialog = await on_screen(pilot, NewSweep)
        dialog.query_one(GridLines).text = "train.lr=0.1..0.5"
        dialog.query_one("#trials", Input).value = "optuna 7"
        if find_spec("optuna") is None:
            await until(pilot, lambda: "optuna needs the package" in words(dialog, ".problem"))
            return
        await until(pilot, lambda: "7 trials, each planned from" in words(dialog, ".found"))
        await tap(pilot, "ctrl+r")
        await until(pilot, lambda: processes.commands)
        manifest = json.loads((Path(processes.commands[0][-1]) / MANIFEST).read_text())
        assert (manifest["optuna"], len(manifest["trials"])) == (7, 1)
        assert manifest["jobs"] == min(usable_cores(), 7)


async def test_the_dialog_says_that_a_training_shares_the_cores(
    make_app: MakeApp, home: Path, until: Until, processes: Processes
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        train_to(app, 1.5)
        await tap(pilot, "7")
        await on_screen(pilot, SweepsScreen)
        await tap(pilot, "n")
        dialog = await on_screen(pilot, NewSweep)
        await until(pilot, lambda: "cores are shared" in words(dialog, ".found"))
        await tap(pilot, "escape")
        with held(make_sweep(home / "sweeps", accuracies={})):
            await tap(pilot, "r")
            await until(pilot, lambda: "cores are shared" in seen(app))


async def test_a_sweep_is_stopped_by_a_signal_to_whoever_trains_it(
    make_app: MakeApp,
    home: Path,
    open_sweeps: Open,
    until: Until,
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(sweep_process.os, "kill", lambda *one: sent.append(one))
    folder = make_sweep(home / "sweeps", accuracies={1: ACCURACIES[1]})
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        with held(folder):
            await tap(pilot, "7")
            screen = await on_screen(pilot, SweepsScreen)
            await until(pilot, lambda: screen.ready and states(screen) == ["▶ running"])
            await tap(pilot, "x")
            await on_screen(pilot, Confirm)
            await tap(pilot, "y")
            await until(pilot, lambda: states(screen) == ["■ stopping"])
            assert sent == [(os.getpid(), signal.SIGTERM)]
            assert "it is stopping" in (screen.refuse("stop") or "")
        await until(pilot, lambda: states(screen) == ["■ stopped"])
        assert screen.refuse("stop") == "it is not running"
        await tap(pilot, "R")
        await until(pilot, lambda: processes.commands)
        assert processes.commands[0][-1] == str(folder)


async def test_what_a_process_said_last_is_shown_where_it_could_not_train(
    make_app: MakeApp, home: Path, open_sweeps: Open, until: Until, processes: Processes
) -> None:
    make_sweep(home / "sweeps", accuracies={})
    processes.code, processes.says = 3, "loading\ncnn-tui: mnist is damaged; download it again\n\n"
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_sweeps(pilot)
        await tap(pilot, "R")
        await until(pilot, lambda: app._notifications)
        assert "mnist is damaged; download it again" in [*app._notifications][-1].message
        await until(pilot, lambda: states(screen) == ["■ stopped"])


async def test_the_app_is_left_while_a_sweep_goes_on_and_says_so(
    make_app: MakeApp, home: Path, until: Until, processes: Processes
) -> None:
    folder = make_sweep(home / "sweeps", accuracies={})
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await tap(pilot, "7")
        screen = await on_screen(pilot, SweepsScreen)
        await until(pilot, lambda: screen.ready and states(screen))
        await tap(pilot, "R")
        await until(pilot, lambda: processes.commands)
        await tap(pilot, "q")
        await until(pilot, lambda: app.exit_sequence.exit_message)
    (line,) = app.exit_sequence.exit_message
    assert line.startswith(f"a sweep continues: sweeps/{folder.name}; key 7")


async def test_a_finished_sweep_is_not_resumed(
    make_app: MakeApp, sweep: Path, open_sweeps: Open
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_sweeps(pilot)
        assert screen.refuse("resume") == "nothing of it is left to train"


async def test_the_config_of_a_trial_is_written_with_its_values_and_opened(
    make_app: MakeApp, sweep: Path, open_sweeps: Open, home: Path
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_sweeps(pilot)
        await tap(pilot, "enter", "enter", "down", "w")
        await on_screen(pilot, AskPath)
        await tap(pilot, "enter")
        await on_screen(pilot, ConfigsScreen)
        path = home / "configs" / "tiny-003.yaml"
        config = load(path)
        assert (config.train.lr, config.seed, config.name) == (0.03, 1, "tiny")
        assert app.workspace.document.path == Path("configs/tiny-003.yaml")


@pytest.mark.proof
async def test_a_sweep_that_is_started_trains(
    make_app: MakeApp, home: Path, until: Until, open_sweeps: Open
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await tap(pilot, "s")
        dialog = await on_screen(pilot, NewSweep)
        dialog.query_one(GridLines).text = "train.lr=0.5,0.25"
        await until(pilot, lambda: "2 trials" in words(dialog, ".found"))
        await tap(pilot, "ctrl+r")
        screen = await on_screen(pilot, SweepsScreen)
        await until(pilot, lambda: states(screen) == ["✓ finished"])
