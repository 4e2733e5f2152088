"""``cnn-tui lessons``: list the lessons, or open one beside the live screens."""

import argparse

from tui.cli.parser import Parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tui.cli.output import Output

EXAMPLES = ("cnn-tui lessons", "cnn-tui lessons 1")


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "lesson",
        nargs="?",
        metavar="LESSON",
        help="a lesson: its name, the number before it, or a Markdown file; "
        "without a terminal its text is printed",
    )


def run(options: argparse.Namespace, out: "Output") -> int:
    return list_all(out) if options.lesson is None else open_one(options.lesson, out)


def list_all(out: "Output") -> int:
    """Print all lessons, and how far one is in each.

    Returns:
        0, or 2 if one of the files is no lesson.
    """
    from engine.errors import EngineError, ExitCode
    from engine.text_table import table
    from tui.lessons import Progress, list_lessons, read

    progress, rows, code = Progress.load(), [], 0
    for path in list_lessons():
        try:
            lesson = read(path)
        except EngineError as error:
            out.json({"name": path.stem, "path": str(path), "problem": str(error)})
            out.complain(str(error))
            code = ExitCode.BAD_INPUT
            continue
        place = progress.of(lesson)
        out.json(
            {
                "name": lesson.name,
                "path": str(path),
                "title": lesson.title,
                "minutes": lesson.minutes,
                "needs": lesson.needs,
                "steps": len(lesson.steps),
                "step": None if place is None else place.step + 1,
                "done": place is not None and place.is_done(lesson),
            }
        )
        rows.append(
            (
                lesson.name,
                lesson.title,
                f"{lesson.minutes} min",
                progress.words(lesson),
                lesson.needs,
            )
        )
    out.text(table(("name", "title", "time", "progress", "needs"), rows))
    out.say("open one by its name or number: cnn-tui lessons 3")
    return code


def open_one(argument: str, out: "Output") -> int:
    """Open a lesson in the app; print it where there is no terminal, or as JSON."""
    from tui.cli.opening import open_app, why_not
    from tui.lessons import find, read

    lesson = read(find(argument))
    if not out.as_json and not why_not():
        return open_app(None, lesson=lesson)
    out.text(lesson.source.rstrip("\n"))
    out.json(
        {
            "name": lesson.name,
            "title": lesson.title,
            "minutes": lesson.minutes,
            "needs": lesson.needs,
            "steps": [
                {
                    "title": step.title,
                    "text": step.text,
                    "screen": step.screen or None,
                    "key": step.key or None,
                    "run": step.run or None,
                    "set": step.overrides,
                    "config": step.own_config or None,
                    "answers": [
                        {"text": option.text, "right": option.right, "why": option.why}
                        for option in step.options
                    ],
                }
                for step in lesson.steps
            ],
        }
    )
    return 0
