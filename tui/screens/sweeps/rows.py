"""Sweeps and their trials as plain values for the screen: rows of tables."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from engine.sweeps.grid import SEED
from engine.sweeps.listing import SweepInfo, TrialGroup, TrialInfo
from engine.sweeps.results import METRICS, best_first, repetitions
from tui import text
from tui.screens.runs.rows import STATES as RUN_STATES
from tui.widgets.table import Cell, Column

SORTS = ("best", "order")

RANKED = 5
"""How many of the best are numbered, and drawn as curves."""

COLOURS = ("success", "curve-train", "curve-val", "curve-lr", "error")
"""Of the numbered ones, the best first."""

CHOSEN = "●"
"""Marks the chosen trial where it is drawn, if it is none of the best."""

OPEN = ("running", "stopped", "interrupted")
"""What a trial is that was begun and is gone on with."""

STATES = {
    **RUN_STATES,
    "waiting": ("· waiting", "muted"),
    "killed": ("✗ killed", "error"),
    "pruned": ("■ pruned", "muted"),
}

SWEEP_COLUMNS = (
    Column("sweep", flexible=True, least=10),
    Column("started", rank=3),
    Column("state", least=10),
    Column("done", right=True),
    Column("running", right=True, rank=1),
    Column("failed", right=True, rank=1),
    Column("waiting", right=True, rank=2),
    Column("time left", right=True),
)


def sweep_row(sweep: SweepInfo, *, begun: bool, stopping: bool) -> tuple[Cell, ...]:
    """A sweep in the list.

    Args:
        sweep: which.
        begun: whether a process for it was started here, and has not ended.
        stopping: whether it was told to stop.
    """
    counts, left = sweep.counts, sweep.seconds_left
    failed = counts["failed"]
    return (
        (text.line(sweep.name, 48), "foreground"),
        (f"{sweep.created.astimezone():%m-%d %H:%M}" if sweep.created else "", "muted"),
        sweep_state(sweep, begun=begun, stopping=stopping),
        (f"{counts['done']} of {sweep.size}" if sweep.trials else "", "foreground"),
        (str(counts["running"] or ""), "success"),
        (str(failed or ""), "error"),
        (str(counts["waiting"] or ""), "muted"),
        ("" if left is None else f"~{text.duration(left)}", "foreground"),
    )


def sweep_state(
    sweep: SweepInfo, *, begun: bool = False, stopping: bool = False
) -> tuple[str, str]:
    """What a sweep is doing, in a word with a sign."""
    counts = sweep.counts
    if sweep.problem:
        return "✗ broken", "bold error"
    if sweep.running:
        return ("■ stopping", "warning") if stopping else ("▶ running", "bold success")
    if begun:
        return "… starting", "success"
    if counts["done"] == sweep.size:
        return "✓ finished", "success"
    if counts["waiting"] or counts["running"]:
        return "■ stopped", "warning"
    return "✗ ended", "error"


@dataclass(frozen=True)
class Ranking:
    """The trials of a sweep in the order of a metric.

    Attributes:
        groups: trials with the same values but for the seed, the best first.
        metric: which.
    """

    groups: tuple[TrialGroup, ...]
    metric: str

    @cached_property
    def repeated(self) -> bool:
        """Whether any trial is repeated with another seed."""
        return any(len(group.trials) > 1 for group in self.groups)

    @cached_property
    def best(self) -> tuple[TrialGroup, ...]:
        """The numbered ones, the best first; only those that have the metric."""
        return tuple(
            group for group in self.groups[:RANKED] if not math.isnan(group.value(self.metric))
        )

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {group.key: number for number, group in enumerate(self.best, 1)}

    @cached_property
    def by_key(self) -> dict[str, TrialGroup | TrialInfo]:
        """Groups of several trials, and all trials, by the keys of their rows."""
        found: dict[str, TrialGroup | TrialInfo] = {}
        for group in self.groups:
            found |= {trial_key(trial): trial for trial in group.trials}
            if len(group.trials) > 1:
                found[group.key] = group
        return found

    def number(self, group: TrialGroup) -> int:
        """The place of a group among the best, from 1; 0 for the others."""
        return self._numbers.get(group.key, 0)


def ranking(sweep: SweepInfo, metric: str) -> Ranking:
    """Rank the trials of a sweep by a metric."""
    return Ranking(tuple(best_first(repetitions(sweep.trials), metric)), metric)


def columns(sweep: SweepInfo, ranked: Ranking) -> tuple[Column, ...]:
    """The columns of the trials of a sweep."""
    keys = sweep.keys
    names = short_names(keys)
    swept = [Column(names[key], flexible=True, least=5) for key in keys if key != SEED]
    seed = [Column("seed", right=True, rank=2)] if _has_seeds(sweep, ranked) else []
    found = _metrics(ranked.metric)
    results = [Column(name, right=True, rank=max(i, 0)) for i, name in enumerate(found)]
    return (
        Column("", least=1),
        Column("trial", least=5),
        *swept,
        *seed,
        Column("status", least=10),
        Column("epoch", right=True, rank=5),
        *results,
    )


def _has_seeds(sweep: SweepInfo, ranked: Ranking) -> bool:
    """Whether seeds have a column: where trials are repeated, they are named by theirs."""
    return SEED in sweep.keys and not ranked.repeated


def _metrics(first: str) -> list[str]:
    return list(dict.fromkeys((first, "val_acc", "test_acc", "seconds")))


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Keys by their last part, where that tells them apart: ``lr`` for ``train.lr``."""
    last = [key.rpartition(".")[2] for key in keys]
    return {
        key: text.line(name if last.count(name) == 1 else key, 24)
        for key, name in zip(keys, last, strict=True)
    }


