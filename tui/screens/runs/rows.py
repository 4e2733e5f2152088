"""Runs as plain values for the screen: rows, curves and differences."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from textual.content import Content

from engine.config import MISSING, differences, inline
from engine.runs.groups import RunGroup, grouped, place_of
from engine.runs.listing import RunInfo
from engine.runs.progress import shown_rates
from engine.train.weights import SavedWeights
from tui import text
from tui.charts import scales
from tui.state.run_details import RunDetails
from tui.state.runs_store import LETTERS
from tui.widgets.chart import Band, Marker, Picture, Series
from tui.widgets.table import Cell, Column

COLOURS = ("curve-train", "curve-val", "curve-lr", "success", "error", "foreground")
"""Of the marked runs, in the order of their letters."""

METRICS = ("val_acc", "val_loss", "acc", "loss", "lr")

STATES = {
    "running": ("▶ running", "bold success"),
    "finished": ("✓ finished", "success"),
    "stopped": ("■ stopped", "foreground"),
    "interrupted": ("■ cut off", "warning"),
    "diverged": ("✗ diverged", "error"),
    "failed": ("✗ failed", "error"),
    None: ("✗ broken", "bold error"),
}

COLUMNS = (
    Column("", least=1),
    Column("run", flexible=True, least=12),
    Column("started", rank=3),
    Column("status", least=10),
    Column("epochs", right=True, rank=2),
    Column("val_acc", right=True),
    Column("test_acc", right=True, rank=1),
    Column("dataset", rank=4),
    Column("model", rank=5),
    Column("seconds", right=True, rank=6),
)
WEIGHT_COLUMNS = (
    Column("weights", flexible=True, least=8),
    Column("epoch", right=True),
    Column("val_acc", right=True),
    Column("size", right=True, rank=1),
)

SORTS = ("newest", "val_acc", "test_acc")


def best(info: RunInfo) -> float | None:
    """The best validation accuracy that the record says."""
    return _number(info.record.get("best"), "val_acc")


def tested(info: RunInfo) -> float | None:
    """The accuracy on the test set that the record says."""
    return _number(info.record.get("test"), "test_acc")


def _number(section: Any, key: str) -> float | None:
    value = section.get(key) if isinstance(section, Mapping) else None
    return float(value) if isinstance(value, float | int) and not isinstance(value, bool) else None


def ordered(runs: Sequence[RunInfo], sort: str, wanted: str) -> list[RunInfo]:
    """The runs in which every word of ``wanted`` occurs, in an order of ``SORTS``."""
    words = wanted.lower().split()
    kept = [info for info in runs if all(word in _haystack(info) for word in words)]
    if sort == "newest":
        return kept
    value = best if sort == "val_acc" else tested

    def key(info: RunInfo) -> float:
        number = value(info)
        return -number if number is not None else 1.0

    return sorted(kept, key=key)


def listed(
    runs: Sequence[RunInfo], groups: Sequence[RunGroup], sort: str, wanted: str, opened: set[str]
) -> list[tuple[RunInfo | RunGroup, bool]]:
    """What the list shows: runs and groups, and the runs of opened groups, which are indented.

    A group is there, with all its runs, if one of them is among those that are wanted.
    """
    whole = {group.id: group for group in groups}
    rows: list[tuple[RunInfo | RunGroup, bool]] = []
    for one in grouped(ordered(runs, sort, wanted)):
        if isinstance(one, RunGroup):
            group = whole.get(one.id, one)
            rows.append((group, False))
            rows += [(info, True) for info in group.runs if group.id in opened]
        else:
            rows.append((one, False))
    return rows


def _haystack(info: RunInfo) -> str:
    place = place_of(info.record)
    group = place.group if place else ""
    parts = (
        info.id,
        group,
        info.status or "broken",
        info.record.get("dataset"),
        info.record.get("model"),
    )
    return " ".join(str(part) for part in parts).lower()


def run_row(info: RunInfo, letter: str, indented: bool = False) -> tuple[Cell, ...]:
    """A run in the list; one of an opened group is indented, and named by its seed."""
    record = info.record
    word, style = STATES[info.status]
    colour = f"bold {COLOURS[LETTERS.index(letter)]}" if letter else "muted"
    seconds = record.get("seconds")
    return (
        (letter, colour),
        (_indented(info) if indented else text.line(info.name, 64), "foreground"),
        (f"{info.created.astimezone():%m-%d %H:%M}" if info.created else "", "muted"),
        (word, style),
        (text.line(record.get("epochs", ""), 6), "muted"),
        (_metric(best(info)), "foreground"),
        (_metric(tested(info)), "foreground"),
        (text.line(record.get("dataset", ""), 16), "muted"),
        (text.line(record.get("model", ""), 20), "muted"),
        (text.duration(seconds) if isinstance(seconds, float | int) else "", "muted"),
    )


def _indented(info: RunInfo) -> str:
    return f"  seed {text.line(info.record.get('seed'), 12)}"


def group_row(group: RunGroup, letter: str, opened: bool) -> tuple[Cell, ...]:
    """A group in the list: its means, and how many of its seeds are finished."""
    colour = f"bold {COLOURS[LETTERS.index(letter)]}" if letter else "muted"
    created, record = group.runs[-1].created, group.runs[0].record
    seconds = [info.record.get("seconds") or 0.0 for info in group.parts.values()]
    return (
        (letter, colour),
        (f"{'▾' if opened else '▸'} {text.line(group.name, 48)} {group.size} seeds", "foreground"),
        (f"{created.astimezone():%m-%d %H:%M}" if created else "", "muted"),
        group_state(group),
        (text.line(record.get("epochs", ""), 6), "muted"),
        (_spread(group, "val_acc"), "foreground"),
        (_spread(group, "test_acc"), "foreground"),
        (text.line(record.get("dataset", ""), 16), "muted"),
        (text.line(record.get("model", ""), 20), "muted"),
        (text.duration(sum(seconds)), "muted"),
    )


def group_state(group: RunGroup) -> tuple[str, str]:
    """``✓ 2 of 5``: how many seeds are finished, with the sign of what else there is."""
    done = f"{group.count('finished')} of {group.size}"
    if group.count("running"):
        return f"▶ {done}", "bold success"
    if group.count("finished") == group.size:
        return f"✓ {done}", "success"
    return (f"✗ {done}", "error") if group.is_complete else (f"■ {done}", "warning")


def _spread(group: RunGroup, name: str) -> str:
    found = group.spread(name)
    return "" if found is None else f"{text.metric(found.mean)} ± {text.metric(found.std)}"


def group_facts(group: RunGroup) -> Content:
    """A group in a few lines."""
    word, style = group_state(group)
    lines = [Content.styled(f"{word} seeds finished", f"bold ${style.split()[-1]}")]
    diverged = group.count("diverged")
    if diverged:
        lines.append(Content.styled(f"{diverged} diverged, and do not count", "$warning"))
    if not group.is_complete and not group.count("running"):
        lines.append(Content.styled("not complete: R trains what is left", "$warning"))
    lines.append(
        Content.styled(f"seeds {text.line(', '.join(map(str, group.seeds)), 60)}", "$muted")
    )
    lines += [
        Content.assemble((f"{name} ", "$muted"), (_spread(group, name), "$foreground"))
        for name in ("val_acc", "test_acc", "test_loss")
        if _spread(group, name)
    ]
    if len(group.finished) > 1:
        count = len(group.finished)
        lines.append(Content.styled(f"mean ± std of {count} seeds (sample, n − 1)", "$muted"))
    return Content("\n").join(lines)


def facts(info: RunInfo, details: RunDetails | None) -> Content:
    """A run in a few lines; what went wrong comes first."""
    record = info.record
    word, style = STATES[info.status]
    lines = [Content.styled(word, f"bold ${style.split()[-1]}")]
    reason = info.problem or record.get("reason") or (details.problem if details else None)
    if reason:
        lines.append(Content.styled(text.line(reason, 300), "$warning"))
    if info.problem is not None:
        return Content("\n").join(lines)
    what = f"{record.get('dataset', '?')}, {record.get('model', '?')}"
    lines.append(Content(text.line(what, 60)))
    size = record.get("parameters")
    count = f"{size:,} parameters, " if isinstance(size, int) else ""
    lines.append(Content.styled(f"{count}seed {text.line(record.get('seed'), 20)}", "$muted"))
    if info.status == "running":
        lines.append(Content.styled(f"epoch {_epochs(info, details)}", "$foreground"))
    if details is not None and details.rates:
        by_hand = text.line(shown_rates(details.rates), 200)
        lines.append(Content.styled(f"lr by hand: {by_hand}", "$muted"))
    if best(info) is not None or tested(info) is not None:
        lines.append(
            Content.assemble(
                ("val_acc ", "$muted"),
                (text.metric(best(info)), "$foreground"),
                ("  test_acc ", "$muted"),
                (text.metric(tested(info)), "$foreground"),
            )
        )
    return Content("\n").join(lines)


def _epochs(info: RunInfo, details: RunDetails | None) -> str:
    """Epochs that are done, and of how many."""
    done = info.record.get("epochs") or 0
    train = details.values.get("train") if details else None
    total = train.get("epochs") if isinstance(train, Mapping) else None
    return text.line(done if total is None else f"{done} of {total}", 20)


def _metric(value: float | None) -> str:
    return "" if value is None else text.metric(value)


def weights_row(saved: SavedWeights) -> tuple[Cell, ...]:
    """A file of weights in its list."""
    if saved.problem is not None:
        return ((f"✗ {saved.path.name}", "error"), ("", ""), ("broken", "error"), ("", ""))
    word = saved.kind if saved.kind != "step" else f"step {saved.global_step}"
    return (
        (word, "foreground"),
        ("" if saved.epoch is None else str(saved.epoch), "muted"),
        (_metric(saved.logs.get("val_acc")), "foreground"),
        (text.size(saved.size), "muted"),
    )


def overlay(shown: Sequence[tuple[str, RunDetails]], metric: str, *, log: bool) -> Picture:
    """One metric of several runs; the letter of each stands at the end of its curve.

    A group is its mean, with a band of mean ± std around it.

    Args:
        shown: letter (or "" for one that is not marked) and details of each run or group.
        metric: one of ``METRICS``.
        log: whether the axis is logarithmic.
    """
    series, marks, bands, end = [], [], [], 1.0
    for letter, details in shown:
        colour = COLOURS[LETTERS.index(letter)] if letter else COLOURS[0]
        rows = [(row.get("epoch"), row.get(metric)) for row in details.metrics]
        points = [(x, y) for x, y in rows if isinstance(x, int | float) and x > 0]
        points.sort(key=lambda point: point[0])
        if not points:
            continue
        x = np.array([float(p[0]) for p in points])
        y = scales.finite([np.nan if p[1] is None else float(p[1]) for p in points])
        end = max(end, float(x[-1]))
        series.append(Series(letter or metric, colour, x, y))
        stds = {row["epoch"]: row.get(metric) for row in details.stds}
        if stds:
            std = scales.finite([stds.get(p[0]) or 0.0 for p in points])
            bands.append(Band(colour, x, y - std, y + std))
        if len(x) == 1:
            series.append(Series(letter or metric, colour, x, y, marker="•"))
        there = np.flatnonzero(np.isfinite(y))
        if len(there):
            last = there[-1]
            marks.append(Marker(letter or "•", colour, float(x[last]), float(y[last])))
    return Picture(
        tuple(series),
        tuple(marks),
        end,
        log,
        empty="no epoch is complete yet",
        bands=tuple(bands),
    )


def compare(configs: Sequence[tuple[str, RunDetails]]) -> list[tuple[Cell, ...]]:
    """Differences between configs: the key, and its value in each."""
    rows: list[tuple[Cell, ...]] = []
    for path, values in differences([details.values for _, details in configs]).items():
        cells: list[Cell] = [(text.line(path, 40), "bold foreground")]
        for (letter, _), value in zip(configs, values, strict=True):
            colour = COLOURS[LETTERS.index(letter)] if letter else "foreground"
            if value is MISSING:
                cells.append(("–", "muted"))
            else:
                cells.append((text.line(inline(value), 60), colour))
        rows.append(tuple(cells))
    if any(details.rates for _, details in configs):
        by_hand: list[Cell] = [("lr by hand", "bold foreground")]
        for letter, details in configs:
            colour = COLOURS[LETTERS.index(letter)] if letter else "foreground"
            words = text.line(shown_rates(details.rates), 60)
            by_hand.append((words, colour) if words else ("–", "muted"))
        rows.append(tuple(by_hand))
    return rows
