"""``cnn-tui runs``: list, show, compare or verify runs."""

import argparse
from collections.abc import Sequence

from tui.cli.parser import RUN, Parser, add_runs_dir, count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from engine.runs.listing import RunInfo
    from tui.cli.output import Output

_SHOWN = (
    "run",
    "status",
    "reason",
    "dataset",
    "model",
    "parameters",
    "seed",
    "version",
)
_METRICS = ("loss", "acc", "val_loss", "val_acc", "lr")

EXAMPLES = (
    "cnn-tui runs list",
    "cnn-tui runs show quickstart",
    "cnn-tui runs compare first second",
    "cnn-tui runs verify quickstart --epochs 2",
)


def add_arguments(parser: Parser) -> None:
    verbs = parser.add_verbs(
        {
            "list": "list all runs, newest first",
            "show": "show the record and metrics of a run",
            "compare": "compare runs side by side",
            "verify": "train a run again, and check that its weights are the same",
        }
    )
    for verb, one in verbs.items():
        if verb != "list":
            several = {"compare": "+", "verify": "?"}.get(verb, 1)
            one.add_argument("names", nargs=several, metavar="RUN", help=RUN)
        if verb == "verify":
            one.add_argument("--epochs", type=count, metavar="N", help="only the first N epochs")
            one.add_argument(
                "--published",
                action="store_true",
                help="in place of a run: train shipped configs portably, and compare their weights "
                "with the published hashes",
            )
        add_runs_dir(one)


def run(options: argparse.Namespace, out: "Output") -> int:
    from engine.errors import ConfigError

    if options.verb == "list":
        return list_all(options.runs_dir, out)
    if options.verb == "show":
        return show(options.runs_dir, options.names[0], out)
    if options.verb == "verify":
        from tui.cli.verifying import verify, verify_published

        if options.published and (options.names or options.epochs):
            raise ConfigError("--published takes no run and no --epochs")
        if options.published:
            return verify_published(out)
        if not options.names:
            raise ConfigError("expected a run, or --published; 'cnn-tui runs list' lists all runs")
        return verify(options.runs_dir, options.names, out, epochs=options.epochs)
    return compare(options.runs_dir, options.names, out)


def list_all(root: "Path", out: "Output") -> int:
    """Print all runs, newest first."""
    from engine.runs.progress import with_progress
    from engine.services.runs import runs_in
    from engine.text_table import table

    rows = []
    for info in map(with_progress, runs_in(root)):
        record = info.record
        best = record.get("best") or {}
        test = record.get("test") or {}
        rows.append(
            (
                info.id,
                info.status or "broken",
                str(record.get("dataset", "")),
                str(record.get("model", "")),
                str(record.get("epochs", "")),
                _number(best.get("val_acc")),
                _number(test.get("test_acc")),
                info.problem or "",
            )
        )
        out.json({**_facts(info), "problem": info.problem})
    if not rows:
        out.say(f"{root}: no runs yet")
        return 0
    header = ("run", "status", "dataset", "model", "epochs", "best val_acc", "test_acc", "")
    out.text(table(header, rows, "llllrrrl"))
    return 0


def show(root: "Path", name: str, out: "Output") -> int:
    """Print the record of a run, and its metrics by epoch.

    Raises:
        CheckpointError: there is no such run.
    """
    from engine.errors import CheckpointError
    from engine.films import film
    from engine.numbers import size
    from engine.runs.directory import RunDir
    from engine.runs.progress import rates_by_hand, shown_rates, with_progress
    from engine.services.runs import find_run
    from engine.text_table import table
    from tui.cli.narration import hint_lines

    info = with_progress(find_run(root, name))
    metrics = RunDir.view(info.path).read_metrics()
    facts = _facts(info)
    frames, taken, unreadable = 0, 0, ""
    try:
        frames, taken = film.size(info.path)
    except CheckpointError as error:
        unreadable = str(error)
    kept = None if unreadable else {"frames": frames, "bytes": taken}
    out.json({**facts, "epochs_log": metrics, "film": kept})
    shown = [(key, str(facts[key])) for key in _SHOWN if facts.get(key) not in (None, "")]
    shown += [(key, words) for key, words in _results(info) if words]
    rates = rates_by_hand(info.path)
    if rates:
        shown.append(("lr by hand", shown_rates(rates)))
    if frames or unreadable:
        shown.append(("film", unreadable or f"{frames} frames, {size(taken)}"))
    out.text("\n".join(f"{key:<11} {value}" for key, value in shown))
    out.text("")
    rows = [(str(row["epoch"]), *(_number(row[key]) for key in _METRICS)) for row in metrics]
    out.text(table(("epoch", *_METRICS), rows, "r" * 6))
    for hint in info.record.get("hints") or ():
        told = (hint[key] for key in ("title", "message", "why", "fix", "fix_label"))
        out.text("\n" + "\n".join(hint_lines(*told)))
    return 0


def compare(root: "Path", names: Sequence[str], out: "Output") -> int:
    """Print runs side by side, and the differences of their configs.

    Raises:
        CheckpointError: there is no such run.
    """
    import difflib

    from engine.runs.directory import RunDir
    from engine.runs.progress import rates_by_hand, shown_rates, with_progress
    from engine.services.runs import find_run
    from engine.text_table import table

    infos = [with_progress(find_run(root, name)) for name in names]
    configs = [RunDir.view(info.path).read_config().splitlines() for info in infos]
    rows = []
    for info in infos:
        final, best = info.record.get("final") or {}, info.record.get("best") or {}
        test = info.record.get("test") or {}
        row = (final.get("loss"), final.get("val_acc"), best.get("val_acc"), test.get("test_acc"))
        rows.append((info.id, info.status or "broken", *map(_number, row)))
        out.json(_facts(info))
    header = ("run", "status", "loss", "val_acc", "best val_acc", "test_acc")
    out.text(table(header, rows, "llrrrr"))
    for info, config in zip(infos[1:], configs[1:], strict=True):
        lines = list(
            difflib.unified_diff(configs[0], config, infos[0].id, info.id, lineterm="", n=0)
        )
        out.text("\n" + "\n".join(lines) if lines else f"\n{info.id}: the same config")
    by_hand = [(info.id, shown_rates(rates_by_hand(info.path))) for info in infos]
    if any(rates for _, rates in by_hand):
        out.text("\nlearning rates set by hand:")
        for name, rates in by_hand:
            out.text(f"  {name}: {rates or 'none'}")
    return 0


def _facts(info: "RunInfo") -> "dict[str, Any]":
    """A run's record, with its present status in place of the one written last."""
    return {**info.record, "run": info.id, "status": info.status}


def _results(info: "RunInfo") -> list[tuple[str, str]]:
    """Duration and results of a run, as labels and texts."""
    from engine.numbers import duration

    record, seconds = info.record, info.record.get("seconds")
    found = [("time", duration(seconds) if isinstance(seconds, float | int) else "")]
    for section, key, label in (
        ("best", "val_acc", "val_acc"),
        ("test", "test_acc", "test_acc"),
        ("test", "test_loss", "test_loss"),
    ):
        found.append((label, _number((record.get(section) or {}).get(key))))
    return found


def _number(value: object) -> str:
    from engine.numbers import significant

    return significant(value, 4) if isinstance(value, float | int) else ""
