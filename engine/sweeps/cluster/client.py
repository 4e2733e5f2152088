"""A Dask cluster, as the process of the sweep sees it.

A worker trains one trial at a time. The sweep's process asks each of them what has happened, ten
times a second, and copies the files of the run that have changed. A worker that is gone is as a
process that died: its trial resumes elsewhere, from the last checkpoint that came back.
"""

import asyncio
import logging
import math
import os
import queue
import re
import socket
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import engine
from engine.errors import ConfigError, EngineError, RunError, require_package
from engine.runs.results_csv import append_result
from engine.sweeps.children import Post, TrialProcess, signals_held_back
from engine.sweeps.cluster import worker
from engine.sweeps.cluster.mirror import Mirror
from engine.sweeps.plan import Trial

PACKAGE = "distributed"

LOCAL = "local"
"""The address that stands for workers on this machine."""

_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")

PATIENCE = 5.0
"""Seconds in which a scheduler has to answer."""

_EVERY = 0.1
"""Seconds between two questions to a worker."""


def check_installed() -> None:
    """Check that Dask's distributed scheduler is there.

    Raises:
        MissingPackageError: it is not; the message says how to install it.
    """
    require_package(PACKAGE, "cluster", "--dask needs")


@contextmanager
def connected(address: str, workers: int, warn: Callable[[str], None]) -> Iterator["Cluster"]:
    """Connect to a cluster.

    Args:
        address: of its scheduler, such as ``tcp://10.0.0.1:8786``; ``LOCAL`` starts workers here.
        workers: so many, then.
        warn: is told in a line of workers that cannot be used.

    Raises:
        ConfigError: that is no address, or there are no certificates for it.
        MissingPackageError: Dask is not installed.
        RunError: no scheduler answers, or none of its workers can be used.
    """
    check_installed()
    from distributed import Client

    with ExitStack() as stack:
        stack.enter_context(_quiet())
        try:
            if address == LOCAL:
                where = stack.enter_context(_workers_here(workers))
            else:
                where = address
                _check_address(address)
            client = stack.enter_context(Client(where, timeout=PATIENCE, set_as_default=False))
        except (OSError, RuntimeError) as error:  # the latter from workers that do not start
            raise RunError(
                f"--dask {address}: no Dask scheduler answers ({_first_line(error)}); start one "
                "with dask scheduler, and give the address that it prints"
            ) from None
        cluster = Cluster(client, address, warn)
        if not cluster.can_start() and cluster.refused:
            raise RunError(f"no worker of {address} can be used: {next(iter(cluster.refused))}")
        yield cluster


@contextmanager
def _quiet() -> Iterator[None]:
    """Have Dask say nothing: what goes wrong is said here, and it would say it again at length.

    Its loggers stay quiet, as its threads end some time after the connection was closed.
    """
    for name in list(logging.root.manager.loggerDict):  # each of them has a level of its own
        if name.partition(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_address(address: str) -> None:
    """Check that something answers at an address, which takes Dask long to find out.

    Raises:
        ConfigError: that is no address, or there are no certificates for it.
        OSError: nothing answers.
    """
    from distributed import Security

    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise ConfigError(
            f"--dask {address}: expected {LOCAL}, or the address of a Dask scheduler, such as "
            "tcp://10.0.0.1:8786"
        )
    if found[1] == "tls" and Security().get_connection_args("client")["ssl_context"] is None:
        raise ConfigError(
            f"--dask {address}: there are no certificates; name them in "
            "DASK_DISTRIBUTED__COMM__TLS__CA_FILE, ...__TLS__CLIENT__CERT and ...__CLIENT__KEY"
        )
    # Dask keeps trying where nothing listens, and waits for ever for a server of another kind.
    socket.create_connection((found[2].strip("[]"), int(found[3])), PATIENCE).close()
    try:
        asyncio.run(asyncio.wait_for(_ask(address), PATIENCE))
    except TimeoutError:
        raise OSError(f"what listens there is silent for {PATIENCE:.0f} s") from None


async def _ask(address: str) -> None:
    """Have a scheduler say what it is."""
    from distributed import Security
    from distributed.core import connect

    comm = await connect(address, timeout=PATIENCE, **Security().get_connection_args("client"))
    await comm.write({"op": "identity", "reply": True})
    await comm.read()
    await comm.close()


@contextmanager
def _workers_here(count: int) -> Iterator[Any]:
    """Workers on this machine, which listen to this machine alone."""
    import dask
    from distributed import LocalCluster

    options = {
        "distributed.nanny.pre-spawn-environ": {"DASK_LOGGING__DISTRIBUTED": "critical"},
        "distributed.comm.timeouts.connect": PATIENCE,
    }
    resource_tracker.ensure_running()  # or it would start below, and let the signals through
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(options))
        with signals_held_back():  # a Ctrl-C is meant for the sweep, which has them save and end
            cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
                local_directory=tempfile.gettempdir(),  # Dask clears up there after killed workers
                memory_limit=0,
            )
        yield stack.enter_context(cluster)


