"""Figures of a report, as PNG files: curves, confusion matrix, filters and mistakes.

Drawn by matplotlib's Agg, without a display and without the user's own settings. Curves differ by
dashes and markers as well as by colour, and values by how light they are.
"""

import io
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from engine.arrays import Array
from engine.errors import require_package
from engine.reports.gather import Facts, Mistake, Tested
from engine.runs.directory import RUN_ID
from engine.sanitize import printable

PACKAGE = "matplotlib"

# Okabe and Ito 2008: told apart by all kinds of colour vision, and in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "os^Dv<P"
MOST_CLASSES = 60
"""Classes up to which a confusion matrix can be read."""
COUNTED = 14
"""Classes up to which its cells have their counts."""
MOST_FILTERS = 32
_COLUMNS = 8
_MARKED = 12
"""Markers along a curve, at most."""

STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "legend.edgecolor": "white",
    "legend.framealpha": 0.9,
    "savefig.dpi": 160,
}

KINDS = {
    "loss": "loss by epoch",
    "accuracy": "accuracy by epoch",
    "learning-rate": "learning rate by epoch",
    "confusion": "confusion matrix",
    "filters": "filters of the first convolution",
    "mistakes": "most confident mistakes",
}
"""Kinds of figures, and what each shows; the first three are of all runs together."""

SHARED = ("loss", "accuracy", "learning-rate")


def check_installed() -> None:
    """Check that matplotlib is there.

    Raises:
        MissingPackageError: it is not; the message says how to install it.
    """
    require_package(PACKAGE, "report", "figures need")


def file_name(kind: str, run: str) -> str:
    """The name of a figure's file."""
    return f"{kind}.png" if kind in SHARED else f"{kind}-{run}.png"


def is_named_as_figure(name: str) -> bool:
    """Whether a file has the name of a figure, of any run."""
    if name in {file_name(kind, "") for kind in SHARED}:
        return True
    kind, _, run = name.removesuffix(".png").partition("-")
    return kind in KINDS and RUN_ID.fullmatch(run) is not None


def draw_all(runs: Sequence[Facts]) -> dict[str, bytes]:
    """All figures that can be drawn of some runs.

    Returns:
        PNG files by name, see ``file_name``.
    """
    found = {}
    curves = {"loss": loss, "accuracy": accuracy, "learning-rate": learning_rate}
    begun = [run for run in runs if run.metrics]
    if begun:
        for kind, draw in curves.items():
            found[file_name(kind, "")] = png(draw, begun)
    for run in runs:
        if run.tested is not None and len(run.tested.classes) <= MOST_CLASSES:
            found[file_name("confusion", run.id)] = png(confusion, run.tested)
        if run.filters is not None:
            found[file_name("filters", run.id)] = png(filters, run.filters)
        if run.tested is not None and run.tested.mistakes:
            found[file_name("mistakes", run.id)] = png(
                mistakes, run.tested.mistakes, run.tested.classes
            )
    return found


def png(draw: Callable[..., Any], *arguments: Any, dpi: int | None = None) -> bytes:
    """What one of the functions below draws, as a PNG file; the same bytes for the same values.

    Args:
        draw: the function.
        arguments: what it draws.
        dpi: dots per inch; None for those of a report.
    """
    with styled():
        file = io.BytesIO()
        dots = STYLE["savefig.dpi"] if dpi is None else dpi
        draw(*arguments).savefig(file, format="png", dpi=dots, metadata={"Software": None})
        return file.getvalue()


