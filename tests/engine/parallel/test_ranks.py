"""Ranks without an MPI: launchers' variables, the fixed tree cut among ranks, shares, digests."""

import threading
from collections.abc import Sequence
from queue import Queue
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.kernels.partition import equal_parts
from engine.parallel.launcher import Launched, launched_ranks
from engine.parallel.micro_batches import tree_sum
from engine.parallel.mpi import Stage
from engine.parallel.partial_sums import Node, nodes_of, sum_nodes
from engine.parallel.ranks import RankGroup, digest
from engine.parallel.threads import MicroBatchThreads


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"PMI_RANK": "2", "PMI_SIZE": "4"}, Launched(2, 4)),
        ({"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}, Launched(0, 2)),
        ({"PMIX_RANK": "1", "SLURM_STEP_NUM_TASKS": "3"}, Launched(1, 3)),
        ({"PMI_RANK": "0", "PMI_SIZE": "1"}, None),
        ({"SLURM_NTASKS": "8", "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "8"}, None),
        ({"PMI_RANK": "0", "PMI_SIZE": "many"}, None),
        ({}, None),
    ],
)
def test_only_a_launcher_that_says_so_makes_ranks(
    variables: dict[str, str], found: Launched | None
) -> None:
    assert launched_ranks(variables) == found


@given(st.integers(1, 64), st.integers(1, 9), st.integers(0, 99))
def test_the_tree_cut_among_ranks_has_the_bits_of_the_whole(
    pieces: int, ranks: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = [
        (rng.standard_normal(3) * 10.0 ** rng.integers(-6, 6)).astype(np.float32)
        for _ in range(pieces)
    ]
    whole = tree_sum([vector.copy() for vector in vectors])
    sums: dict[Node, np.ndarray] = {}
    for part in equal_parts(pieces, min(ranks, pieces)):
        own = {(0, i): vectors[i] for i in range(part.start, part.stop)}
        sum_nodes(own, pieces)
        assert sorted(own) == nodes_of(range(part.start, part.stop), pieces)
        sums |= own
    sum_nodes(sums, pieces)
    (root,) = sums.values()
    assert root.tobytes() == whole.tobytes()


class Wire:
    """Connections between threads that stand for ranks."""

    def __init__(self, size: int, on_machine: int = 1) -> None:
        self.size, self.on_machine = size, on_machine
        self.queues: dict[tuple[int, int, int], Queue[np.ndarray]] = {}
        self.barrier = threading.Barrier(size)
        self.vectors: list[Any] = [None] * size

    def queue(self, *key: Any) -> "Queue[np.ndarray]":
        return self.queues.setdefault(key, Queue())


class FakeConnection:
    def __init__(self, wire: Wire, rank: int) -> None:
        self.wire, self.rank, self.size = wire, rank, wire.size
        ranks, on_machine = range(wire.size), wire.on_machine
        self.stages = [Stage({other: (other,) for other in ranks}, None)]
        if on_machine > 1:
            # Machines take turns, so that neighbours in the tree are on different ones.
            machines = wire.size // on_machine
            own = [other for other in ranks if other % machines == rank % machines]
            across = {
                other: range(other % machines, wire.size, machines)
                for other in ranks
                if other // machines == rank // machines
            }
            self.stages = [Stage({other: (other,) for other in own}, None), Stage(across, None)]

    def gather(self, values: list[Any], members: int | None = None) -> list[Any]:
        raise AssertionError("nothing is to be gathered")

    def swap(self, sends: Sequence[Any], receives: Sequence[Any]) -> None:
        for rank, tag, array in sends:
            self.wire.queue(self.rank, rank, tag).put(array.copy())
        for rank, tag, array in receives:
            array[...] = self.wire.queue(rank, self.rank, tag).get(timeout=10)

    def complete(self, vector: np.ndarray, parts: Sequence[slice], stage: Stage) -> None:
        self.wire.vectors[self.rank] = vector.copy()
        self.wire.barrier.wait(10)
        for rank, part in zip(stage.ranks, parts, strict=True):
            vector[part] = self.wire.vectors[rank][part]
        self.wire.barrier.wait(10)


@pytest.mark.parametrize(
    ("pieces", "ranks", "on_machine"),
    [
        (1, 2, 1),
        (2, 3, 1),
        (6, 2, 1),
        (7, 3, 1),
        (5, 5, 1),
        (1, 4, 2),
        (7, 4, 2),
        (11, 6, 3),
        (16, 6, 2),
    ],
)
def test_ranks_have_the_bits_of_the_sum_in_one_process(
    pieces: int, ranks: int, on_machine: int
) -> None:
    rng = np.random.default_rng(pieces)
    vectors = [rng.standard_normal(11).astype(np.float32) for _ in range(pieces)]
    part = slice(0, 10)  # the last one is frozen
    whole = tree_sum([vector[part].copy() for vector in vectors])
    wire, sums = Wire(ranks, on_machine), {}

    def work(rank: int) -> None:
        connection: Any = FakeConnection(wire, rank)
        group = RankGroup(MicroBatchThreads(1), connection)
        share = group.share(pieces)
        own = [
            vector.copy() if i in share else np.full(11, np.nan, np.float32)
            for i, vector in enumerate(vectors)
        ]
        with np.errstate(invalid="ignore"):
            sums[rank] = group.sum_of(own, part)

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(ranks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for rank in range(ranks):
        assert sums[rank].tobytes() == whole.tobytes()


def test_the_first_ranks_share_a_batch_of_fewer_micro_batches() -> None:
    shares = []
    for rank in range(4):
        connection: Any = FakeConnection(Wire(4), rank)
        group = RankGroup(MicroBatchThreads(1), connection)
        shares.append(list(group.share(2)))
        assert [i for i, _ in group.map(lambda i, threads: i, 2)] == shares[-1]
        assert group.own_part(10) == range(10)
    assert shares == [[0], [1], [], []]


def test_a_digest_notices_a_bit() -> None:
    vector = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    before = digest(vector)
    vector.view(np.uint32)[500] ^= 1
    assert digest(vector) != before
