"""Lessons are read from Markdown, and what is wrong in one is told by its line."""

from pathlib import Path

import pytest

from engine.errors import ConfigError, DataError
from tui.lessons import LessonProblems, Option, find, list_lessons, read

CONFIG = "```yaml run\ndataset: mnist_mini\nmodel: mlp\n```\n"
HEAD = "---\ntitle: Filters\nminutes: 5\n---\n"
GOOD = (
    HEAD
    + """
## Predict

What *happens*?

- one
- two

Say it:

- [ ] nothing
- [ ] something

## Run

```step
screen: inspect
key: e
run: quickstart
set: [train.epochs=1]
```

Look.

```python
## no heading
```

## Answer

- [ ] nothing
  Look again,
  at the left.
- [x] something
"""
)


def _lesson(folder: Path, text: str) -> Path:
    path = folder / "filters.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_lesson_has_steps_with_text_fields_and_questions(tmp_path: Path) -> None:
    lesson = read(_lesson(tmp_path, GOOD))
    assert (lesson.name, lesson.title, lesson.minutes, lesson.needs) == (
        "filters",
        "Filters",
        5,
        "",
    )
    predict, run, answer = lesson.steps
    assert predict.text == "What *happens*?\n\n- one\n- two\n\nSay it:", (
        "a list that asks nothing is text"
    )
    assert predict.is_prediction
    assert run.text == "Look.\n\n```python\n## no heading\n```"
    assert (run.screen, run.key, run.run) == ("inspect", "e", "quickstart")
    assert run.overrides == ("train.epochs=1",)
    assert not run.options
    assert not answer.is_prediction
    assert answer.options == (
        Option("nothing", False, "Look again, at the left."),
        Option("something", True, ""),
    )


def test_a_step_can_have_a_config_of_its_own_which_is_shown(tmp_path: Path) -> None:
    (step,) = read(_lesson(tmp_path, f"{HEAD}## A\n{CONFIG}")).steps
    assert step.trains
    assert step.config().model == "mlp"
    assert "model: mlp" in step.text


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("# A lesson\n", 1, "expected '---' and below it title and minutes"),
        ("---\ntitle: x\n", 1, "write '---' below them"),
        ("---\ntitle: x\n---\n## A\nx\n", 1, "no 'minutes' at the top"),
        ("---\ntitle: x\nminuts: 3\n---\n## A\nx\n", 3, "Did you mean 'minutes'?"),
        ("---\ntitle: x\nminutes: 0\n---\n## A\nx\n", 3, "expected a number from 1 up"),
        ("---\ntitle: 3\nminutes: 1\n---\n## A\nx\n", 2, "put it in quotes"),
        ("---\ntitle: x: y\nminutes: 1\n---\n## A\nx\n", 2, "put the text in quotes"),
        ("---\ntitle: &x y\nminutes: 1\n---\n## A\nx\n", 2, "anchors"),
        ("---\nwords\n---\n## A\nx\n", 2, "expected lines such as 'title: ...'"),
        (HEAD, 5, "no steps"),
        (HEAD + "words\n\n## A\nx\n", 5, "text above the first step"),
        (HEAD + "## A\n\n## B\nx\n", 5, "a step without a word"),
        (HEAD + "## A\nx\n```step\nscren: train\n```\n", 8, "Did you mean 'screen'?"),
        (HEAD + "## A\nx\n```step\nkey: e\n```\n", 7, "add 'screen'"),
        (HEAD + "## A\nx\n```step\nset: [seed=1]\n```\n", 7, "add 'run'"),
        (HEAD + "## A\nx\n```step\nrun: quikstart\n```\n", 7, "Did you mean 'quickstart'?"),
        (HEAD + "## A\nx\n```step\nrun: quickstart\nset: [a.b=1]\n```\n", 7, "run: "),
        (HEAD + "## A\nx\n```step\nscreen: train\n```\n\n```step\nkey: r\n```\n", 11, "second"),
        (HEAD + "## A\n```yaml run\ndataset: mnist_mini\nmodl: x\n```\n", 8, "'model'"),
        (HEAD + "## A\n```yaml run\n{\n```\n", 8, "not valid YAML"),
        (HEAD + f"## A\n```step\nrun: quickstart\n```\n{CONFIG}", 5, "two configs to train"),
        (HEAD + f"## A\n{CONFIG}\n{CONFIG}", 11, "a second config"),
        (HEAD + "## A\n- [ ] x\n- y\n", 7, "every answer begins '- [ ] '"),
        (HEAD + "## A\n- [ ] x\n\nor\n\n- [ ] y\n", 10, "a second question"),
    ],
)
def test_what_is_wrong_is_told_by_its_line(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    path = _lesson(tmp_path, text)
    with pytest.raises(LessonProblems) as told:
        read(path)
    first = str(told.value).splitlines()[0]
    assert first.startswith(f"{path}:{line}: "), first
    assert words in first


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(LessonProblems) as told:
        read(_lesson(tmp_path, HEAD.replace("title", "titel") + "words\n## A\n"))
    assert [line for line, _ in told.value.problems] == [2, 5, 6]


def test_a_file_that_is_no_text_or_missing_or_far_too_long_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    with pytest.raises(DataError, match="cannot be read"):
        read(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="save it as UTF-8"):
        read(path)
    path.write_bytes(b"x" * 300_000)
    with pytest.raises(DataError, match="cannot be read"):
        read(path)


def test_characters_that_move_the_cursor_are_marked(tmp_path: Path) -> None:
    lesson = read(_lesson(tmp_path, HEAD + "## A\x1b[2J\nx\u202ey\n"))
    assert lesson.steps[0].title == "A\ufffd[2J"
    assert lesson.steps[0].text == "x\ufffdy"


def test_a_lesson_of_the_working_folder_is_listed_and_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = {path.stem for path in list_lessons()}
    assert "README" not in shipped
    (tmp_path / "lessons").mkdir()
    _lesson(tmp_path / "lessons", GOOD)
    assert {path.stem for path in list_lessons()} == {*shipped, "filters"}
    assert find("filters") == Path("lessons/filters.md")
    assert find("lessons/filters.md") == Path("lessons/filters.md")
    assert find("3").stem == "3-learning-rate"
    with pytest.raises(ConfigError, match="Did you mean 'filters'"):
        find("filter")


def test_the_example_of_the_page_on_writing_lessons_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/lessons/README.md").read_text(encoding="utf-8")
    example = page.split("````markdown\n")[1].split("````")[0]
    predict, run, answer = read(_lesson(tmp_path, example)).steps
    assert predict.is_prediction
    assert run.config().train.epochs == 3
    assert [option.right for option in answer.options] == [False, True]
    assert all(f"({path.name})" in page for path in list_lessons()), "every lesson is listed"
