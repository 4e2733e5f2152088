"""One hash for 1, 2, 3, 4 ranks with 1 or 2 workers each, stopped and resumed in any mixture."""

from pathlib import Path
from typing import Any

import pytest

from tests.mpi.job import outcome, train_case
from tests.support.proofs import rest_as_proofs
from tests.support.ranks import needs_mpi, train_on_ranks
from tests.support.small_runs import PLAIN, RICH

pytestmark = needs_mpi

SAME = ("status", "final", "weights", "metrics", "test")

CASES: list[dict[str, Any]] = [
    {"text": RICH, "overrides": ["train.workers=1", "train.micro_batch=8"]},
    {"text": RICH, "overrides": ["train.workers=2", "train.micro_batch=8"]},
    {"text": RICH, "overrides": ["train.clip_norm=0.5", "train.micro_batch=16"]},
    {"text": PLAIN, "overrides": ["train.lookahead={every: 3}", "data.test_views=mirror_shift"]},
    {"text": RICH, "overrides": ["train.average={every: 2}", "train.freeze=['0', '1']"]},
    {"text": PLAIN, "overrides": ["train.lr=1e30"]},
    {"text": RICH, "overrides": ["train.lr=1e38", "train.optimizer=sgd"]},
]
"""Batches of 48 are 2, 3 or 6 micro-batches; the last one of an epoch has 16 samples, 2 of them."""


@pytest.mark.parametrize(
    ("count", "machines"), rest_as_proofs([(2, 1), (3, 1), (4, 1), (4, 2), (6, 3)], rows=True)
)
def test_any_number_of_ranks_and_workers_has_the_bits_of_one_process(
    count: int, machines: int, tmp_path: Path
) -> None:
    found = train_on_ranks(tmp_path / "ranks", count, CASES, machines)
    for case, result in zip(CASES, found, strict=True):
        alone = outcome(train_case(tmp_path / "alone", case))
        assert [result[key] for key in SAME] == [alone[key] for key in SAME], case
        assert (result["ranks"]["ranks"], result["ranks"]["machines"]) == (count, machines)
        assert alone["ranks"] is None


@pytest.mark.proof
def test_stopped_and_resumed_with_other_numbers_it_has_the_bits_of_one_process(
    tmp_path: Path,
) -> None:
    alone = outcome(train_case(tmp_path / "alone", {"text": RICH}))
    folder = tmp_path / "mixed"
    moments: list[tuple[int, int, list[int] | None]] = [
        (2, 1, [0, 1]),
        (4, 2, [1, 0]),
        (1, 2, [1, 2]),
        (3, 1, [2, 3]),
        (2, 2, None),
    ]
    path, result = None, {}
    for count, workers, stop in moments:
        overrides = [f"train.workers={workers}"]
        case = {"text": RICH, "overrides": overrides, "stop": stop, "resume": path}
        if count == 1:
            result = outcome(train_case(folder, case))
        else:
            (result,) = train_on_ranks(folder, count, [case])
        path = result["path"]
    assert [result[key] for key in SAME] == [alone[key] for key in SAME]
