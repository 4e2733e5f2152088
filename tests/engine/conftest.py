"""The option for the whole grid, and one thread for BLAS."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


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
