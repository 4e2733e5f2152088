"""Loading of a config from a file or text: a checked config, or all of its problems."""

import copy
import os
import re
import stat
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, BinaryIO

from engine import paths
from engine.config import overrides as command_line
from engine.config.cross_checks import check, check_layers
from engine.config.errors import (
    ConfigProblems,
    Finding,
    KeyPath,
    Mark,
    Problem,
    shown,
    value_at,
)
from engine.config.schema import Config
from engine.config.validation import SCHEDULER, validate
from engine.config.yaml_reader import MAX_BYTES, Document, read
from engine.data import DATASETS, LISTED, DatasetInfo, find, meant, names
from engine.errors import ConfigError, DataError
from engine.sanitize import printable

_MARK = "\ufeff"
"""What some editors put before the text of a file in UTF-8: a byte order mark."""


FurtherCheck = Callable[[Config], Iterable[Finding]]
"""What is wrong with a config in spite of its values, as a file that it names is not there."""


def load(
    path: str | os.PathLike[str],
    overrides: Sequence[str] = (),
    *,
    further: FurtherCheck = lambda config: (),
) -> Config:
    """Read a config file.

    Args:
        path: a YAML file of at most 64 KB, in UTF-8.
        overrides: values on top of it, e.g. ``["train.lr=0.1"]``.
        further: a check of a config whose values are right; its findings are problems, too.

    Raises:
        ConfigProblems: everything that is wrong with the file and the overrides, all at once.
    """
    return loads(read_text(path), str(path), overrides, further=further)


def loads(
    text: str,
    source: str = "<text>",
    overrides: Sequence[str] = (),
    *,
    known: DatasetInfo | None = None,
    further: FurtherCheck = lambda config: (),
) -> Config:
    """Read a config from text.

    Args:
        text: YAML.
        source: what to call it in messages; the run's name is taken from it if there is none.
        overrides: values on top of it, e.g. ``["train.lr=0.1"]``.
        known: an imported data set that need not be found on this machine.
        further: as for ``load``.

    Raises:
        ConfigProblems: everything that is wrong with the text and the overrides, all at once.
    """
    document, root = read(text, printable(source, 200))
    if not isinstance(document.data, dict):
        problem = "the file is empty" if root is None else f"got {shown(document.data)}"
        problem = f"{problem}; expected keys with values, such as 'dataset: mnist_mini'"
        document.problems.append(Problem((), problem, document.mark(())))
        raise ConfigProblems(document.problems)
    command_line.apply(document, overrides)
    document.data.setdefault("name", _name(source))
    config, problems = _check(document, known)
    if config is not None and not problems:
        problems = list(map(document.problem, further(config)))
    if config is None or problems:
        raise ConfigProblems(problems)
    return config


def locate(text: str, path: KeyPath) -> tuple[int, int]:
    """Find line and column of a value in the text of a config, or of its nearest parent.

    Args:
        text: YAML that can be read.
        path: of the value.
    """
    document, _ = read(text, "")
    mark = document.mark(path)
    return mark.line, mark.column


def read_text(path: str | os.PathLike[str]) -> str:
    """Read the text of a config file.

    Raises:
        ConfigProblems: it is not there, is not a file, is too large, or is not text in UTF-8.
    """
    return read_raw(path).removeprefix(_MARK)


def read_raw(path: str | os.PathLike[str]) -> str:
    """Read the text of a config file unchanged, byte order mark included.

    Raises:
        ConfigProblems: as ``read_text``.
    """
    try:
        with open(path, "rb", opener=_open_now) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _about_file(path, "not a regular file; expected a YAML file")
            return _decoded(file, path)
    except IsADirectoryError:
        raise _about_file(path, "a folder; expected a YAML file") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        reason = error.strerror if isinstance(error, OSError) else None
        message = (reason or "not a path").lower()
        raise _about_file(path, f"cannot be read: {message}") from None


