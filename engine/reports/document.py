"""Parts of a report in their order, before they become HTML or Markdown."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.config.diff import MISSING, differences
from engine.numbers import count, duration, exponent, metric, significant
from engine.reports import figures
from engine.reports.gather import RESULTS, Facts, seed_groups

MOST_CLASSES = 30
"""Rows of a table of classes, at most: the worst by F1."""

MOST_EPOCHS = 50
"""Rows of the table of epochs, about; of longer trainings it has one epoch in so many."""


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the title of the report."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; a note says what is missing, or warns."""

    text: str
    is_note: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        header, rows: texts.
        align: "l" or "r" for every column.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str


@dataclass(frozen=True)
class Picture:
    """A figure, by the name of its file."""

    name: str
    about: str


@dataclass(frozen=True)
class Listing:
    """Text of a file, line by line."""

    text: str


Block = Heading | Paragraph | Table | Picture | Listing


def compose(runs: Sequence[Facts], pictures: Mapping[str, bytes]) -> list[Block]:
    """The report on some runs.

    Args:
        runs: at least one.
        pictures: the figures that there are.
    """
    several = len(runs) > 1
    title = f"{len(runs)} runs" if several else f"run {runs[0].id}"
    blocks: list[Block] = [Heading(1, f"Report on {title}")]
    if several:
        blocks += _comparison(runs)
    else:
        blocks += _summary(runs[0])
    curves = [
        Picture(name, f"{figures.KINDS[kind]} of {title}")
        for kind in figures.SHARED
        if (name := figures.file_name(kind, "")) in pictures
    ]
    blocks += [Heading(2, "Curves"), *curves]
    if not curves:
        blocks.append(Paragraph("There is no whole epoch yet, and so no curve.", is_note=True))
    for run in runs:
        if several:
            blocks += [Heading(2, f"Run {run.id}"), *_summary(run)]
        blocks += _details(run, pictures, 3 if several else 2)
    return blocks


def _comparison(runs: Sequence[Facts]) -> Iterator[Block]:
    """All runs side by side, what their configs differ in, and the spread over seeds."""
    names = [(name, title) for name, title in RESULTS if any(name in run.results for run in runs)]
    yield Heading(2, "Comparison")
    yield Table(
        ("run", "seed", "epochs", *(title for _, title in names)),
        tuple(
            (
                run.short,
                str(run.config.seed),
                str(run.record.get("epochs", "–")),
                *(_result(name, run.results.get(name)) for name, _ in names),
            )
            for run in runs
        ),
        "l" + "r" * (len(names) + 2),
    )
    groups = [group for group in seed_groups(runs) if len(group.runs) > 1]
    rows = []
    for group in groups:
        spreads = [group.spread(name) for name, _ in names]
        seeds = sorted(
            {run.config.seed for run in group.runs if run.record.get("status") == "finished"}
        )
        if any(spreads):
            cells = (
                "–" if one is None else f"{_result(name, one[0])} ± {_result(name, one[1])}"
                for (name, _), one in zip(names, spreads, strict=True)
            )
            of = (group.runs[0].config.name, ", ".join(map(str, seeds)))
            rows.append((*of, *cells))
    if rows:
        yield Heading(3, "Mean ± standard deviation over seeds")
        yield Paragraph(
            "Of finished runs whose configs differ in the seed alone; the standard deviation is "
            "that of the sample (n − 1). Two runs of the same seed count once."
        )
        header = ("config", "seeds", *(title for _, title in names))
        yield Table(header, tuple(rows), "ll" + "r" * len(names))
    else:
        yield Paragraph("No two of these runs differ in the seed alone, so there is no spread.")
    found = differences([run.config.model_dump(mode="json") for run in runs])
    for place in ("name", "runs_dir", "reports_dir", "data.root"):
        found.pop(place, None)
    if found:
        yield Heading(3, "What the configs differ in")
        rows = [
            (key, *("–" if value is MISSING else str(value) for value in values))
            for key, values in found.items()
        ]
        yield Table(("key", *(run.short for run in runs)), tuple(rows), "l" * (len(runs) + 1))


def _summary(run: Facts) -> Iterator[Block]:
    """What was trained, and what came of it."""
    record, config = run.record, run.config
    known = [(title, _result(name, run.results[name])) for name, title in RESULTS
             if name in run.results]  # fmt: skip
    if run.best_epoch is not None:
        known.append(("best epoch", str(run.best_epoch)))
    status, reason = str(record.get("status", "unknown")), str(record.get("reason") or "")
    ended = reason if reason.startswith(status) else f"{status}: {reason}" if reason else status
    rows = [
        ("started (UTC)", str(record.get("started", "–"))[:19].replace("T", " ")),
        ("status", ended),
        ("data set", config.dataset),
        ("network", config.model or "of its own layers"),
        ("parameters", count(record["parameters"]) if record.get("parameters") else "–"),
        ("epochs", f"{record.get('epochs', 0)} of {config.train.epochs}"),
        ("seed", str(config.seed)),
        *known,
    ]
    yield Table(("", ""), tuple(rows), "ll")
    for line in run.missing:
        yield Paragraph(line, is_note=True)


