"""Locations that a run reads and writes, wherever it is resumed.

Relative paths of a run's config are relative to the folder in which the run was started, which its
record names. But a run may come from another user: its config could name any file of ours. So the
record's word counts only for a run that is as it was left here; all that another run writes stays
inside of it.
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine import data, path_templates
from engine.config import Config
from engine.data.dataset import default_root
from engine.errors import RunError
from engine.runs.directory import CONFIG, RECORD

KEY = "origin"
"""Where it stands in ``run.json``."""

FILES = "files"
"""The folder in a run for what its config wants to write elsewhere, and may not."""


def origin(run: Path, config: Config, folder: Path | None = None) -> dict[str, str]:
    """Record of the place where a run is started, made once its config is written.

    Args:
        run: its directory.
        config: its config.
        folder: what its paths are relative to; the working folder by default.
    """
    return {
        "folder": str(folder or os.getcwd()),
        "data_root": os.path.abspath(config.data.root or default_root()),
        # As text: numbers of JSON are exact up to 2^53.
        "config_ctime_ns": str(os.lstat(run / CONFIG).st_ctime_ns),
    }


def is_own(run: Path, record: Mapping[str, Any]) -> bool:
    """Whether this user started a run here, and its config is as it was then.

    No copy, archive or edit keeps the time at which a file's status changed, and no call can set
    it: it tells a config that was written here from one that came from elsewhere.
    """
    if record.get(KEY) is None:
        return False
    try:
        files = [os.lstat(run / CONFIG), os.lstat(run / RECORD)]
    except OSError:
        return False
    user = os.geteuid() if hasattr(os, "geteuid") else None
    ours = all(stat.S_ISREG(file.st_mode) and user in (None, file.st_uid) for file in files)
    return ours and str(files[0].st_ctime_ns) == record[KEY]["config_ctime_ns"]


def resolve(
    config: Config,
    run: Path,
    record: Mapping[str, Any],
    *,
    recorded: Config | None = None,
    allow_outside: bool = False,
) -> Config:
    """Resolve a run's config: absolute paths for all that is read and written.

    Args:
        config: what it is used as.
        run: the run directory, absolute.
        record: what its ``run.json`` holds; empty if it cannot be read.
        recorded: the config that stands in the run, where ``config`` is another one. Paths that
            differ were typed by the user, here and now, and are relative to the working folder.
        allow_outside: let a run that is not our own write outside of its directory.

    Raises:
        RunError: it may not write outside of its directory, and there are links that lead there.
    """
    recorded = recorded or config
    own = is_own(run, record)
    here, base = _working_folder(), folder_of(recorded, run, record)
    inside = not own and not allow_outside
    if inside:
        _refuse_links(run / FILES)
    not_typed = set(_outputs(recorded))

    def place(path: Path) -> tuple[Path, Path]:
        """The folder, and the path below it; an absolute one needs no folder."""
        if path not in not_typed:
            return here, path
        return (run / FILES, _below(path)) if inside else (base, path)

    root = config.data.root
    if root == recorded.data.root:
        root = _find_data(config, base, record.get(KEY), own)
    elif root is not None:
        root = here / root
    data_section = config.data.model_copy(update={"root": root})
    return _with_outputs(config, place).model_copy(update={"data": data_section})


def folder_of(recorded: Config, run: Path, record: Mapping[str, Any]) -> Path:
    """Base folder of the relative paths in a run's config.

    It is the one in which the run was started. If that is gone, it may have been renamed, with the
    run in it; otherwise the working folder takes its place.
    """
    origin = record.get(KEY)
    if origin is None:
        return _working_folder()
    if os.path.isdir(origin["folder"]):
        return Path(origin["folder"])
    tail = (recorded.runs_dir / run.name).parts
    if recorded.runs_dir.is_absolute() or run.parts[-len(tail) :] != tail:
        return _working_folder()
    return Path(*run.parts[: -len(tail)])


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:  # it was removed: a run that knows its places does without
        return Path()


def writes_inside(config: Config, run: Path) -> bool:
    """Whether ``resolve`` redirected the files that a config writes into the run."""
    return any(
        path.is_relative_to(folder)
        for path in _outputs(config)
        for folder in (run / FILES, path_templates.below(run / FILES, Path()))
    )


def _outputs(config: Config) -> Iterator[Path]:
    yield config.reports_dir
    for item in config.callbacks:
        yield from (options.output for _, options in item if options.output is not None)


def _with_outputs(config: Config, place: Callable[[Path], tuple[Path, Path]]) -> Config:
    callbacks = []
    for item in config.callbacks:
        for name, options in item:
            if options.output is not None:
                placed = options.with_output(*place(options.output))
                item = item.model_copy(update={name: placed})
        callbacks.append(item)
    folder, path = place(config.reports_dir)
    settled = {"reports_dir": folder / path, "callbacks": tuple(callbacks)}
    return config.model_copy(update=settled)


def _below(path: Path) -> Path:
    """Make a path that stays below its folder: ``/a/../b`` becomes ``a/b``."""
    return Path(*(part for part in path.parts if part not in (path.anchor, os.pardir)))


def _refuse_links(folder: Path) -> None:
    if folder.is_symlink():
        raise RunError(f"{folder}: it is a symbolic link; remove it")
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if os.path.islink(os.path.join(parent, name)):
                raise RunError(f"{Path(parent, name)}: it is a symbolic link; remove it")


def _find_data(
    config: Config, base: Path, origin: Mapping[str, Any] | None, own: bool
) -> Path | None:
    """Find the folder of the data sets: the recorded one, one with the data, or the default."""
    roots = [] if config.data.root is None else [base / config.data.root]
    if origin is not None:
        recorded = Path(origin["data_root"])
        with suppress(ValueError):  # it is not below the folder, which may have been renamed
            roots.insert(0, base / recorded.relative_to(origin["folder"]))
        roots.insert(0, recorded)
    for root in roots:
        if data.locate(config.dataset, root) is not None:
            return root
    if not own or data.locate(config.dataset) is not None:
        return None
    return next((root for root in roots if os.path.isdir(root)), roots[-1] if roots else None)