def read_stream(file: BinaryIO, path: str | os.PathLike[str]) -> str:
    """Read the text of a config from a pipe; messages call it ``path``.

    Raises:
        ConfigProblems: it is too large, or is not text in UTF-8.
        OSError: it cannot be read.
    """
    return _decoded(file, path).removeprefix(_MARK)


def _decoded(file: BinaryIO, path: str | os.PathLike[str]) -> str:
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        message = f"more than {MAX_BYTES // 1024} KB; a config is a small file"
        raise _about_file(path, message)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        raise _about_file(
            path,
            f"not text in UTF-8 (byte 0x{content[error.start]:02x} "
            f"in line {before.count(10) + 1}); expected a YAML file",
        ) from None


def _open_now(path: str, flags: int) -> int:
    # Without O_NONBLOCK, opening a named pipe waits for a writer.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _about_file(path: str | os.PathLike[str], message: str) -> ConfigProblems:
    return ConfigProblems([Problem((), message, Mark(0, 0, 0, printable(str(path), 200)))])


def _name(source: str) -> str:
    """Derive a run's name from a file name: ``my lenet.yaml`` gives ``my-lenet``."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(source).stem).strip(".-")
    return stem[:64] or "config"


def _check(document: Document, known: DatasetInfo | None) -> tuple[Config | None, list[Problem]]:
    config, findings = validate(document.data)
    info, unknown = _find_dataset(document.data, findings, known)
    findings += unknown
    spoilt = document.spoilt
    findings = [
        finding
        for finding in findings
        if not any(finding.path[: len(path)] == path for path in spoilt)
    ]
    wrong = {_repairable(finding.path) for finding in findings}
    wrong |= {_repairable(finding.meant) for finding in findings if finding.meant}
    wrong |= {_repairable(path) for path in spoilt}
    mended = config if not wrong else _mend(document.data, wrong)
    for one in (config, mended):
        if one is not None and info is not None:
            one.know(info)
    said = [*spoilt, *(finding.path for finding in findings)]
    findings += check_layers(document.data, said, info)
    if mended is not None:
        findings += check(mended, wrong)
    return config, [
        *document.problems,
        *map(document.problem, findings),
    ]


def _find_dataset(
    values: dict[str, Any], findings: Sequence[Finding], known: DatasetInfo | None
) -> tuple[DatasetInfo | None, list[Finding]]:
    """Find the data set that a config names, or say that there is none."""
    name, root = values.get("dataset"), value_at(values, ("data", "root"))
    if not isinstance(name, str) or any(finding.path == ("dataset",) for finding in findings):
        return None, []
    if known is not None and known.name == name and name not in DATASETS:
        return known, []
    try:
        folder = paths.parse(root) if isinstance(root, str) else None
    except ConfigError:  # the folder is no path, which is another finding
        return DATASETS.get(name), []
    try:
        info = find(name, folder)
        if info is not None:
            return info, []
        expected = names(folder)
    except DataError as error:
        return None, [Finding(("dataset",), str(error))]
    message = f"expected a data set, got {shown(name)}; {LISTED}{meant(name, expected)}"
    return None, [Finding(("dataset",), message)]


def _repairable(path: KeyPath) -> KeyPath:
    """Shorten a path to the part that can be removed without moving other values."""
    if path[:2] == SCHEDULER:
        return SCHEDULER
    return tuple(takewhile(lambda part: isinstance(part, str), path))


def _mend(data: dict[str, Any], wrong: set[KeyPath]) -> Config | None:
    """Replace wrong values by defaults, so that the rest can be checked."""
    mended = copy.deepcopy(data)
    for path in wrong:
        parent: Any = mended
        for part in path[:-1]:
            parent = parent.get(part, {}) if isinstance(parent, dict) else {}
        if isinstance(parent, dict) and path:
            parent.pop(path[-1], None)
    mended.setdefault("dataset", next(iter(DATASETS)))
    config, _ = validate(mended)
    return config