def _details(run: Facts, pictures: Mapping[str, bytes], level: int) -> Iterator[Block]:
    def picture(kind: str) -> Iterator[Block]:
        name = figures.file_name(kind, run.id)
        if name in pictures:
            yield Picture(name, f"{figures.KINDS[kind]} of run {run.id}")

    yield Heading(level, "Hints")
    if not run.hints:
        yield Paragraph("No rule found anything to say against this training.")
    for hint in run.hints:
        fix = f" What to change: {hint.fix}." if hint.fix else ""
        yield Paragraph(f"{hint.title[:1].upper()}{hint.title[1:]}: {hint.words}. {hint.why}{fix}")
    if run.tested is not None:
        yield Heading(level, "Test set")
        yield from picture("confusion")
        yield from _classes(run)
        yield from picture("mistakes")
    if run.filters is not None:
        yield Heading(level, "Filters")
        yield from picture("filters")
    if run.gradients is not None:
        yield Heading(level, "Gradient check")
        yield from _gradients(run)
    if run.metrics:
        yield Heading(level, "Epochs")
        yield from _epochs(run)
    yield Heading(level, "Config")
    yield Listing("\n".join(run.config_text.expandtabs().splitlines()))
    yield Heading(level, "Environment")
    yield Table(("", ""), tuple(_environment(run.record.get("environment") or {})), "ll")
    yield Heading(level, "Hashes")
    yield Paragraph(
        "SHA-256. The same seed, data and environment give the same weights, to the last bit; "
        f"'cnn-tui runs verify {run.id}' trains again and compares."
    )
    yield Table(("of", "hash"), tuple(_hashes(run.record)), "ll")


def _classes(run: Facts) -> Iterator[Block]:
    assert run.tested is not None
    tested = run.tested
    precision, recall, f1, support = tested.scores
    order = list(range(len(tested.classes)))
    if len(order) > MOST_CLASSES:
        order = sorted(order, key=lambda i: (support[i] == 0, f1[i]))[:MOST_CLASSES]
        yield Paragraph(
            f"The {MOST_CLASSES} of {len(tested.classes):,} classes with the lowest F1:"
        )
    rows = [
        (tested.classes[i], *(metric(float(score[i])) for score in (precision, recall, f1)),
         f"{support[i]:,}")
        for i in order
    ]  # fmt: skip
    yield Table(("class", "precision", "recall", "F1", "samples"), tuple(rows), "lrrrr")


def _gradients(run: Facts) -> Iterator[Block]:
    report = run.gradients
    assert report is not None
    yield Paragraph(
        f"Gradients by backpropagation beside central differences in float64, along random "
        f"directions, with the trained weights and a few test images: {report.outcome}. The "
        f"largest relative error that passes is {exponent(report.tolerance)}."
    )
    for problem in report.problems:
        yield Paragraph(problem, is_note=True)
    rows = [
        (row.name, row.kind, "×".join(map(str, row.shape)), str(row.checked),
         exponent(row.error), row.verdict)
        for row in report.rows
    ]  # fmt: skip
    header = ("tensor", "layer", "shape", "compared", "relative error", "verdict")
    yield Table(header, tuple(rows), "lllrrl")


def _epochs(run: Facts) -> Iterator[Block]:
    columns = ("loss", "acc", "val_loss", "val_acc", "grad_norm")
    every = -(-len(run.metrics) // MOST_EPOCHS)
    kept = [
        row
        for number, row in enumerate(run.metrics, 1)
        if number % every == 0 or number == len(run.metrics) or row["epoch"] == run.best_epoch
    ]
    if len(kept) < len(run.metrics):
        yield Paragraph(
            f"One in {every} of {len(run.metrics):,} epochs, with the best and the last; "
            "metrics.csv in the folder of the run has all."
        )
    rows = [
        (
            str(row["epoch"]),
            *(metric(row.get(name)) for name in columns),
            "–" if (rate := row.get("lr")) is None else significant(rate),
            "–" if (seconds := row.get("seconds")) is None else duration(seconds),
        )
        for row in kept
    ]
    yield Table(("epoch", *columns, "lr", "time"), tuple(rows), "r" * (len(columns) + 3))


def _environment(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in facts.items():
        if name == "blas" and isinstance(value, list):
            value = "; ".join(
                " ".join(str(part) for part in one.values() if part is not None)
                if isinstance(one, Mapping)
                else str(one)
                for one in value
            )
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        yield name, str(value)


def _hashes(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "config", str(record.get("config_hash", "–"))
    for name, digest in (record.get("data") or {}).items():
        yield f"{name} samples", str(digest)
    weights = (record.get("provenance") or {}).get("weights") or []
    if weights:
        yield f"weights after epoch {len(weights)}", str(weights[-1])


def _result(name: str, value: float | None) -> str:
    if name == "seconds" and value is not None:
        return f"{value:.1f}" if math.isfinite(value) else "–"
    return metric(value)
