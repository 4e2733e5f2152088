"""``cnn-tui lessons`` lists lessons, and prints one where there is no terminal."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import Terminal
from tests.tui.lessons.test_reader import GOOD, HEAD
from tui.lessons import Progress
from tui.lessons.progress import Place


@pytest.fixture
def lessons(terminal: Terminal, home: Path) -> Path:
    folder = home / "lessons"
    folder.mkdir()
    (folder / "filters.md").write_text(GOOD.replace("minutes: 5", "minutes: 5\nneeds: a pen"))
    return folder


def test_the_list_has_every_lesson_and_how_far_one_is(terminal: Terminal, lessons: Path) -> None:
    Progress({"filters": Place(1, 2)}).save()
    done = terminal.run_here("lessons")
    assert done.code == 0
    (row,) = [line for line in done.out.splitlines() if line.startswith("filters")]
    assert row.endswith("step 2 of 3  a pen")
    listed = [json.loads(line) for line in terminal.run_here("lessons", "--json").out.splitlines()]
    assert listed[-1]["name"] == "filters"
    assert (listed[-1]["steps"], listed[-1]["step"], listed[-1]["done"]) == (3, 2, False)


def test_without_a_terminal_the_text_is_printed(terminal: Terminal, lessons: Path) -> None:
    done = terminal.run_here("lessons", "filters")
    assert done.code == 0
    assert done.out.strip() == (lessons / "filters.md").read_text().strip()
    data = json.loads(terminal.run_here("lessons", "filters", "--json").out)
    assert [step["title"] for step in data["steps"]] == ["Predict", "Run", "Answer"]
    assert data["steps"][2]["answers"][1] == {"text": "something", "right": True, "why": ""}


def test_in_a_terminal_the_app_opens_with_it(
    terminal: Terminal, lessons: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    monkeypatch.setattr("tui.cli.opening.why_not", lambda: "")
    monkeypatch.setattr(
        "tui.launch.launch", lambda config, overrides, lesson: opened.append(lesson.name) or 0
    )
    done = terminal.run_here("lessons", "filters")
    assert (done.code, done.out, opened) == (0, "", ["filters"])


def test_a_broken_lesson_is_told_by_line_and_hides_no_other(
    terminal: Terminal, lessons: Path
) -> None:
    (lessons / "broken.md").write_text(HEAD + "words\n")
    done = terminal.run_here("lessons")
    assert done.code == 2
    assert "filters" in done.out
    assert "lessons/broken.md:5: text above the first step" in done.err
    done = terminal.run_here("lessons", "broken")
    assert done.code == 2
    assert done.errors[0].startswith("lessons/broken.md:5: ")
    assert "Traceback" not in done.err


def test_a_lesson_that_is_not_there_is_told_with_the_one_that_is_meant(
    terminal: Terminal, lessons: Path
) -> None:
    done = terminal.run_here("lessons", "filter")
    assert done.code == 2
    assert done.errors == [
        "filter: no such lesson. Did you mean 'filters'? 'cnn-tui lessons' lists all lessons"
    ]
