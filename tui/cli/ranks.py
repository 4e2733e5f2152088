"""Training on the ranks of an MPI job: ``mpiexec -n 4 cnn-tui train CONFIG``.

Rank 0 runs the command as ever, and is the only one that writes; the others follow it.
"""

import argparse
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from engine.errors import EngineError, ExitCode
from engine.parallel.launcher import Launched, launched_ranks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from engine.config import Config
    from engine.parallel.ranks import Leader

TRAINING = ("train", "resume")
"""The commands that ranks carry out together."""


def run_on_ranks(
    launched: Launched, name: str, options: argparse.Namespace, command: Callable[[], int]
) -> int:
    """Run a command as one of several ranks; the exit code, on all of them that of rank 0.

    Args:
        launched: the place of this rank.
        name: of the command.
        options: parsed.
        command: runs it in this process.
    """
    from engine.parallel.mpi import check_installed

    if name not in TRAINING:
        return refuse(launched, f"'cnn-tui {name}'")
    try:
        check_installed()
        if launched.rank > 0:
            return _follow(name, options)
    except EngineError as error:
        return _complain(launched, str(error), error.exit_code)
    code: int = ExitCode.FAILED
    try:
        code = command()
    finally:
        try:
            _leader().dismiss(code)
        except EngineError as error:  # said already, if the command has come so far
            code = code or _complain(launched, str(error), error.exit_code)
    return code


def refuse(launched: Launched, what: str) -> int:
    """Say that several ranks do not carry something out together."""
    reason = f"{what} runs in one process; started as {launched.size} ranks, only training does"
    return _complain(launched, f"{reason}: mpiexec -n {launched.size} cnn-tui train CONFIG", 2)


def lead(config: "Config") -> "Leader | None":
    """This process as the leader of other ranks; None if it was started by itself.

    Args:
        config: to be trained.

    Raises:
        NotPortable: first this process has to be started anew, which it cannot be later.
        RunError: there is no MPI that works.
    """
    if launched_ranks() is None:
        return None
    from engine.train import factory

    factory.check_arithmetic(config)
    return _leader()


@cache
def _leader() -> "Leader":
    from engine.parallel.mpi import connect
    from engine.parallel.ranks import Leader

    return Leader(connect())


def _follow(name: str, options: argparse.Namespace) -> int:
    """Take part in what rank 0 trains."""
    from engine.parallel.mpi import connect
    from engine.portable import NotPortable
    from engine.train import factory, ranks
    from tui.cli.restart import restart

    config: Config | None = None
    problem: EngineError | None = None
    try:
        config = _config_here(name, options)
        if config is not None:
            factory.check_arithmetic(config)
    except NotPortable as error:
        restart(error.variables)
        problem = error
    except EngineError as error:
        problem = error
    return ranks.follow(connect(), config, problem)


def _config_here(name: str, options: argparse.Namespace) -> "Config | None":
    """The config that this rank was started with; None where only rank 0 may be able to read it.

    Raises:
        ConfigError: there is none, or it is wrong.
    """
    from engine.services.configs import is_pipe, open_config
    from engine.services.runs import find_run
    from engine.train import factory

    if name == "train":
        return None if is_pipe(options.config) else open_config(options.config, options.overrides)
    with suppress(EngineError):  # the run may be on the disk of rank 0's machine only
        run = find_run(options.runs_dir, options.run_name)
        return factory.config_of(run.path, options.overrides, allow_outside=options.allow_outside)
    return None


def _complain(launched: Launched, message: str, code: int) -> int:
    if launched.rank == 0:
        print(f"cnn-tui: {message}", file=sys.stderr)
    return code
