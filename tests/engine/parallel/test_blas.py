"""BLAS is held to one thread as long as any workers are open, whoever closes first."""

import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from engine.parallel.workers import Workers


def blas_threads() -> set[int]:
    libraries = ThreadpoolController().select(user_api="blas").info()
    return {library["num_threads"] for library in libraries}


@pytest.mark.parametrize("first_closes_first", [True, False])
def test_two_at_once(first_closes_first: bool) -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        one, two = Workers(1), Workers(1)
        assert blas_threads() == {1}
        early, late = (one, two) if first_closes_first else (two, one)
        early.close()
        early.close()  # a second time changes nothing
        assert blas_threads() == {1}
        late.close()
        assert blas_threads() == before
