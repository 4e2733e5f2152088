"""Write a report on runs: figures, one HTML page, and Markdown."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine import paths
from engine.errors import Cancelled, ConfigError, EngineError, RunError
from engine.reports import document, figures, html, markdown
from engine.reports.gather import Facts, Mistake, Tested, first_filters, gather
from engine.runs.listing import RunInfo
from engine.services.evaluation.evaluate import Measurement, measure, worst_images
from engine.services.gradcheck import run_check
from engine.storage import atomic
from engine.train.weights import load_model

FOLDER = Path("reports")
"""Where reports go, if nothing else is said."""
PAGE, TEXT, FIGURES = "report.html", "report.md", "figures"
MISTAKES = 12
"""Images in the figure of the most confident mistakes, at most."""


@dataclass(frozen=True)
class Written:
    """A report on the disk.

    Attributes:
        files: all of them; the HTML page is the last.
        missing: what is not in it and why, a line each.
    """

    files: tuple[Path, ...]
    missing: tuple[str, ...]


def check_output(folder: Path, runs: Sequence[str], *, overwrite: bool) -> None:
    """Check that a report can be written, before all the work.

    Args:
        folder: where to.
        runs: ids of the runs.
        overwrite: whether files of an earlier report may be replaced.

    Raises:
        ConfigError: there is one, and it is not to be replaced.
        MissingPackageError: matplotlib is not installed.
        RunError: the folder cannot be written to.
    """
    figures.check_installed()
    drawn = {figures.file_name(kind, run) for kind in figures.KINDS for run in runs}
    for name in (PAGE, TEXT, *(f"{FIGURES}/{name}" for name in sorted(drawn))):
        path = folder / name
        if paths.check_writable(path, RunError) == "file" and not overwrite:
            raise ConfigError(
                f"{path}: exists already; --overwrite replaces it, --output DIR writes elsewhere"
            )


def study(
    info: RunInfo,
    *,
    progress: Callable[[str, int, int], None] = lambda label, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Facts:
    """All that a report says of a run; what cannot be had is named in ``missing``.

    Args:
        info: the run.
        progress: called with what is being done, how much of it is done, and the total.
        cancelled: polled; true ends it.

    Raises:
        Cancelled: ``cancelled`` returned true.
        EngineError: the run's record, config or metrics cannot be read.
    """
    facts = gather(info)
    config, missing = facts.config, []
    try:
        facts = replace(facts, filters=first_filters(load_model(config, info.path)))
    except EngineError as error:
        reason = f"No filters, results on the test set or gradient check: {error}"
        return replace(facts, missing=(reason,))
    try:
        found = measure(config, info.path, progress=progress, cancelled=cancelled)
        facts = replace(facts, tested=_tested(found))
        missing += [found.note] if found.note else []
        if len(found.classes) > figures.MOST_CLASSES:
            missing.append(
                f"No confusion matrix: {len(found.classes):,} classes are too many for a picture; "
                f"'cnn-tui evaluate --weights {info.id} --json' has it"
            )
    except Cancelled:
        raise
    except EngineError as error:
        missing.append(f"No confusion matrix, no mistakes and no gradient check: {error}")
        return replace(facts, missing=tuple(missing))
    try:
        checked = run_check(config, weights=info.path, progress=progress, cancelled=cancelled)
        facts = replace(facts, gradients=checked)
    except Cancelled:
        raise
    except EngineError as error:
        missing.append(f"No gradient check: {error}")
    if cancelled():
        raise Cancelled(f"{info.id}: the report was cancelled")
    return replace(facts, missing=tuple(missing))


def _tested(found: Measurement) -> Tested:
    result = found.result
    worst = worst_images(result, "confidence", MISTAKES)
    images = found.test.take(np.array(worst, np.int64))
    return Tested(
        result.loss,
        result.acc,
        found.macro_f1,
        found.classes,
        found.confusion,
        found.scores,
        tuple(
            Mistake(
                index,
                image,
                int(result.labels[index]),
                int(result.predictions[index]),
                float(result.confidences[index]),
            )
            for index, image in zip(worst, images, strict=True)
        ),
    )


def write(runs: Sequence[Facts], folder: Path, *, overwrite: bool = False) -> Written:
    """Write the report on some runs; every file is whole, or as it was.

    Everything is made in memory first, and the page is written last.

    Args:
        runs: what the report says.
        folder: where to.
        overwrite: whether figures of an earlier report, which no page shows any more, are removed.

    Raises:
        RunError: a file cannot be written.
    """
    pictures = figures.draw_all(runs)
    blocks = document.compose(runs, pictures)
    files = {
        **{folder / FIGURES / name: content for name, content in pictures.items()},
        folder / TEXT: markdown.page(blocks, FIGURES).encode(),
        folder / PAGE: html.page(blocks, pictures).encode(),
    }
    for path, content in files.items():
        try:
            atomic.make_folder(path.parent)
            atomic.write_atomic(path, content)
        except OSError as error:
            raise RunError(f"{path}: not written: {error.strerror or error}") from None
    if overwrite:
        _sweep(folder / FIGURES, keep=pictures.keys())
    return Written(tuple(files), tuple(f"{run.id}: {line}" for run in runs for line in run.missing))


def _sweep(folder: Path, keep: Collection[str]) -> None:
    """Remove the figures of other runs; files of any other name are somebody's own."""
    for path in folder.glob("*.png"):
        if figures.is_named_as_figure(path.name) and path.name not in keep:
            with suppress(OSError):
                atomic.remove(path)