class Cluster:
    """Starts the processes of a sweep on the workers of a cluster.

    Args:
        client: connected to its scheduler.
        address: for messages.
        warn: is told of workers that cannot be used, once for each reason.

    Attributes:
        refused: the reasons for which workers cannot be used.
    """

    def __init__(self, client: Any, address: str, warn: Callable[[str], None]) -> None:
        self._client, self._address, self._warn = client, address, warn
        self._known: dict[str, bool] = {}
        self._busy: set[str] = set()
        self._asking = threading.Lock()
        self._count: dict[str, int] = {}
        self._asked = -math.inf
        self._lost: float | None = None
        self._waits = False
        self.refused: dict[str, None] = {}

    def can_start(self) -> bool:
        """Whether a worker is free."""
        free = bool(self._free())
        if not free and not self._busy and not self._waits:
            self._waits = True
            self._warn(f"{self._address} has no worker that can be used; waiting for one")
        return free

    def start(self, post: Post) -> TrialProcess:
        free = self._free()
        if not free:
            raise OSError("no worker is free")
        address, cores = next(iter(free.items()))
        self._busy.add(address)
        return RemoteChild(self, address, cores, post)

    def call(self, address: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of ``engine.sweeps.cluster.worker`` on a worker.

        Raises:
            Exception: of any kind; the worker is gone, or the function failed.
        """
        if address not in self._threads():  # the scheduler would try for half a minute
            raise OSError("the scheduler has it no more")
        return self._client.run(function, *arguments, workers=[address])[address]

    def release(self, address: str) -> None:
        """A worker trains nothing any more; it may be gone, so they are asked for anew."""
        with self._asking:
            self._asked = -math.inf
        self._busy.discard(address)

    def _free(self) -> dict[str, int]:
        """The workers that can be used and train nothing, with the threads that each has.

        Raises:
            RunError: the scheduler is gone.
        """
        try:
            if self._client.status != "running":
                raise OSError("the connection is lost")
            threads = self._threads()
            new = [address for address in threads if address not in self._known]
            if new:
                self._check_versions(new)
        except Exception as error:  # of many kinds, and all mean this one
            now = time.monotonic()
            self._lost = self._lost or now
            if now - self._lost < PATIENCE and self._client.status != "closed":
                return {}
            raise RunError(
                f"the Dask scheduler at {self._address} is gone ({_first_line(error)})"
            ) from None
        self._lost = None
        return {
            address: count
            for address, count in threads.items()
            if self._known.get(address) and address not in self._busy
        }

    def _threads(self) -> dict[str, int]:
        """The threads of each worker by its address, as they were a moment ago."""
        with self._asking:
            now = time.monotonic()
            if now - self._asked > _EVERY:
                self._count, self._asked = self._client.nthreads(), now
            return self._count

    def _check_versions(self, new: list[str]) -> None:
        found = self._client.run(worker.versions, workers=new, on_error="return")
        for address, versions in found.items():
            if isinstance(versions, OSError):  # it is just being started, or gone: asked again
                continue
            problem = difference(versions)
            self._known[address] = problem is None
            if problem is not None and problem not in self.refused:
                self.refused[problem] = None
                self._warn(f"worker {address} is not used: {problem}")


def difference(versions: Mapping[str, str] | Exception) -> str | None:
    """How a worker differs from this process, in a line; None if its trials have the same bits.

    Args:
        versions: of the worker, as ``worker.versions`` gives them, or why it could not.
    """
    if isinstance(versions, ModuleNotFoundError):
        return f"it has no cnn-tui, or another one than {engine.__version__} ({versions})"
    if isinstance(versions, Exception):
        return f"it does not tell its versions ({_first_line(versions)})"
    for name, ours in worker.versions().items():
        theirs = versions.get(name, "")
        if theirs != ours:
            return f"it has {name} {theirs}, and here it is {ours}; install the same one"
    return None


class RemoteChild:
    """A process on a worker that trains one trial after the other.

    Args:
        cluster: of the worker.
        address: of the worker.
        cores: that it may use.
        post: gets its answers, in a thread of its own.
    """

    def __init__(self, cluster: Cluster, address: str, cores: int, post: Post) -> None:
        self.trial: Trial | None = None
        self.ready = False
        self.cores: int | None = cores
        self._cluster, self._address, self._post = cluster, address, post
        self._todo: queue.SimpleQueue[Callable[[str], None]] = queue.SimpleQueue()
        self._mirror: Mirror | None = None
        self._left = False
        self._given = threading.Event()
        self._ending = "ended"
        threading.Thread(target=self._serve, daemon=True).start()

    def give(self, trial: Trial, order: Mapping[str, Any]) -> None:
        self.trial = trial
        self._given.set()
        self._todo.put(lambda key: self._begin(key, trial, {"trial": trial.index, **order}))

    def answer(self, prune: bool) -> None:
        self._todo.put(lambda key: self._call(worker.send, key, {"prune": prune}))

    def leave(self) -> None:
        if not self._left:
            self._left = True
            self._given.set()
            self._todo.put(lambda key: self._call(worker.leave, key))

    @property
    def idle(self) -> bool:
        return self.trial is None and not self._left

    @property
    def ending(self) -> str:
        return self._ending

    def _serve(self) -> None:
        """Do what is to be done, and ask for news, until the process has ended."""
        try:
            self._given.wait()
            is_portable = self.trial is not None and self.trial.config.train.portable
            key = self._call(worker.start, os.getcwd(), is_portable)
            while self._once(key):
                pass
        except EngineError as error:  # of the copy that is kept here
            self._ending = str(error)
            with suppress(Exception):
                self._call(worker.leave, key)
        except Exception as error:
            self._ending = f"on worker {self._address} is gone ({_first_line(error)})"
        finally:
            self._release()
            self._cluster.release(self._address)
            self._post(self, None)

    def _once(self, key: str) -> bool:
        with suppress(queue.Empty):
            self._todo.get(timeout=_EVERY)(key)
        news: worker.News = self._call(worker.news, key)
        if news.parcel is not None and self._mirror is not None:
            self._mirror.keep(news.parcel)
        if news.result is not None and self.trial is not None:
            with suppress(EngineError):
                append_result(self.trial.config.reports_dir, news.result)
        for message in news.messages:
            if message["event"] in worker.LAST:
                self._release()
            self._post(self, message)
        if news.ending is not None:
            self._ending = news.ending
        return news.ending is None

    def _begin(self, key: str, trial: Trial, order: dict[str, Any]) -> None:
        self._mirror = Mirror(trial)
        run = order["resume"]
        parcel = None if run is None else self._mirror.send(Path(run))
        self._call(worker.give, key, order, parcel)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self._cluster.call(self._address, function, *arguments)

    def _release(self) -> None:
        if self._mirror is not None:
            self._mirror.release()
            self._mirror = None


def _first_line(error: Exception) -> str:
    """What an error says, without Dask's description of the connection before it."""
    text = next(iter(str(error).splitlines()), "") or type(error).__name__
    return text.rpartition(">: ")[2]
