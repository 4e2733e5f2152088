"""Micro-batches that all-gather many times over: no deadlock, and everything in order."""

import random
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.parallel.group import in_order
from engine.parallel.threads import MicroBatchGroup
from engine.parallel.workers import Workers
from tests.support.proofs import rest_as_proofs

LIMIT = 60.0


def within_the_limit(work: Callable[[], None]) -> None:
    """Run in a thread, so that a deadlock is a failure and not a test run that never ends."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert not thread.is_alive(), "deadlock"
    if errors:
        raise errors[0]


@pytest.mark.parametrize("count", rest_as_proofs([3, 1, 2, 4]))
def test_many_rounds_of_every_size(count: int) -> None:
    def work() -> None:
        chance = random.Random(count)
        with Workers(count) as workers:
            for turn in range(150):
                size, rounds = chance.randint(1, 20), chance.randint(0, 6)

                def task(
                    i: int, group: MicroBatchGroup, rounds: int = rounds, turn: int = turn
                ) -> Any:
                    assert group.index == i
                    seen = [group.all_gather((turn, m, i)) for m in range(rounds)]
                    return i, seen

                for i, (index, seen) in workers.group.map(task, size):
                    assert index == i
                    assert seen == [[(turn, m, j) for j in range(size)] for m in range(rounds)]

    within_the_limit(work)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_an_error_anywhere_is_the_one_that_is_raised(count: int) -> None:
    def work() -> None:
        chance = random.Random(count)
        with Workers(count) as workers:
            for turn in range(80):
                size = chance.randint(1, 12)
                bad, when = chance.randrange(size), chance.randint(0, 3)

                def task(i: int, group: MicroBatchGroup, bad: int = bad, when: int = when) -> int:
                    for round_number in range(3):
                        if (i, round_number) == (bad, when):
                            raise KeyError(i)
                        group.all_gather(i)
                    if (i, 3) == (bad, when):
                        raise KeyError(i)
                    return i

                with pytest.raises(KeyError) as caught:
                    workers.group.map(task, size)
                assert caught.value.args == (bad,), f"turn {turn}"
                parts = workers.group.map(lambda i, group: i, size)
                assert in_order(parts) == list(range(size))

    within_the_limit(work)


def test_no_more_compute_at_once_than_there_are_workers() -> None:
    running, most = 0, 0
    lock = threading.Lock()

    def task(i: int, group: MicroBatchGroup) -> None:
        nonlocal running, most
        for _ in range(3):
            with lock:
                running += 1
                most = max(most, running)
            np.dot(np.ones((60, 60)), np.ones((60, 60)))
            with lock:
                running -= 1
            group.all_gather(i)

    def work() -> None:
        with Workers(2) as workers:
            for _ in range(20):
                workers.group.map(task, 10)

    within_the_limit(work)
    assert most <= 2
