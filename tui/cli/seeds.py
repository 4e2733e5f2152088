"""Training several seeds of a config on the command line, and the table of a group."""

import time

from engine.errors import ConfigError, EngineError, ExitCode
from engine.events import Ended
from engine.numbers import duration, metric
from engine.parallel.launcher import launched_ranks
from engine.runs.groups import RunGroup, Spread, results_of
from engine.runs.progress import with_progress
from engine.services.resume import GroupPlan, Part
from engine.services.runs import find_group
from engine.services.signals import Signals
from engine.text_table import table
from engine.train import factory
from engine.train.session import TrainingSession
from tui.cli.interruption import interruptible
from tui.cli.narration import Narrator
from tui.cli.output import Output

COLUMNS = ("val_acc", "test_acc", "test_loss")
"""Results in the table, as ``engine.runs.groups.results_of`` names them."""


def train_group(plan: GroupPlan, out: Output, *, adopt: bool = False) -> int:
    """Train what is left of a group, one run after the other, and print its table.

    A run that diverges ends itself only. A signal ends the group once the run is saved, and so does
    a run that cannot be saved, as the next could not be either.

    Args:
        plan: the group.
        out: gets every event.
        adopt: as for ``TrainingSession``.

    Returns:
        0 all are finished, 1 one diverged or was not saved; 130, 143 or 129 after a signal.

    Raises:
        ConfigError: this process is one of several ranks.
        EngineError: a run could not begin; those before it are kept.
        Interrupted: by a signal while there was no run to save.
    """
    if launched_ranks() is not None:
        raise ConfigError(
            "a group of seeds is trained by one process; several ranks train its runs one by one: "
            "mpiexec -n 2 cnn-tui train CONFIG --set seed=1"
        )
    for part in plan.left[:1]:  # before a word is said: the command may have to be restarted
        factory.check_arithmetic(part.config)
    out.json({"event": "group", "group": plan.id, "seeds": list(plan.seeds)})
    out.say(f"group {plan.id}: {plan.size} seeds, {plan.seeds[0]} to {plan.seeds[-1]}")
    if plan.done:
        kept = ", ".join(str(info.record.get("seed")) for info in plan.done)
        out.say(f"done already: seed {kept}" + ("" if plan.left else "; nothing is left to train"))
    begun, seconds = bool(plan.done), 0.0
    with interruptible(out) as signals:
        for number, part in enumerate(plan.left):
            began = time.monotonic()
            try:
                ended = _train(plan, number, out, signals, adopt=adopt)
            except EngineError:
                out.progress.close()
                if begun or part.resume is not None:
                    out.complain(f"the group is not complete; resume it with:  {plan.command}")
                raise
            if ended.status == "stopped":
                return signals.exit_code or ExitCode.FAILED
            begun, seconds = True, seconds + time.monotonic() - began
            if ended.status == "failed":
                out.complain(f"the other seeds are not trained; resume with:  {plan.command}")
                return ExitCode.FAILED
            _say_how_far(plan, number, ended, seconds, out)
    return _summarise(plan, out)


def _train(plan: GroupPlan, number: int, out: Output, signals: Signals, *, adopt: bool) -> Ended:
    part = plan.left[number]
    out.text(f"seed {_of(part)}: {part.config.seed}")  # the lines below it are this run's
    more = {"group": plan.id, "seed": part.config.seed, "index": part.place.index}

    def progressed(label: str, done: int, total: int) -> None:
        if session.phase == "training":  # batches of this run: shown as those of all runs
            done, total = number * total + done, len(plan.left) * total
        out.progress.update(f"seed {_of(part)}  {label}", done, total)

    session = TrainingSession(
        part.config,
        resume=part.resume,
        adopt=adopt and part.resume is not None,
        place=part.place,
        on_event=Narrator(out, more, plan.command).on_event,
        on_progress=progressed,
    )
    signals.on_signal = session.controls.stop_from_signal
    signals.check()
    return session.run()


def _say_how_far(plan: GroupPlan, number: int, ended: Ended, seconds: float, out: Output) -> None:
    left = len(plan.left) - number - 1
    others = f"; training the other{'s' if left > 1 else ''}" if left else ""
    if ended.status == "diverged":
        out.complain(f"seed {plan.left[number].config.seed} diverged{others}")
    if left:
        rest = duration(seconds / (number + 1) * left)
        out.say(f"about {rest} left for {left} seed{'s' if left > 1 else ''}")


def _of(part: Part) -> str:
    return f"{part.place.index} of {part.place.size}"


def _summarise(plan: GroupPlan, out: Output) -> int:
    """Print the table of a group that is over; returns the exit code."""
    group = find_group(plan.root, plan.id)
    if group is None:  # its runs were deleted meanwhile
        out.complain(f"{plan.root}: no run of {plan.id} is left")
        return ExitCode.FAILED
    out.json({"event": "summary", **group.summary()})
    out.text("")
    out.text(group_table(group))
    out.say(spread_words(group))
    return ExitCode.DONE if group.count("finished") == group.size else ExitCode.FAILED


def group_table(group: RunGroup) -> str:
    """The runs of a group by seed, with the mean and the standard deviation below."""
    rows = []
    for info in map(with_progress, group.parts.values()):
        results = results_of(info.record)
        cells = (_number(results.get(name)) for name in COLUMNS)
        rows.append((str(info.record.get("seed", "")), info.id, info.status or "broken", *cells))
    found = [group.spread(name) for name in COLUMNS]
    if any(found):  # two rows, and not one: so that it fits 80 columns
        rows.append(("", "mean", "", *(_number(one and one.mean) for one in found)))
        rows.append(("", "± std", "", *(_number(one and one.std) for one in found)))
    return table(("seed", "run", "status", *COLUMNS), rows, "rll" + "r" * len(COLUMNS))


def spread_words(group: RunGroup) -> str:
    """What the mean and the standard deviation of a group are, in a sentence."""
    count = len(group.finished)
    if count < 2:
        return f"{count} of {group.size} seeds finished: no mean, no standard deviation"
    return f"mean and std over the {count} finished seeds; std is that of the sample (n − 1)"


def shown_spread(one: Spread | None) -> str:
    """A mean with its standard deviation; empty for none."""
    return "" if one is None else f"{metric(one.mean)} ± {metric(one.std)}"


def _number(value: float | None) -> str:
    return "" if value is None else metric(value)
