"""Training on several ranks: what they compare before they begin, and what all but rank 0 do."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from engine.config import Config, config_hash, dump, loads
from engine.data import describe, described
from engine.errors import ConfigError, DataError, EngineError, ExitCode, RunError
from engine.parallel.mpi import Connection
from engine.parallel.ranks import Follower, Leader
from engine.parallel.workers import Workers
from engine.runs.environment import environment
from engine.runs.record import DATA_SET
from engine.train import factory
from engine.train.factory import Sources
from engine.train.trainer import make_trainer
from engine.train.worker_program import WorkerProgram


@dataclass(frozen=True)
class Answer:
    """What a rank says of itself.

    Attributes:
        facts: what has to be the same on all ranks, by name.
        problem: why it cannot take part, in a line; empty if it can.
        exit_code: of the problem.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    exit_code: int = ExitCode.FAILED


def facts_of(config: Config | None) -> dict[str, str]:
    """What the bits of a training depend on; without the config where it is not known."""
    found = environment()
    names = ("library", "version", "architecture")
    facts = {
        "cnn-tui": found["engine"],
        "its code": found["source"],
        "Python": ".".join(found["python"].split(".")[:2]),
        "NumPy": found["numpy"],
        "BLAS": ", ".join(
            " ".join(str(blas[name]) for name in names if blas[name]) for blas in found["blas"]
        ),
        "NumPy's loops": " ".join(found["simd"]),
    }
    return facts if config is None else facts | {"the config": config_hash(config)}


def compare(leader: Leader | None, config: Config) -> None:
    """See that all ranks compute the same training with the same bits; nothing without others.

    Raises:
        EngineError: one cannot take part, or differs; the message names it, and in what.
    """
    if leader is None:
        return
    own = Answer(facts_of(config))
    _check(leader, leader.ask("compare", None, lambda: own))


def prepare(
    leader: Leader | None, config: Config, sources: Sources, program: WorkerProgram
) -> None:
    """Have other ranks, if there are any, load the data, as rank 0 has, and make what orders need.

    Raises:
        EngineError: one cannot, or has other samples.
    """
    if leader is None:
        return
    _register(program, sources)
    own = Answer(_data_facts(sources))

    def answer() -> Answer:
        leader.connection.in_turn(lambda: None)  # this rank was the first on its machine
        return own

    content = dump(config), describe(config.dataset_info)
    _check(leader, leader.ask("prepare", content, answer))


def follow(connection: Connection, config: Config | None, problem: EngineError | None) -> int:
    """Take part in a training as another rank than 0, until rank 0 ends.

    Args:
        connection: to the other ranks.
        config: what this rank was started to train; None where only rank 0 can know.
        problem: why there is no config.

    Returns:
        The exit code of rank 0.
    """
    with ExitStack() as stack:

        def compare_here(_: None) -> Answer:
            if problem is not None:
                return Answer(problem=str(problem), exit_code=problem.exit_code)
            return Answer(facts_of(config))

        def prepare_here(content: tuple[str, Any]) -> Answer:
            text, data_set = content
            try:
                known = None if data_set is None else described(data_set, DATA_SET)
                config = loads(text, "the config of rank 0", known=known)
                dataset = connection.in_turn(lambda: factory.load_dataset(config))
                sources = factory.make_sources(config, dataset)
            except EngineError as error:
                return Answer(problem=str(error), exit_code=error.exit_code)
            count = config.train.workers
            workers = stack.enter_context(Workers(count, connection=connection))
            # The weights come with the first order.
            program = make_trainer(config, sources, workers, resumed=True).program
            _register(program, sources)
            follower.program, follower.threads = program, workers.threads
            return Answer(_data_facts(sources))

        answers: dict[str, Callable[[Any], Any]] = {
            "compare": compare_here,
            "prepare": prepare_here,
        }
        follower = Follower(connection, answers)
        return follower.serve()


def _register(program: WorkerProgram, sources: Sources) -> None:
    """Number the batches in one order on all ranks, as orders name them by their numbers."""
    views = [batches for batches, _ in sources.views]
    for batches in (sources.train, sources.validation, sources.test, *views):
        program.source(batches)


def _data_facts(sources: Sources) -> dict[str, str]:
    return {f"the {name} samples": digest for name, digest in sources.digests.items()}


def _check(leader: Leader, answers: list[Answer]) -> None:
    """Raise for the first rank that cannot take part, or differs from rank 0."""
    own = answers[0]
    for rank, answer in enumerate(answers):
        name = leader.connection.name(rank)
        if answer.problem:
            raise _error(f"{name}: {answer.problem}", answer.exit_code)
        for what in own.facts.keys() & answer.facts.keys():
            here, there = own.facts[what], answer.facts[what]
            if here != there:
                raise ConfigError(
                    f"{name} differs from {leader.connection.name(0)} in {what}: "
                    f"{_short(there)}, not {_short(here)}; all ranks need the same"
                )


def _short(text: str) -> str:
    """A hash by its beginning; other texts as they are."""
    return text[:12] if len(text) == 64 else text


def _error(message: str, exit_code: int) -> EngineError:
    kinds: dict[int, type[EngineError]] = {
        ExitCode.BAD_INPUT: ConfigError,
        ExitCode.BAD_FILE: DataError,
    }
    return kinds.get(exit_code, RunError)(message)
