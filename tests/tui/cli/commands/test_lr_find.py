"""``cnn-tui lr-find``: sentences, chart, JSON lines, the file that it writes, and signals."""

import json
import signal
import sys
from pathlib import Path

import pytest

from engine.services.rate_finder import RateFinding, find_rate
from engine.workbench import RateRange
from tests.support.command_line import Terminal
from tests.support.small_runs import PLAIN, make_config
from tui.cli.output import NoProgress
from tui.cli.tables.rate_chart import drawn, rate_chart

SHORT = ("--from", "1e-4", "--to", "10", "--steps", "40")


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    text = PLAIN.replace("lr: 0.02", "lr: 0.9").rstrip() + "  # large\n"
    (tmp_path / "own.yaml").write_text(text)
    return Terminal(tmp_path)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> RateFinding:
    return find_rate(make_config(tmp_path_factory.mktemp("runs")), RateRange(1e-4, 10.0, 40))


def test_it_says_what_to_use_and_how(terminal: Terminal, found: RateFinding) -> None:
    done = terminal.run_here(
        "lr-find", "--config", "own.yaml", *SHORT, "--set", "train.lr=3", "--set", "seed=7"
    )
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[:-1] == found.sentences()
    command = f"cnn-tui train --config own.yaml --set seed=7 --set {found.override}"
    assert lines[-1] == f"to train with it: {command}"
    assert terminal.files == ["own.yaml"], "no run, no report"
    assert terminal.run_here(*command.split()[1:], "--set", "train.epochs=1").code == 0


def test_json_has_every_batch_and_the_suggestion(terminal: Terminal, found: RateFinding) -> None:
    done = terminal.run_here("lr-find", "own.yaml", *SHORT, "--json")
    *steps, end = [json.loads(line) for line in done.out.splitlines()]
    assert [(step["lr"], step["loss"], step["smoothed"]) for step in steps] == [
        (point.lr, point.loss, point.smoothed) for point in found.points
    ]
    assert end["suggestion"] == found.suggestion
    assert end["set"] == found.override
    assert end["sentences"] == found.sentences()
    assert end["written"] is None


def test_what_is_found_is_written_and_the_comments_stay(terminal: Terminal) -> None:
    path = terminal.folder / "own.yaml"
    before = path.read_text()
    done = terminal.run_here("lr-find", "own.yaml", *SHORT, "--write")
    assert (done.code, done.err) == (0, "")
    (said,) = [line for line in done.out.splitlines() if line.endswith(" written")]
    lr = said.removesuffix(" written").partition("train.lr=")[2]
    assert path.read_text() == before.replace("lr: 0.9,", f"lr: {lr},")


def test_what_was_found_with_other_values_than_the_file_has_is_said(terminal: Terminal) -> None:
    done = terminal.run_here("lr-find", "own.yaml", *SHORT, "--write", "--set", "seed=1")
    assert done.errors == ["own.yaml does not have the --set values with which this was found"]


def test_without_a_suggestion_the_exit_code_is_1_and_nothing_is_written(
    terminal: Terminal,
) -> None:
    before = (terminal.folder / "own.yaml").read_text()
    done = terminal.run_here(
        "lr-find", "own.yaml", "--from", "1e-9", "--to", "1e-7", "--steps", "20", "--write"
    )
    assert done.code == 1
    assert done.out.startswith("No suggestion: ")
    assert "train.lr=" not in done.out
    assert (terminal.folder / "own.yaml").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--from", "0"), 2, "from: expected a learning rate above 0, got 0"),
        (("--to", "1e-6"), 2, "to: expected at least 10 times the first rate, 1e-06; got 1e-06"),
        (("--steps", "3"), 2, "steps: expected 20 to 10,000 batches, got 3"),
        (("--steps", "many"), 2, "argument --steps: invalid int value: 'many'"),
        (("-", "--write"), 2, "-: --write needs the file of a config"),
        (("--set", "dataset=mnist", "--set", "data.root=empty"), 3, "mnist"),
    ],
)
def test_what_is_wrong_is_one_line(
    terminal: Terminal, arguments: tuple[str, ...], code: int, said: str
) -> None:
    config = () if "-" in arguments else ("own.yaml",)
    done = terminal.run_here("lr-find", *config, *arguments)
    assert done.code == code
    assert said in done.err
    assert len(done.errors) == 1
    assert done.out == ""
    assert "runs" not in terminal.files


def test_ctrl_c_ends_it_with_a_line_and_130(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def update(self: NoProgress, label: str, done: int, total: int) -> None:
        if done == 5:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(NoProgress, "update", update)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & ignores it
    try:
        done = terminal.run_here("lr-find", "own.yaml", *SHORT, "--write")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (done.code, done.out, done.errors) == (130, "", ["stopped by SIGINT"])
    assert "lr: 0.9" in (terminal.folder / "own.yaml").read_text()


@pytest.mark.parametrize("columns", [20, 60, 200])
def test_the_chart_fits_and_marks_the_suggestion(found: RateFinding, columns: int) -> None:
    lines = drawn(found, columns).splitlines()
    assert all(len(line) <= max(columns, 30) for line in lines)
    assert len(lines) == 15
    marked = {line.index("|") for line in lines[:12] if "|" in line}
    assert len(marked) == 1
    first = min(i for i, line in enumerate(lines[:12]) if "*" in line)
    assert first < 6, "the curve begins high"


def test_a_terminal_is_shown_the_chart_and_a_pipe_is_not(
    found: RateFinding, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rate_chart(found) == ""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "is suggested" in rate_chart(found)
