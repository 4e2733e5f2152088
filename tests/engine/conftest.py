"""The option for the whole grid, the summary of the mutants, and one thread for BLAS."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from threadpoolctl import threadpool_limits


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full-grid",
        action="store_true",
        help="check the gradients of every combination of convolution and pooling arguments",
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where tests run in several processes, tell the first one what became of the mutants."""
    mutants, output = sys.modules.get("mutants"), getattr(session.config, "workeroutput", None)
    if mutants is not None and output is not None:
        output["mutants"] = asdict(mutants.TALLY)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Add up what the processes tell."""
    told = getattr(node, "workeroutput", {}).get("mutants")
    if told is not None:
        import mutants

        for name, count in told.items():
            mutants.TALLY.__dict__[name] += type(mutants.TALLY.__dict__[name])(count)


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
