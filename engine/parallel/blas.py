"""One thread for BLAS while our own workers compute."""

import threading
from typing import Any

from threadpoolctl import ThreadpoolController


class SingleThreadedBlas:
    """A limit of one BLAS thread from the first ``acquire`` to the last ``release``.

    The limit holds for the whole process: if every user set and restored it, one that ends would
    lift it for another that still computes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._limit: Any = None

    def acquire(self) -> None:
        with self._lock:
            if self._users == 0:
                self._limit = ThreadpoolController().limit(limits=1, user_api="blas")
            self._users += 1

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._limit.restore_original_limits()


BLAS = SingleThreadedBlas()
