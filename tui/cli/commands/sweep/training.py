"""A sweep on the command line: what it says while it trains, and its tables at the end."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import ExitCode
from engine.numbers import duration, metric, percent
from engine.paths import quote
from engine.services.signals import Signals
from engine.sweeps.children import Starter
from engine.sweeps.folder import TABLE, SweepFolder, near, resume_command
from engine.sweeps.importance import importance
from engine.sweeps.plan import Trial, data_sets
from engine.sweeps.results import Outcome, Repetitions, best_first, ranked, repetitions
from engine.sweeps.sweep import Sweep
from engine.text_table import table
from engine.train import factory
from tui.cli.output import Output

SHOWN = 20
"""Rows of a table; all are in the file."""

_PARTS = 1000
"""Of the progress bar."""


def check_data(trials: Sequence[Trial], out: Output) -> None:
    """Check that what some trials need is there, before anything is trained.

    Raises:
        NotPortable: they cannot be trained in this process.
        DataError: a data set is missing or corrupt.
    """
    for trial in trials[:1]:  # they all are portable, or none is
        factory.check_arithmetic(trial.config)
    for config in data_sets(trials):
        factory.load_dataset(config, progress=out.progress.update)
    out.progress.close()


def train_sweep(
    folder: SweepFolder,
    jobs: int,
    by: str,
    out: Output,
    signals: Signals,
    starter: Starter | None = None,
    dask: str | None = None,
) -> int:
    """Train what is left of a sweep, and print its tables.

    Args:
        folder: of the sweep.
        jobs: trials at once.
        by: the metric to sort by.
        out: gets all that happens.
        signals: the first one ends the sweep, once the trials that are trained are saved.
        starter: starts the processes that train; None for those of this machine.
        dask: the address of the cluster to which it belongs.

    Returns:
        0 all are finished, 1 one failed or diverged; 130, 143 or 129 after a signal.

    Raises:
        EngineError: nothing could be begun.
    """
    narrator = _Narrator(folder, by, out)
    sweep = Sweep(folder, jobs, narrator, starter)
    left, whole = sweep.remaining, folder.size
    check_data(sweep.left, out)
    signals.check()
    signals.on_signal = lambda name: sweep.stop()
    narrator.left = left
    out.json({"event": "sweep", "folder": folder.path, "trials": whole, "left": left, "jobs": jobs})
    out.say(f"sweep {near(folder.path)}")
    done = f", {whole - left} of them done already" if left < whole else ""
    at_once = f"{min(jobs, whole)} at once" if dask is None else f"on the workers of {dask}"
    out.say(f"{whole} trials{done}; {at_once}" if left else "all trials are done")
    sweep.run()
    out.progress.close()
    outcomes = list(sweep.outcomes.values())
    _print_tables(folder, outcomes, by, out)
    again = resume_command(folder.path) + ("" if dask is None else f" --dask {quote(dask)}")
    if signals.received is not None:
        out.complain(f"stopped; resume with:  {again}")
        return signals.exit_code or ExitCode.FAILED
    bad = [one for one in outcomes if not one.is_done]
    if bad:
        out.complain(
            f"{len(bad)} of {len(outcomes)} trials are not finished; those that diverged are left, "
            f"the others are tried again with:  {again}"
        )
    return ExitCode.FAILED if bad else ExitCode.DONE


class _Narrator:
    """Says what happens in a sweep.

    Attributes:
        left: trials that were left when it began.
    """

    def __init__(self, folder: SweepFolder, by: str, out: Output) -> None:
        self._whole, self._by, self._out = folder.size, by, out
        self._began = time.monotonic()
        self._ended = 0
        self._warnings: set[str] = set()
        self.left = 0

    def began(self, trial: Trial, resumed: bool) -> None:
        """Write the line of JSON."""
        self._out.json(
            {"event": "trial", "trial": trial.index, "set": trial.settings, "resumed": resumed}
        )

    def epoch(self, trial: Trial, logs: Mapping[str, Any]) -> None:
        """Write the line of JSON."""
        self._out.json({"event": "epoch", "trial": trial.index, **logs})

    def warned(self, trial: Trial | None, message: str) -> None:
        """Say a warning; that of many trials once."""
        number = None if trial is None else trial.index
        self._out.json({"event": "warning", "trial": number, "message": message})
        if message not in self._warnings:
            self._warnings.add(message)
            where = "" if trial is None else f"trial {trial.index}: "
            self._out.complain(f"{where}warning: {message}")

    def ended(self, outcome: Outcome) -> None:
        """Say how a trial ended, and how long the others will take."""
        self._ended += 1
        self._out.json({"event": "end", **outcome.to_json()})
        rest = self.left - self._ended
        seconds = (time.monotonic() - self._began) / self._ended * rest
        more = f"; about {duration(seconds)} left" if rest else ""
        line = f"trial {outcome.trial.index} of {self._whole}  {outcome.trial}"
        if outcome.finished:
            found = metric(outcome.results.get(self._by))
            self._out.say(f"{line}  {self._by} {found}{more}")
        elif outcome.is_done:
            self._out.say(f"{line}  {outcome.reason}{more}")
        else:
            self._out.complain(f"{line}  {outcome.status}: {outcome.reason}{more}")

    def progressed(self, share: float, running: int) -> None:
        """Move the bar, which knows how long the rest takes."""
        label = f"{self._whole} trials, {running} at once"
        self._out.progress.update(label, int(share * _PARTS), _PARTS)


def _print_tables(folder: SweepFolder, outcomes: Sequence[Outcome], by: str, out: Output) -> None:
    order = ranked(outcomes, by)
    groups = best_first(repetitions(outcomes), by)
    if len(groups) == len(outcomes):
        groups = []
    shares = importance(outcomes, by)
    finished = sum(one.finished for one in outcomes)
    out.json(
        {
            "event": "summary",
            "folder": folder.path,
            "metric": by,
            "trials": len(outcomes),
            "finished": finished,
            "ranked": [one.index for one in order if one.finished],
            "seeds": [_spread_json(one, by) for one in groups],
            "importance": shares,
        }
    )
    out.text(_trial_table(order[:SHOWN], by))
    if len(order) > SHOWN:
        out.text(f"... and {len(order) - SHOWN} more in {near(folder.path / TABLE)}")
    if groups:
        out.text("")
        out.text(_seed_table(groups[:SHOWN], by))
        out.say("mean and std over the finished seeds; std is that of the sample (n − 1)")
    if len(shares) > 1:
        out.text("")
        out.text(_importance_table(shares, by))
        out.say("the share of its variance that each explains; the rest is due to values together")
    if finished and order[0].run is not None:
        out.say(f"table {near(folder.path / TABLE)}")
        run = quote(str(near(order[0].run)))
        out.say(f"best: trial {order[0].index}, {run}")


def _trial_table(outcomes: Sequence[Outcome], by: str) -> str:
    columns = list(dict.fromkeys([by, "val_acc", "test_acc", "seconds"]))
    rows = [
        (
            str(one.index),
            *one.settings.values(),
            one.status,
            *(_shown(name, one.results.get(name)) for name in columns),
        )
        for one in outcomes
    ]
    keys = list(outcomes[0].settings)
    sides = "r" + "r" * len(keys) + "l" + "r" * len(columns)
    return table(("trial", *keys, "status", *columns), rows, sides)


def _seed_table(groups: Sequence[Repetitions[Outcome]], by: str) -> str:
    rows = []
    for one in groups:
        found = one.spread(by)
        mean, std, n = (found.mean, found.std, found.n) if found else (None, None, 0)
        cells = (f"{n} of {len(one.trials)}", metric(mean), metric(std))
        rows.append((str(one), *cells))
    return table(("values", "seeds", f"mean {by}", "± std"), rows, "lrrr")


def _importance_table(shares: Mapping[str, float], by: str) -> str:
    by_share = sorted(shares.items(), key=lambda one: -one[1])
    rows = [(key, percent(share)) for key, share in by_share]
    return table(("setting", f"explains of {by}"), rows, "lr")


def _spread_json(one: Repetitions[Outcome], by: str) -> dict[str, Any]:
    found = one.spread(by)
    return {
        "trials": [trial.index for trial in one.trials],
        "mean": None if found is None else found.mean,
        "std": None if found is None else found.std,
        "n": 0 if found is None else found.n,
    }


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return duration(value) if name == "seconds" else metric(value)
