"""``cnn-tui runs``: list, show, compare or verify runs."""

import argparse
from collections.abc import Sequence

from tui.cli.parser import RUN, RUNS, Parser, add_runs_dir, count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from engine.config import Config
    from engine.runs.groups import RunGroup
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
            one.add_argument(
                "names", nargs=several, metavar="RUN", help=RUNS if verb == "compare" else RUN
            )
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
    """Print all runs, newest first; those of a group below its mean ± std."""
    from engine.runs.groups import RunGroup, grouped
    from engine.runs.progress import with_progress
    from engine.services.runs import runs_in
    from engine.text_table import table

    rows, spread = [], False
    for one in grouped([with_progress(info) for info in runs_in(root)]):
        if isinstance(one, RunGroup):
            rows.append(_group_row(one))
            out.json(one.summary())
            spread = spread or one.spread("val_acc") is not None
        for info in one.runs if isinstance(one, RunGroup) else (one,):
            indent = "  " if isinstance(one, RunGroup) else ""
            rows.append((indent + info.id, *_run_row(info)))
            out.json({**_facts(info), "problem": info.problem})
    if not rows:
        out.say(f"{root}: no runs yet")
        return 0
    header = ("run", "status", "dataset", "model", "epochs", "best val_acc", "test_acc", "")
    out.text(table(header, rows, "llllrrrl"))
    if spread:
        out.say("mean ± standard deviation over the finished seeds of a group; std is that of the")
        out.say("sample (n − 1); 'cnn-tui runs compare GROUP' shows more")
    return 0


def _run_row(info: "RunInfo") -> tuple[str, ...]:
    record = info.record
    return (
        info.status or "broken",
        str(record.get("dataset", "")),
        str(record.get("model", "")),
        str(record.get("epochs", "")),
        _number((record.get("best") or {}).get("val_acc")),
        _number((record.get("test") or {}).get("test_acc")),
        info.problem or "",
    )


def _group_row(group: "RunGroup") -> tuple[str, ...]:
    from tui.cli.seeds import shown_spread

    record = group.runs[0].record
    return (
        f"{group.id}  {group.name}",
        f"{group.count('finished')} of {group.size} finished",
        str(record.get("dataset", "")),
        str(record.get("model", "")),
        "",
        shown_spread(group.spread("val_acc")),
        shown_spread(group.spread("test_acc")),
        "",
    )


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
    """Print runs side by side, the spread over seeds, and the differences of their configs.

    Raises:
        CheckpointError: there is no such run.
    """
    from engine.runs.directory import RunDir
    from engine.runs.groups import same_but_for_seed
    from engine.runs.progress import rates_by_hand, shown_rates, with_progress
    from engine.services.runs import find_runs
    from engine.text_table import table

    infos = [with_progress(info) for info in find_runs(root, names)]
    texts = [RunDir.view(info.path).read_config() for info in infos]
    rows = []
    for info in infos:
        final, best = info.record.get("final") or {}, info.record.get("best") or {}
        test = info.record.get("test") or {}
        row = (final.get("loss"), final.get("val_acc"), best.get("val_acc"), test.get("test_acc"))
        rows.append((info.id, info.status or "broken", *map(_number, row)))
        out.json(_facts(info))
    header = ("run", "status", "loss", "val_acc", "best val_acc", "test_acc")
    out.text(table(header, rows, "llrrrr"))
    _show_spread(same_but_for_seed(infos, _config), out)
    _show_differences(list(zip(infos, texts, strict=True)), out)
    by_hand = [(info.id, shown_rates(rates_by_hand(info.path))) for info in infos]
    if any(rates for _, rates in by_hand):
        out.text("\nlearning rates set by hand:")
        for name, rates in by_hand:
            out.text(f"  {name}: {rates or 'none'}")
    return 0


def _config(info: "RunInfo") -> "Config | None":
    """The config of a run; None if it cannot be read."""
    from engine.errors import EngineError
    from engine.train.factory import config_of

    try:
        return config_of(info.path)
    except EngineError:
        return None


def _show_spread(same: "Sequence[tuple[RunInfo, ...]]", out: "Output") -> None:
    """Print mean and std of runs that are the same but for their seeds."""
    from engine.runs.groups import results_of, spread
    from engine.text_table import table
    from tui.cli.seeds import shown_spread

    names, rows = ("loss", "val_acc", "test_acc", "test_loss"), []
    for runs in same:
        known = [
            (info.record["seed"], results_of(info.record))
            for info in runs
            if info.status == "finished" and "seed" in info.record
        ]
        found = {
            name: spread((seed, results[name]) for seed, results in known if name in results)
            for name in names
        }
        if any(found.values()):
            seeds = sorted({seed for seed, _ in known})
            shown = ", ".join(map(str, seeds))
            rows.append((runs[0].name, shown, *(shown_spread(found[name]) for name in names)))
            kept = {name: one._asdict() for name, one in found.items() if one}
            out.json(
                {"event": "spread", "runs": [info.id for info in runs], "seeds": seeds, **kept}
            )
    if rows:
        out.text("\nmean ± standard deviation over seeds, of runs that differ in the seed alone")
        out.text("(finished ones; the standard deviation is that of the sample, n − 1)")
        header = ("config", "seeds", "loss", "best val_acc", "test_acc", "test_loss")
        out.text(table(header, rows, "llrrrr"))


def _show_differences(runs: "Sequence[tuple[RunInfo, str]]", out: "Output") -> None:
    """Print what each config has otherwise than the first; other seeds are told in one line."""
    import difflib

    (first, config), seeds = runs[0], []
    for info, text in runs[1:]:
        pair = config.splitlines(), text.splitlines()
        lines = list(difflib.unified_diff(*pair, first.id, info.id, lineterm="", n=0))
        changed = [line for line in lines[2:] if not line.startswith("@@")]
        if changed and all(line[1:].startswith("seed:") for line in changed):
            seeds.append(info.id)
        else:
            out.text("\n" + "\n".join(lines) if lines else f"\n{info.id}: the same config")
    if seeds:
        out.text(f"\n{', '.join(seeds)}: the same config but for the seed")


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