def trial_rows(
    sweep: SweepInfo, ranked: Ranking, sort: str, opened: set[str]
) -> tuple[list[tuple[Cell, ...]], list[str]]:
    """Rows and keys of the trials: groups of seeds, and the trials of those that are open.

    Args:
        sweep: whose trials.
        ranked: all of them.
        sort: one of ``SORTS``.
        opened: keys of the groups that are open.
    """
    groups = list(ranked.groups) if sort == "best" else repetitions(sweep.trials)
    rows, keys = [], []
    for group in groups:
        if len(group.trials) > 1:
            rows.append(_group_row(sweep, group, ranked, group.key in opened))
            keys.append(group.key)
            if group.key in opened:
                rows += [_trial_row(sweep, one, ranked, indented=True) for one in group.trials]
                keys += [trial_key(one) for one in group.trials]
        else:
            (one,) = group.trials
            rows.append(_trial_row(sweep, one, ranked, ranked.number(group)))
            keys.append(trial_key(one))
    return rows, keys


def trial_key(trial: TrialInfo) -> str:
    """The key of a trial's row."""
    return f"trial-{trial.index}"


def rank_cell(number: int) -> Cell:
    """The place of one of the best, in the colour of its curve."""
    return (str(number), f"bold {COLOURS[number - 1]}") if number else ("", "muted")


def _values(sweep: SweepInfo, trial: TrialInfo) -> list[Cell]:
    keys = (key for key in sweep.keys if key != SEED)
    return [(text.line(trial.settings.get(key, ""), 32), "foreground") for key in keys]


def _trial_row(
    sweep: SweepInfo, trial: TrialInfo, ranked: Ranking, number: int = 0, *, indented: bool = False
) -> tuple[Cell, ...]:
    shown_seed = "" if trial.seed is None else str(trial.seed)
    seed = [(shown_seed, "muted")] if _has_seeds(sweep, ranked) else []
    name = f"  {trial.index}  seed {shown_seed}" if indented else str(trial.index)
    done, whole = trial.epochs
    epochs = "" if trial.run is None else f"{done}/{whole}" if whole else str(done)
    style = "foreground" if trial.finished else "muted"  # so far, where it is not finished
    return (
        rank_cell(number),
        (name, "foreground"),
        *_values(sweep, trial),
        *seed,
        STATES.get(trial.status, (f"? {text.line(trial.status, 12)}", "muted")),
        (epochs, "muted"),
        *((shown(one, trial.results.get(one)), style) for one in _metrics(ranked.metric)),
    )


def _group_row(
    sweep: SweepInfo, group: TrialGroup, ranked: Ranking, opened: bool
) -> tuple[Cell, ...]:
    return (
        rank_cell(ranked.number(group)),
        (f"{'▾' if opened else '▸'} {len(group.trials)} seeds", "foreground"),
        *_values(sweep, group.trials[0]),
        _group_state(group),
        ("", "muted"),
        *(_mean(group, name) for name in _metrics(ranked.metric)),
    )


def _group_state(group: TrialGroup) -> Cell:
    """``✓ 2 of 5``: how many seeds are finished, with the sign of what else there is."""
    states = [trial.status for trial in group.trials if trial.status != "pruned"]
    if not states:
        return STATES["pruned"]
    words = f"{states.count('finished')} of {len(states)}"
    if "running" in states:
        return f"▶ {words}", "bold success"
    if states.count("finished") == len(states):
        return f"✓ {words}", "success"
    left = {"waiting", *OPEN} & set(states)
    return (f"· {words}", "muted") if left else (f"✗ {words}", "error")


def _mean(group: TrialGroup, name: str) -> Cell:
    """Mean and spread of a result over the finished seeds; before there are any, so far."""
    found = group.spread(name)
    if found is not None:
        return f"{shown(name, found.mean)} ± {shown(name, found.std)}", "foreground"
    value, style = group.value(name), "foreground"
    if math.isnan(value):
        open_ = [one for one in group.trials if one.status in OPEN]
        so_far = [one.results[name] for one in open_ if name in one.results]
        value, style = (sum(so_far) / len(so_far), "muted") if so_far else (value, style)
    return ("", style) if math.isnan(value) else (shown(name, value), style)


def shown(name: str, value: float | None) -> str:
    """A result as text; empty where there is none."""
    if value is None:
        return ""
    return text.duration(value) if name == "seconds" else text.metric(value)


def next_metric(metric: str) -> str:
    """The metric after one."""
    return METRICS[(METRICS.index(metric) + 1) % len(METRICS)]


def settings_words(trial: TrialInfo) -> str:
    """The values of a trial: ``train.lr=0.1 seed=2``."""
    return " ".join(f"{key}={value}" for key, value in trial.settings.items())
