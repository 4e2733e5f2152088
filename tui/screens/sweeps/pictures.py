"""What a sweep's trials look like beside each other: curves, parallel coordinates, importance."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from textual.content import Content

from engine.options import maximises
from engine.runs.groups import band
from engine.sweeps.grid import SEED
from engine.sweeps.importance import FEWEST
from engine.sweeps.listing import SweepInfo, TrialGroup, TrialInfo
from engine.sweeps.results import without_seed
from tui import text
from tui.charts import parallel as coordinates
from tui.charts.parallel import Axis, Trace
from tui.screens.sweeps import rows as sweep_rows
from tui.screens.sweeps.rows import CHOSEN, COLOURS, RANKED, Ranking
from tui.state.sweeps_store import Curve
from tui.widgets.chart import Band, Marker, Picture, Series
from tui.widgets.run_bar import meter

CURVES = {
    "val_acc": "val_acc", "test_acc": "val_acc", "seconds": "val_acc",
    "val_loss": "val_loss", "test_loss": "val_loss", "loss": "loss",
}  # fmt: skip
"""What is drawn over epochs, by what the trials are ranked by."""

RUNNING = "▶"
"""Marks the curve of a trial that is being trained, where it is not the chosen one."""

MOST_LINES = 200
"""Lines of parallel coordinates, but for the best and the chosen one."""

_BAR = 20


@dataclass(frozen=True)
class Shown:
    """Trials whose curve is drawn: the repetitions of one, or a trial by itself.

    Attributes:
        symbol: at the end of the curve, and in the legend.
        colour: a variable of the theme.
        trials: those with a run.
    """

    symbol: str
    colour: str
    trials: tuple[TrialInfo, ...]

    @property
    def runs(self) -> Iterator[Path]:
        """The directories of their runs."""
        return (one.run for one in self.trials if one.run is not None)

    @property
    def words(self) -> str:
        """Their values: ``lr=0.1``."""
        values = without_seed(self.trials[0])
        names = sweep_rows.short_names(list(values))
        return text.line(" ".join(f"{names[k]}={v}" for k, v in values.items()), 40)


def shown(ranked: Ranking, trial: TrialInfo | None, group: TrialGroup | None) -> list[Shown]:
    """The trials that are drawn: some that are trained, the best, and the chosen one on top.

    Args:
        ranked: all trials.
        trial, group: what is chosen, if anything is.
    """
    found: list[Shown] = []
    best = ranked.best
    for place in ranked.groups:
        running = [one for one in place.trials if one.status == "running"]
        if running and place not in best and len(found) < RANKED:
            found.append(Shown(RUNNING, "muted", tuple(running)))
    numbered = [
        Shown(str(number), COLOURS[number - 1], _counted(place))
        for number, place in enumerate(best, 1)
    ]
    found += reversed(numbered)
    chosen = _counted(group) if group is not None else () if trial is None else (trial,)
    found = [one for one in found if one.trials != chosen or one.symbol != RUNNING]
    if chosen and all(one.trials != chosen for one in found):
        found.append(Shown(CHOSEN, "foreground", chosen))
    return [one for one in found if any(one.runs)]


def _counted(group: TrialGroup) -> tuple[TrialInfo, ...]:
    """The finished trials of a group, or all of them where none is."""
    return tuple(one for one in group.trials if one.finished) or group.trials


def curves(
    drawn: Sequence[Shown], known: Mapping[Path, Curve], metric: str, *, log: bool
) -> Picture:
    """One metric over epochs; several seeds are their mean, with a band of mean ± std.

    Args:
        drawn: the last ones on top.
        known: the rows of runs.
        metric: a value of ``CURVES``.
        log: whether the axis is logarithmic.
    """
    series, marks, bands, end = [], [], [], 1.0
    for one in drawn:
        found = band([known[run] for run in one.runs if run in known], metric)
        if found is None:
            continue
        x, y = found.epochs, found.mean
        end = max(end, float(x[-1]))
        dot = "•" if len(x) == 1 else "braille"
        series.append(Series(one.symbol, one.colour, x, y, marker=dot))
        if found.n > 1:
            bands.append(Band(one.colour, x, y - found.std, y + found.std))
        last = np.flatnonzero(np.isfinite(y))
        if len(last):
            marks.append(Marker(one.symbol, one.colour, float(x[last[-1]]), float(y[last[-1]])))
    empty = "no epoch is complete yet"
    return Picture(tuple(series), tuple(marks), end, log, empty=empty, bands=tuple(bands))


def legend(drawn: Sequence[Shown], picture: Picture, metric: str, room: int) -> Content:
    """The metric, and symbol and values of every curve, as far as there is room for."""
    scale = " log" if picture.log else ""
    title = f"{metric}{scale}{' ⠕ mean ± std' if picture.bands else ''}"
    names = [(f"  {one.symbol} {one.words}", f"${one.colour}") for one in drawn[::-1]]
    if len(title) + sum(len(name) for name, _ in names) > room:
        names = [(f" {one.symbol}", f"${one.colour}") for one in drawn[::-1]]
    return Content.assemble((title, ""), *names)


def coordinates_of(
    sweep: SweepInfo,
    ranked: Ranking,
    trial: TrialInfo | None,
    group: TrialGroup | None,
    shares: Mapping[str, float],
    most: int,
) -> tuple[list[Axis], list[Trace], int]:
    """Axes and lines of parallel coordinates, and how many keys there was no room for.

    Seeds are no axis: repetitions are one line, to the mean of their results.

    Args:
        sweep: whose trials.
        ranked: all of them.
        trial, group: what is chosen, if anything is.
        shares: how much each key explains, as far as that is known.
        most: axes that there is room for; the keys that matter least are left out.
    """
    metric = ranked.metric
    groups = [one for one in ranked.groups if math.isfinite(one.value(metric))]
    groups = _thinned(groups, trial, group)
    keys = [key for key in sweep.keys if key != SEED]
    kept = sorted(keys, key=lambda key: -shares.get(key, 0.0))[: max(most - 1, 0)]
    names = sweep_rows.short_names(keys)
    axes, columns = [], []
    for key in (key for key in keys if key in kept):
        # All values of the grid have their place from the start, also those without a result.
        written = [text.line(one.trials[0].settings.get(key, "")) for one in ranked.groups]
        axis, places = coordinates.settings_axis(names[key], written)
        place_of = dict(zip(written, places, strict=True))
        axes.append(axis)
        columns.append([place_of[text.line(one.trials[0].settings.get(key, ""))] for one in groups])
    values = [one.value(metric) for one in groups]
    labels = [sweep_rows.shown(metric, value) for value in values]
    axis, places = coordinates.result_axis(metric, values, labels, up=maximises(metric, "auto"))
    traces = []
    for one, *line in zip(groups, *columns, places, strict=True):
        number = ranked.number(one)
        chosen = one == group or trial in one.trials
        symbol = str(number) if number else CHOSEN if chosen else ""
        colour = COLOURS[number - 1] if number else "foreground" if chosen else "curve-axis"
        traces.append(Trace(tuple(line), colour, symbol))
    # The best on top, then the chosen one, then all others.
    traces.sort(key=lambda one: (one.symbol != "", one.symbol.isdigit(), -_digit(one.symbol)))
    return [*axes, axis], traces, len(keys) - len(kept)


def _thinned(
    groups: list[TrialGroup], trial: TrialInfo | None, group: TrialGroup | None
) -> list[TrialGroup]:
    """The best, the chosen one, and of many others as many as can be told apart, the last too."""
    if len(groups) <= MOST_LINES:
        return groups
    chosen = [one for one in groups if one == group or trial in one.trials]
    places = np.linspace(RANKED, len(groups) - 1, MOST_LINES).astype(int)
    return [
        *groups[:RANKED],
        *(groups[place] for place in places if groups[place] not in chosen),
        *chosen,
    ]


def _digit(symbol: str) -> int:
    return int(symbol) if symbol.isdigit() else 0


def importance_lines(
    sweep: SweepInfo, metric: str, found: Mapping[str, float] | None, width: int
) -> Content:
    """The keys with the share that each explains as a bar and a number, the largest first.

    Args:
        sweep, metric: what the shares are of.
        found: shares by key; None before they are known.
        width: in cells.
    """
    if found is None:
        return Content("")
    if not found:
        done = sweep.counts["done"]
        why = (
            f"{FEWEST} finished trials are needed; {done} {'is' if done == 1 else 'are'}"
            if done < FEWEST
            else f"all trials have the same {metric}, or none"
        )
        return Content.styled(f"nothing can be said yet: {why}", "$muted")
    names = sweep_rows.short_names(list(found))
    left = max(map(len, names.values()))
    bar = max(min(_BAR, width - left - 8), 4)
    lines = []
    for key, share in sorted(found.items(), key=lambda one: -one[1]):
        number = text.percent(share) if share >= 0.0005 else "0%"
        lines.append(
            Content.assemble(
                (f"{names[key]:<{left}} ", "$foreground"),
                *meter(share, bar),
                (f" {number:>5}", "bold $foreground"),
            )
        )
    rest = max(1 - sum(found.values()), 0.0)
    if rest >= 0.0005:
        lines.append(Content.styled(f"{text.percent(rest)}: values that matter together", "$muted"))
    return Content("\n").join(lines)
