"""Every row of the conformance table, and the grid, through every check that applies."""

import pytest

from engine.layers import LAYERS
from tests.support.cases import Case, Check
from tests.support.checks import CHECKS, directions, forward, gradients, pool_sums, ties
from tests.support.conformance import CASES, PROMISES
from tests.support.grid import grid

pytestmark = pytest.mark.usefixtures("every_kernel")

ROWS = [
    pytest.param(
        case,
        check,
        id=f"{case}-{name}",
        marks=() if index % 5 == 0 or case in PROMISES.values() else pytest.mark.proof,
    )
    for index, case in enumerate(CASES)
    for name, check in CHECKS.items()
    if check.applies(case)
]
"""Each layer's promise and every fifth other case; the rest with ``-m proof``."""


def test_every_layer_has_a_row_and_a_plain_formula() -> None:
    assert PROMISES.keys() == LAYERS.keys()
    for case in PROMISES.values():
        assert case.draws or case.reference is not None, f"no formula in the first row of {case}"
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
def test_every_check_applies_to_some_row(check: Check) -> None:
    assert any(check.applies(case) for case in CASES)


@pytest.mark.parametrize(("case", "check"), ROWS)
def test_row(case: Case, check: Check) -> None:
    check(case)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "grid_case" in metafunc.fixturenames:
        full = bool(metafunc.config.getoption("--full-grid", default=False))
        metafunc.parametrize("grid_case", grid(full=full), ids=str)


def test_grid(grid_case: Case) -> None:
    for check in (gradients, directions, forward, pool_sums, ties):
        check(grid_case)
