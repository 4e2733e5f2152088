"""What is left to train: an unfinished run, or the seeds of a group that are not done."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine import paths
from engine.config import Config, config_hash, loads
from engine.errors import CheckpointError, ConfigError, EngineError, RunError
from engine.runs import locations
from engine.runs.directory import CONFIG, RunDir
from engine.runs.groups import Place, RunGroup, groups_in, new_id
from engine.runs.listing import UNFINISHED, RunInfo, list_runs, list_unfinished
from engine.runs.record import MOST_RUNS, described_in
from engine.train import factory

_LAST_SEED = 2**32 - 1
_DEFAULT_ROOT = Path("runs")


def resume_command(run: Path) -> str:
    """The command line that resumes a run."""
    return f"cnn-tui resume {paths.quote(str(run))}"


def find_unfinished(config: Config) -> RunInfo | None:
    """The newest unfinished run of exactly this config; None if there is none."""
    return next((info for info in list_unfinished(config.runs_dir) if _is_of(info, config)), None)


def _is_of(info: RunInfo, config: Config) -> bool:
    """Whether a run has this config, apart from values that never change the result."""
    if (info.name, info.record.get("config_hash")) != (config.name, config_hash(config)):
        return False
    try:
        own = factory.config_of(info.path)
    except EngineError:
        return False
    # A checkpoint holds the state of its callbacks, in their order: also of those that only write.
    return [type(item) for item in own.callbacks] == [type(item) for item in config.callbacks]


# -- groups ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """A run of a group that is to be trained.

    Attributes:
        place: its place in the group.
        config: with its own seed.
        resume: the directory of a run that was begun; None to begin one.
    """

    place: Place
    config: Config
    resume: Path | None = None


@dataclass(frozen=True)
class GroupPlan:
    """What a group consists of, and what of it is left to train.

    Attributes:
        id: the group's.
        size: how many seeds it has.
        first_seed: the seed of its first run; each next one is larger by 1.
        root: the folder of its runs.
        done: runs that are finished, or that diverged and would diverge again.
        left: the others, in the order of their seeds.
    """

    id: str
    size: int
    first_seed: int
    root: Path
    done: tuple[RunInfo, ...]
    left: tuple[Part, ...]

    @property
    def seeds(self) -> range:
        """All its seeds."""
        return range(self.first_seed, self.first_seed + self.size)

    @property
    def command(self) -> str:
        """The command line that trains what is left of it."""
        where = "" if self.root == _DEFAULT_ROOT else f" --runs-dir {paths.quote(str(self.root))}"
        return f"cnn-tui resume {self.id}{where}"


def plan_seeds(config: Config, count: int) -> GroupPlan:
    """Plan a new group: the config with its own seed and the next ones.

    Raises:
        ConfigError: there are too many, or a seed would be too large.
    """
    if not 2 <= count <= MOST_RUNS:
        raise ConfigError(f"{count} seeds: expected 2 to {MOST_RUNS:,}")
    last = config.seed + count - 1
    if last > _LAST_SEED:
        raise ConfigError(
            f"seed {config.seed} and {count} seeds: the last would be {last:,}, expected at most "
            f"{_LAST_SEED:,}; begin with a smaller seed"
        )
    group = new_id()
    left = tuple(
        Part(Place(group, index, count), _seeded(config, config.seed + index - 1))
        for index in range(1, count + 1)
    )
    return GroupPlan(group, count, config.seed, config.runs_dir, (), left)


def plan_rest(
    group: RunGroup, *, root: Path | None = None, allow_outside: bool = False
) -> GroupPlan:
    """Plan what is left of a group: unfinished runs are resumed, missing ones begun.

    A run that was cut off before its first checkpoint is begun anew, beside what is left of it.

    Args:
        group: the group.
        root: its folder, as the user named it; None for the absolute path.
        allow_outside: see ``locations.resolve``.

    Raises:
        CheckpointError: a run of it cannot be read, or is being trained.
        ConfigError: its config is wrong.
    """
    parts = group.parts
    running = next((info for info in parts.values() if info.status == "running"), None)
    if running is not None:
        raise CheckpointError(f"{running.path}: another process is training it; stop it first")
    settled: list[Part] = []
    template = _template(group, allow_outside=allow_outside)
    for index in range(1, group.size + 1):
        info, place = parts.get(index), Place(group.id, index, group.size)
        if info is not None and info.status in ("finished", "diverged"):
            continue
        if info is not None and _can_resume(info):
            config = factory.config_of(info.path, allow_outside=allow_outside)
            settled.append(Part(place, config, info.path))
        else:
            settled.append(Part(place, _seeded(template, template.seed + index - 1)))
    done = tuple(info for info in parts.values() if info.status in ("finished", "diverged"))
    return GroupPlan(
        group.id, group.size, template.seed, root or group.path.parent, done, tuple(settled)
    )


def find_unfinished_group(config: Config, count: int) -> GroupPlan | None:
    """Plan the rest of the newest unfinished group of this config and number of seeds, if any.

    Raises:
        RunError: the folder of the runs cannot be read.
    """
    for group in groups_in(list_runs(config.runs_dir)):
        if (group.name, group.size) != (config.name, count) or group.is_complete:
            continue
        with suppress(EngineError):  # it is being trained, or cannot be read
            index, info = next(iter(group.parts.items()))
            if _is_of(info, _seeded(config, config.seed + index - 1)):
                return plan_rest(group, root=config.runs_dir)
    return None


def _can_resume(info: RunInfo) -> bool:
    try:
        return info.status in UNFINISHED and bool(RunDir.view(info.path).store.steps())
    except EngineError:
        return False


def _seeded(config: Config, seed: int) -> Config:
    return config.model_copy(update={"seed": seed})


def _template(group: RunGroup, *, allow_outside: bool) -> Config:
    """The config of the group's first seed, for runs beside those that there are.

    Where the group was started in the working folder, it is the config as it was written, so that
    a run that is begun later has the same one as if it had been begun then.
    """
    index, info = next(iter(group.parts.items()))
    config = factory.config_of(info.path, allow_outside=allow_outside)
    try:
        view = RunDir.view(info.path)
        recorded = loads(
            view.read_config(), str(info.path / CONFIG), known=described_in(info.record)
        )
        folder = locations.folder_of(recorded, view.path, info.record)
    except RunError as error:
        raise CheckpointError(str(error)) from None
    if locations.is_own(view.path, info.record) and folder == paths.absolute(Path()):
        config = recorded
    if config.seed < index - 1:
        raise CheckpointError(
            f"{info.path}: damaged: run {index} of a group cannot have the seed {config.seed}"
        )
    if paths.absolute(config.runs_dir) != view.path.parent:
        config = config.model_copy(update={"runs_dir": view.path.parent})
    return _seeded(config, config.seed - index + 1)
