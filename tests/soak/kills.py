"""SIGKILL at random moments: every run has to come to the same end as one that was left alone."""

import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.soak.soak_runs import TIMEOUT, Cut, Reference, delay, problems, refer, wait_for_end

WORKERS = (1, 2, 4)

_MOMENT = 5.0
"""Seconds in which a process whose parent was killed has to see that it is alone."""


def soak(
    kinds: Mapping[str, str],
    folder: Path,
    *,
    kills: int,
    runs: int,
    seed: int,
    aimed: float = 0.3,
    tell: Callable[[Cut], None] = lambda run: None,
) -> list[Cut]:
    """Kill runs until there were so many kills over so many runs, and finish the last one.

    Args:
        kinds: configs by name; the runs take turns.
        folder: an empty folder.
        kills, runs: how many of both, at least.
        seed: of the moments and the numbers of workers.
        aimed: share of the kills that wait, at their moment, for the next file to be written.
        tell: called with every run that is through.
    """
    rng = random.Random(seed)
    references = {
        kind: refer(kind, text, folder / f"reference-{i}")
        for i, (kind, text) in enumerate(kinds.items())
    }
    done: list[Cut] = []
    while len(done) < runs or sum(run.cuts for run in done) < kills:
        kind = list(kinds)[len(done) % len(kinds)]
        run = Cut.new(kind, kinds[kind], folder / f"run-{len(done)}")
        _kill_until_done(run, references[kind], rng, aimed)
        done.append(run)
        tell(run)
    return done


def _kill_until_done(run: Cut, reference: Reference, rng: random.Random, aimed: float) -> None:
    while True:
        before = run.saved()
        process = run.begin(rng.choice(WORKERS))
        ended = wait_for_end(process, delay(reference, rng))
        if not ended and rng.random() < aimed:
            deadline = time.monotonic() + TIMEOUT
            while not run.being_written(process.pid) and process.poll() is None:
                if time.monotonic() > deadline:
                    run.problems.append("it hangs")
                    break
                time.sleep(0.0005)
            ended = process.poll() is not None
        process.kill()
        code = process.wait()
        if ended and code != 0:
            run.problems.append(f"exit code {code}")
        if not ended:
            run.count(process.pid, before)
            run.problems += problems(run.folder)
        if ended or run.is_through:
            break
    run.finish(reference)
    deadline = time.monotonic() + _MOMENT
    while run.stray() and time.monotonic() < deadline:
        time.sleep(0.05)
    if run.stray():
        run.problems.append(f"processes left: {run.stray()}")
