"""How far someone is in a lesson is kept, and survives broken files and changed lessons."""

from pathlib import Path

import pytest

from tests.tui.lessons.test_reader import GOOD, _lesson
from tui.lessons import Lesson, Progress, read
from tui.lessons.progress import Place
from tui.state_folder import state_dir


@pytest.fixture
def lesson(home: Path) -> Lesson:
    return read(_lesson(home, GOOD))


def test_what_is_saved_is_there_the_next_time(lesson: Lesson) -> None:
    assert Progress.load().words(lesson) == ""
    Progress({"filters": Place(1, 2, {0: 1})}).save()
    assert Progress.load().of(lesson) == Place(1, 2, {0: 1})
    assert Progress.load().words(lesson) == "step 2 of 3"


def test_a_lesson_is_done_when_all_is_seen_and_rightly_answered(lesson: Lesson) -> None:
    assert Place(2, 3, {0: 0, 2: 1}).is_done(lesson)
    assert not Place(2, 3, {0: 0, 2: 0}).is_done(lesson), "a wrong answer"
    assert not Place(2, 3, {2: 1}).is_done(lesson), "no prediction"
    assert not Place(2, 2, {0: 0, 2: 1}).is_done(lesson), "the end was not seen"


def test_the_place_in_a_lesson_that_became_shorter_is_in_it(lesson: Lesson) -> None:
    progress = Progress({"filters": Place(9, 9, {0: 7, 2: 1, 8: 0})})
    assert progress.of(lesson) == Place(2, 3, {2: 1})


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", '{"filters": 3}', '{"filters": {"step": -1, "seen": 1, "answers": {}}}',
        '{"filters": {"step": "x"}}', "[" * 100_000, "\x00",
    ],
    ids=range(8),
)  # fmt: skip
def test_a_bad_file_is_ignored(lesson: Lesson, content: str) -> None:
    folder = state_dir()
    assert folder is not None
    folder.mkdir(parents=True)
    (folder / "lessons.json").write_text(content)
    assert Progress.load().places == {}


def test_a_folder_that_cannot_be_written_is_no_trouble(lesson: Lesson, home: Path) -> None:
    (home / "state").write_text("a file where the folder should be")
    Progress({"filters": Place()}).save()
    assert Progress.load().places == {}
