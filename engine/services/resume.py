"""Resume a run: the one that a config left unfinished, and the command that resumes one."""

from pathlib import Path

from engine import paths
from engine.config import Config, config_hash
from engine.errors import EngineError
from engine.runs.listing import RunInfo, list_unfinished
from engine.train import factory


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
