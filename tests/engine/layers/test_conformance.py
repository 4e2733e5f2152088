"""Every row of the conformance table, and the grid, through every check."""

from collections.abc import Callable

import pytest

from engine.layers import LAYERS
from tests.support.cases import Case
from tests.support.checks import CHECKS, directions, forward, gradients, kinks, pool_sums
from tests.support.conformance import CASES
from tests.support.grid import grid
from tests.support.oracles import REFERENCES


def test_every_layer_has_a_row_and_a_plain_formula() -> None:
    assert {case.layer for case in CASES} == LAYERS.keys()
    assert LAYERS.keys() <= REFERENCES.keys() | {"Dropout"}
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
@pytest.mark.parametrize("case", CASES, ids=str)
def test_row(case: Case, check: Callable[[Case], None]) -> None:
    check(case)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "grid_case" in metafunc.fixturenames:
        full = bool(metafunc.config.getoption("--full-grid", default=False))
        metafunc.parametrize("grid_case", grid(full=full), ids=str)


def test_grid(grid_case: Case) -> None:
    for check in (gradients, directions, forward, pool_sums, kinks):
        check(grid_case)
