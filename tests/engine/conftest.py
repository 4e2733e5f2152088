"""The option for the whole grid, the summary of the mutants, and one thread for BLAS."""

import sys
from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full-grid",
        action="store_true",
        help="check the gradients of every combination of convolution and pooling arguments",
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What became of the mutants, if any were made."""
    mutants = sys.modules.get("mutants")
    if mutants is not None and (mutants.TALLY.killed or mutants.TALLY.survived):
        terminalreporter.section("mutation proof of the gradients")
        for line in mutants.TALLY.lines():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """The arrays are small: more threads only wait for each other."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield
