"""Find the run that a name or a path means, and the runs of a group."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from engine.errors import CheckpointError, ConfigError, EngineError, RunError
from engine.paths import kind_at, parse
from engine.runs.directory import RECORD, check_path
from engine.runs.groups import RunGroup, groups_in
from engine.runs.listing import RunInfo, list_runs
from engine.suggest import suggestion

_DATE, _HEX = len("20260102-030405-"), len("-0abc")
"""Characters of a run's id before and after the name of its config."""

_LISTED = 6
"""Runs that the message about an ambiguous name lists."""


def runs_in(root: Path) -> list[RunInfo]:
    """All runs in a folder, newest first.

    Raises:
        CheckpointError: the folder cannot be read.
    """
    try:
        return list_runs(root)
    except RunError as error:
        raise CheckpointError(str(error)) from None


def named(runs: Sequence[RunInfo], name: str) -> list[RunInfo]:
    """The runs whose config has exactly that name, as their ids say."""
    return [info for info in runs if info.id[_DATE:-_HEX] == name]


def find_run(root: Path, name: str, *, newest: bool = False) -> RunInfo:
    """The run that a name means, in every command that takes one.

    Args:
        root: the folder of the runs.
        name: a run's id, the name of its config, or a part of either; or a path of the run, or of
            a file in it.
        newest: of several runs of one config take the newest.

    Raises:
        CheckpointError: there is none, or it cannot be read.
        ConfigError: there are several, or it is a group; the message lists them.
    """
    path = run_at(name)
    if path is not None:
        root, name = path.parent, path.name
    runs = runs_in(root)
    matches = (
        [info for info in runs if info.id == name]
        or named(runs, name)[: 1 if newest else None]
        or [info for info in runs if name and name in info.id]
    )
    if not matches:
        if path is None and _holds_a_record(name):
            raise CheckpointError(
                f"{name}: it holds a run, but is not named like one; rename the folder to "
                "<date>-<time>-<name>-<4 hex digits>"
            )
        group = next((one for one in groups_in(runs) if one.id == name), None)
        if group is not None:
            listed = ", ".join(info.id for info in group.parts.values())
            raise ConfigError(
                f"{name} is a group of {len(group.parts)} runs, expected one run: {listed}"
            )
        known = [part for info in runs for part in (info.id, info.record.get("name", ""))]
        raise CheckpointError(
            f"{root}: no run {name!r}.{suggestion(name, known)} 'cnn-tui runs list' lists all runs"
        )
    if len(matches) > 1:
        listed = ", ".join(info.id for info in matches[:_LISTED])
        more = f" and {len(matches) - _LISTED} more" if len(matches) > _LISTED else ""
        raise ConfigError(
            f"{name!r} is in the names of {len(matches)} runs: {listed}{more}; "
            "give more of the name"
        )
    found = matches[0]
    kind_at(found.path / RECORD, CheckpointError)
    return found


def find_group(root: Path, name: str) -> RunGroup | None:
    """The group of runs that has this id; None if there is none.

    Raises:
        CheckpointError: the folder cannot be read.
    """
    return next((group for group in groups_in(runs_in(root)) if group.id == name), None)


def find_runs(root: Path, names: Sequence[str]) -> list[RunInfo]:
    """The runs that some names mean, each once; the id of a group means all its runs.

    Raises:
        CheckpointError, ConfigError: as ``find_run``.
    """
    found: dict[Path, RunInfo] = {}
    for name in names:
        group = find_group(root, name)
        runs = [find_run(root, name)] if group is None else group.parts.values()
        found |= {info.path: info for info in runs}
    return list(found.values())


def run_at(name: str) -> Path | None:
    """The run directory at a path, or around the file at the path; None if there is none."""
    with suppress(EngineError, OSError):
        path = parse(name)
        path = Path(os.path.realpath(path) if path.is_symlink() else os.path.abspath(path))
        if kind_at(path) in ("file", "folder"):
            for folder in (path, *path.parents[:2]):
                with suppress(EngineError):
                    return check_path(folder)
    return None


def _holds_a_record(name: str) -> bool:
    with suppress(EngineError):
        return kind_at(parse(name) / RECORD) == "file"
    return False
