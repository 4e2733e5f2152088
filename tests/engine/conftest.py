"""The option for the whole grid, one thread for BLAS, and every kernel at any size."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits

from tests.support import conformance


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full-grid",
        action="store_true",
        help="check the gradients of every combination of convolution and pooling arguments",
    )


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """The arrays are small: more threads only wait for each other."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


@pytest.fixture(scope="module", name="every_kernel")
def fixture_every_kernel() -> Iterator[None]:
    """Rows that are small enough for finite differences also take the fast convolution."""
    with conformance.every_kernel():
        yield
