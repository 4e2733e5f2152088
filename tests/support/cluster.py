"""A cluster without Dask: its workers are threads of this process."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from engine.sweeps.cluster import client, worker
from engine.sweeps.cluster.client import Cluster
from tests.support.sweeps import ThreadChild


class FakeClient:
    """What is asked of Dask's ``Client``.

    Attributes:
        status: as Dask's.
        workers: those that are there, by address, and their threads.
        on_call: called with the address and the function of every call, before it.
        answer: changes what a worker returns, given its address and the function.
    """

    def __init__(self, folder: Path, *addresses: str) -> None:
        self._folder = folder
        self.status = "running"
        self.workers = dict.fromkeys(addresses, 1)
        self.on_call: Callable[[str, Any], None] = lambda address, function: None
        self.answer: Callable[[str, Any, Any], Any] = lambda address, function, value: value

    def nthreads(self) -> dict[str, int]:
        return dict(self.workers)

    def run(
        self, function: Any, *arguments: Any, workers: list[str], on_error: str = "raise"
    ) -> dict[str, Any]:
        found = {}
        for address in workers:
            self.on_call(address, function)
            if address not in self.workers:
                raise OSError("Timed out trying to connect")
            found[address] = self.answer(address, function, self._called(function, arguments))
        return found

    def _called(self, function: Any, arguments: Any) -> Any:
        if function is worker.versions:
            return function()
        more = {}
        if function is worker.start:
            local = type("Worker", (), {"local_directory": str(self._folder / "scratch")})
            more = {"dask_worker": local}
        return asyncio.run(function(*arguments, **more))


@contextmanager
def fake_cluster(folder: Path, *addresses: str) -> Iterator[tuple[FakeClient, Cluster, list[str]]]:
    """A cluster, its client, and what it warned of; every change of a run comes back at once."""
    warnings: list[str] = []
    fake = FakeClient(folder, *addresses)
    with (
        patch.object(worker, "ChildProcess", ThreadChild),
        patch.object(worker, "BETWEEN", 0.0),
        patch.object(client, "_EVERY", 0.002),
    ):
        yield fake, Cluster(fake, "tcp://fake:1", warnings.append), warnings
