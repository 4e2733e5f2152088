"""Verifying on the command line: a training is done again, and its weights are compared."""

from pathlib import Path

from engine import portable
from engine.data import locate
from engine.errors import ExitCode
from engine.services.published import PUBLISHED
from engine.services.published import verify_published as verify_one
from engine.services.runs import find_run
from engine.services.signals import Signals
from engine.services.verify import Comparison, Verdict, Watch
from engine.services.verify import verify as verify_run
from engine.train.controls import Controls
from tui.cli.interruption import interruptible
from tui.cli.output import Output


def verify(root: Path, name: str, out: Output, *, epochs: int | None = None) -> int:
    """Train a run again from its own config, in a temporary folder, and compare its weights.

    Args:
        root: the folder of the runs.
        name: see ``find_run``.
        out: gets a line an epoch.
        epochs: compare only the first epochs; None compares all, and the finished weights.

    Returns:
        0 if every hash is the recorded one, 1 if not.

    Raises:
        CheckpointError: there is no such run, or it has nothing recorded to compare with.
        EngineError: it could not be trained here.
        Interrupted: by a signal.
    """
    path = find_run(root, name).path
    with interruptible(out) as signals:
        watch = _watch(f"training {path.name} again, to compare it with its record", out, signals)
        verdict = verify_run(path, epochs=epochs, watch=watch)
        signals.check()
    _say(verdict, path.name, out)
    return ExitCode.DONE if verdict.verified else ExitCode.FAILED


def verify_published(out: Output) -> int:
    """Train shipped configs portably, and compare their weights with the published hashes.

    Args:
        out: gets a line an epoch.

    Returns:
        0 if every hash is the published one, 1 if not.

    Raises:
        NotPortable: this process does not compute portably.
        EngineError: one could not be trained here.
        Interrupted: by a signal.
    """
    portable.check()
    verified = []
    for one in PUBLISHED:
        dataset = one.load().dataset
        what = f"training {one.config}, to compare it with the published hashes"
        if locate(dataset) is None:
            out.text(f"{one.config}: left out; {dataset} is not here: cnn-tui data fetch {dataset}")
            continue
        with interruptible(out) as signals:
            watch = _watch(what, out, signals)
            verdict = verify_one(one, watch)
            signals.check()
        _say(verdict, one.config, out)
        verified.append(verdict.verified)
    return ExitCode.DONE if all(verified) else ExitCode.FAILED


def _watch(what: str, out: Output, signals: Signals) -> Watch:
    def begin(controls: Controls) -> None:
        out.say(what)
        signals.on_signal = controls.stop_from_signal
        signals.check()

    def show_comparison(one: Comparison) -> None:
        fields = {"recorded": one.recorded, "derived": one.derived, "same": one.same}
        out.json({"event": "epoch" if one.epoch else "final", "epoch": one.epoch, **fields})
        out.text(f"{one.what}: {'same' if one.same else 'differs'}  {one.derived[:16]}")

    return Watch(begin, show_comparison, out.progress.update)


def _say(verdict: Verdict, name: str, out: Output) -> None:
    facts = [fact._asdict() for fact in verdict.differs]
    out.json({"event": "end", "run": name, "verified": verdict.verified, "differs": facts})
    total = len(verdict.compared)
    if verdict.verified:
        out.text(f"verified: {total} of {total} hashes are the same")
        return
    out.text(f"not verified: the first difference is in {verdict.compared[-1].what}")
    for fact in verdict.differs:
        out.text(f"  {fact.fact}: recorded {fact.recorded}, here {fact.here}")
    if not verdict.differs:
        out.text("  no recorded fact differs: not NumPy, BLAS, CPU, Python, engine, data or config")
