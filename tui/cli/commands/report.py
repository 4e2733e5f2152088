"""``cnn-tui report``: figures, one HTML page and Markdown on runs."""

import argparse

from tui.cli.parser import RUNS, Parser, add_runs_dir, path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tui.cli.output import Output

EXAMPLES = ("cnn-tui report quickstart", "cnn-tui report first second --output comparison")


def add_arguments(parser: Parser) -> None:
    parser.add_argument("names", nargs="+", metavar="RUN", help=RUNS)
    add_runs_dir(parser)
    parser.add_argument(
        "--output", type=path, metavar="DIR", help="folder of the report; default: reports"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier report")


def run(options: argparse.Namespace, out: "Output") -> int:
    """Write a report, and print its files; the page is the last.

    Raises:
        CheckpointError: there is no such run.
        ConfigError: there is a report already.
        MissingPackageError: matplotlib is not installed.
        Interrupted: by a signal.
    """
    from engine.sanitize import visible
    from engine.services import report
    from engine.services.runs import find_runs
    from tui.cli.interruption import interruptible

    found = {info.id: info for info in find_runs(options.runs_dir, options.names)}
    folder = report.FOLDER if options.output is None else options.output
    report.check_output(folder, list(found), overwrite=options.overwrite)
    facts = []
    with interruptible(out) as signals:
        for info in found.values():
            facts.append(
                report.study(
                    info,
                    progress=out.progress.update,
                    cancelled=lambda: signals.received is not None,
                )
            )
            out.json({"event": "studied", "run": info.id, "missing": facts[-1].missing})
        signals.check()
        written = report.write(facts, folder, overwrite=options.overwrite)
    for line in written.missing:
        out.complain(f"note: {line}")
    for file in written.files:
        out.json({"event": "written", "file": str(file), "bytes": file.stat().st_size})
        out.text(visible(str(file)))
    return 0