@contextmanager
def styled() -> Iterator[None]:
    """The look of all figures, whatever the user's own settings are."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        # A letter that the font lacks is a box in the picture; the tables beside it have it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def loss(runs: Sequence[Facts]) -> Any:
    """Loss of training and validation by epoch; validation is dashed."""
    axes = _axes("Loss by epoch", "loss (mean over samples)")
    for position, run in enumerate(runs):
        _pair(axes, position, run, "loss", len(runs))
    _mark_best(axes, runs)
    return _finished(axes, beside=len(runs) > 1)


def accuracy(runs: Sequence[Facts]) -> Any:
    """Accuracy of training and validation by epoch; validation is dashed."""
    axes = _axes("Accuracy by epoch", "accuracy (% of samples)")
    for position, run in enumerate(runs):
        _pair(axes, position, run, "acc", len(runs), 100)
    _mark_best(axes, runs)
    return _finished(axes, beside=len(runs) > 1)


def learning_rate(runs: Sequence[Facts]) -> Any:
    """Learning rate at the end of every epoch; of a wide range, on a logarithmic scale."""
    axes = _axes("Learning rate by epoch", "learning rate")
    rates = [rate for run in runs for rate in _column(run, "lr") if rate > 0]
    for position, run in enumerate(runs):
        _curve(axes, position, run, "lr", run.label if len(runs) > 1 else "learning rate")
    if rates and max(rates) > 30 * min(rates):
        axes.set_yscale("log")
    elif rates:
        axes.set_ylim(0, 1.08 * max(rates))
    return _finished(axes, beside=True) if len(runs) > 1 else axes.figure


def confusion(tested: Tested) -> Any:
    """Confusion matrix, with counts in the cells of a small one; the darker, the more of a row."""
    from matplotlib.colors import PowerNorm

    counts, names = tested.confusion, [_name(name) for name in tested.classes]
    size = len(names)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    inches = min(max(4.6, 0.46 * size + 2), 9.0)
    axes = _axes("Confusion matrix of the test set", "true class", (inches + 0.9, inches))
    axes.grid(visible=False)
    picture = axes.imshow(share, cmap="Blues", norm=PowerNorm(0.5, 0, 1))
    axes.set_xlabel("predicted class")
    step = 1 if size <= 30 else 2
    ticks = range(0, size, step)
    shown = [names[i] for i in ticks]
    turned = 0 if max(map(len, shown)) <= 2 else 90
    small = 9 if size <= 20 else 6
    axes.set_xticks(ticks, shown, rotation=turned, fontsize=small, parse_math=False)
    axes.set_yticks(ticks, shown, fontsize=small, parse_math=False)
    if size <= COUNTED:
        for row, column in zip(*np.nonzero(counts), strict=True):
            dark = share[row, column] > 0.3
            axes.text(
                column, row, f"{counts[row, column]:,}", ha="center", va="center", fontsize=8,
                color="white" if dark else "black", fontweight="bold" if row == column else None,
            )  # fmt: skip
    bar = axes.figure.colorbar(picture, ax=axes, shrink=0.8, ticks=[0, 0.01, 0.1, 0.25, 0.5, 1])
    bar.ax.set_yticklabels(["0", "1 %", "10 %", "25 %", "50 %", "100 %"])
    bar.set_label("share of the true class")
    return axes.figure


def filters(weights: Array) -> Any:
    """Filters of a convolution: with three channels in colour, else the mean of the channels.

    Args:
        weights: (filters, channels, height, width).
    """
    shown = weights[:MOST_FILTERS]
    channels = weights.shape[1]
    largest = float(np.abs(shown).max()) or 1.0
    columns = min(_COLUMNS, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure = _figure((max(0.85 * columns + 1.2, 4.6), 1.02 * rows + 0.9))
    figure.subplots(rows, columns, squeeze=False)
    picture = None
    for axes in figure.axes:
        axes.axis("off")
    for number, (axes, one) in enumerate(zip(figure.axes, shown, strict=False), 1):
        if channels == 3:
            axes.imshow(np.moveaxis(0.5 + 0.5 * one / largest, 0, 2).clip(0, 1))
        else:
            picture = axes.imshow(one.mean(axis=0), cmap="gray", vmin=-largest, vmax=largest)
        axes.set_title(str(number), fontsize=8, pad=2)
    how = {1: "", 3: ", channels as red, green and blue; grey is 0"}.get(
        channels, f", mean of {channels} channels"
    )
    more = "" if len(shown) == len(weights) else f"the first {len(shown)} of "
    height, width = weights.shape[2:]
    figure.suptitle(
        f"First convolution: {more}{len(weights)} filters, {height}×{width}{how}", fontsize=10
    )
    if picture is not None:
        bar = figure.colorbar(picture, ax=figure.axes, shrink=0.9, aspect=12)
        bar.set_label("weight")
    return figure


def mistakes(worst: Sequence[Mistake], classes: Sequence[str]) -> Any:
    """Images with what they are, and what they were taken for."""
    columns = min(6, len(worst))
    rows = math.ceil(len(worst) / columns)
    figure = _figure((max(1.42 * columns, 4.2), 1.95 * rows + 0.4))
    figure.subplots(rows, columns, squeeze=False)
    for axes in figure.axes:
        axes.axis("off")
    for axes, one in zip(figure.axes, worst, strict=False):
        image = np.moveaxis(one.image, 0, 2)
        if image.shape[2] == 3:
            axes.imshow(image)
        else:
            axes.imshow(image[:, :, 0], cmap="gray", vmin=0, vmax=255)
        predicted = "nothing" if one.predicted < 0 else _name(classes[one.predicted], 14)
        sure = "" if math.isnan(one.confidence) else f", {one.confidence:.0%}"
        axes.set_title(
            f"#{one.index}: {_name(classes[one.label], 14)}\nread as {predicted}{sure}",
            fontsize=7.5, parse_math=False,
        )  # fmt: skip
    figure.suptitle("Most confident mistakes on the test set", fontsize=11)
    return figure


def _figure(size: tuple[float, float]) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _axes(title: str, label: str, size: tuple[float, float] = (6.6, 3.7)) -> Any:
    from matplotlib.ticker import MaxNLocator

    axes = _figure(size).subplots()
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return axes


def _pair(axes: Any, position: int, run: Facts, name: str, runs: int, factor: float = 1) -> None:
    """Curves of training and validation: in two colours, or of several runs in one for each."""
    if runs == 1:
        _curve(axes, 0, run, name, "training", factor)
        _curve(axes, 1, run, f"val_{name}", "validation", factor, dashes="--")
    else:
        _curve(axes, position, run, name, f"{run.label}: training", factor, fill="none")
        label = f"{run.label}: validation"
        _curve(axes, position, run, f"val_{name}", label, factor, dashes="--")


def _curve(
    axes: Any,
    position: int,
    run: Facts,
    name: str,
    label: str,
    factor: float = 1,
    *,
    dashes: str = "-",
    fill: str = "full",
) -> None:
    epochs = [row["epoch"] for row in run.metrics]
    axes.plot(
        epochs,
        [factor * value for value in _column(run, name)],
        linestyle=dashes,
        color=COLOURS[position % len(COLOURS)],
        # Its place in the row of markers moves on with every round of colours.
        marker=MARKERS[(position + position // len(COLOURS)) % len(MARKERS)],
        fillstyle=fill,
        markevery=max(1, math.ceil(len(epochs) / _MARKED)),
        label=label,
    )


def _column(run: Facts, name: str) -> list[float]:
    return [math.nan if (value := row.get(name)) is None else float(value) for row in run.metrics]


def _mark_best(axes: Any, runs: Sequence[Facts]) -> None:
    """A dotted line at the best epoch of a single run."""
    if len(runs) == 1 and runs[0].best_epoch is not None:
        axes.axvline(
            runs[0].best_epoch, color="#555555", linestyle=":", linewidth=1.4,
            label=f"best validation accuracy (epoch {runs[0].best_epoch})",
        )  # fmt: skip


def _finished(axes: Any, *, beside: bool) -> Any:
    """The figure with its legend, beside the curves or among them."""
    entries = len(axes.get_legend_handles_labels()[0])
    legend: dict[str, Any] = {"loc": "best"}
    if beside:
        axes.figure.set_size_inches(8.6, max(3.7, 0.2 * entries + 1))
        legend = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
    for text in axes.legend(fontsize=8, **legend).get_texts():
        text.set_parse_math(False)
    return axes.figure


def _name(name: str, limit: int = 18) -> str:
    """A class as it stands in a figure."""
    return printable(name, limit) or "?"
