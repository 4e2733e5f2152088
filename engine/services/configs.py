"""Find, read and summarise the config that an argument names."""

import os
import select
import stat
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from engine.config import Config, FurtherCheck, list_configs, loads, read_stream, read_text
from engine.config.yaml_reader import MAX_BYTES
from engine.data.imported import ImportedDataset, find_imported
from engine.errors import ConfigError
from engine.layers import Summary
from engine.models import build, freeze
from engine.paths import kind_at, parse, real_path
from engine.resources import shipped
from engine.services.starter import starter_config
from engine.suggest import suggestion

DEFAULT = "quickstart"
STDIN = "-"
"""The argument that means standard input."""
_PATIENCE = 3.0
"""Seconds to wait for a writer to open the other end of a pipe."""


def resolve(argument: str | None, others: Iterable[str] = ()) -> Path:
    """The path of a config, given as a file or as a name that ``config list`` shows.

    ``quickstart`` and ``configs/quickstart.yaml`` are found from any folder. A folder of that name,
    such as that of the images, hides no config.

    Args:
        argument: a path or a name; None for the default.
        others: other words that are valid in its place, suggested for a misspelt one.

    Raises:
        ConfigError: there is no such config.
    """
    path = parse(DEFAULT if argument is None else argument)
    kind = kind_at(path)
    if kind not in ("missing", "folder"):
        return path
    by_name = path.parent in (Path(), Path("configs"))
    listed = list_configs() if by_name else _beside(path)
    for one in reversed(listed) if by_name else ():  # the user's own before one that ships
        if path.name in (one.stem, one.name):
            return one
    if kind == "folder":
        return path
    names = [one.stem if by_name else str(one) for one in listed]
    word = path.name.removesuffix(path.suffix) if by_name else str(path)
    raise ConfigError(
        f"{path}: no such config.{suggestion(word, [*names, *others])} "
        "'cnn-tui config list' lists all configs"
    )


def _beside(path: Path) -> list[Path]:
    """The configs in the folder of a path."""
    with suppress(OSError):
        return sorted(path.parent.glob("*.y*ml"))
    return []


def open_config(
    argument: str | None,
    overrides: Sequence[str] = (),
    *,
    further: FurtherCheck = lambda config: (),
) -> Config:
    """Read a config, given as a file, a name, a pipe, or ``-`` for standard input.

    The name of an imported data set stands for a first config for it, where no config has it.

    Args:
        argument: which; None for the default.
        overrides: values on top of it.
        further: as for ``config.load``.

    Raises:
        ConfigError: there is none, or something is wrong with it.
    """
    text, source = config_text(argument)
    return loads(text, source, overrides, further=further)


def config_text(argument: str | None) -> tuple[str, str]:
    """The text of a config, given as to ``open_config``, and what messages call it.

    Raises:
        ConfigError: there is none, or it cannot be read.
    """
    if argument == STDIN:
        return _read_pipe(STDIN), "<stdin>"
    try:
        path = resolve(argument)
    except ConfigError as error:
        info = find_imported(argument) if argument else None
        if info is None:
            raise ConfigError(f"{error}, 'cnn-tui data list' all data sets") from None
        return _first_config(info)
    if argument and kind_at(path) == "folder":  # of the images that were imported, say
        info = find_imported(argument)
        if info is not None:
            return _first_config(info)
    if kind_at(path) == "other":
        return _read_pipe(path), "<pipe>"
    return read_text(path), str(path)


def is_pipe(argument: str | None) -> bool:
    """Whether a config is read from a pipe or a device, which can be done only once."""
    if argument is None:
        return False
    return argument == STDIN or kind_at(parse(argument)) == "other"


def _first_config(info: ImportedDataset) -> tuple[str, str]:
    return starter_config(info), f"{info.name}.yaml"


def is_read_only(path: Path) -> bool:
    """Whether a config is part of an installed package: it is copied, not changed."""
    packed = shipped("configs")
    return packed.parent.name == "_shipped" and real_path(path).is_relative_to(real_path(packed))


def network_summary(config: Config) -> Summary:
    """The layers, shapes and parameter counts of a config's network."""
    shape = config.dataset_info.image_shape
    return freeze(build(config.specs, shape), config.train.freeze).summary(shape)


def _read_pipe(source: str | Path) -> str:
    """The text from a pipe, a device or stdin; waits for its writer."""
    try:
        if source == STDIN and sys.stdin is None:
            raise ConfigError("standard input is closed; expected a config there")
        if source == STDIN:
            return read_stream(sys.stdin.buffer, "<stdin>")
        if stat.S_ISFIFO(os.stat(source).st_mode):
            return read_stream(BytesIO(_read_fifo(source)), source)
        with open(source, "rb") as file:
            return read_stream(file, source)
    except OSError as error:
        raise ConfigError(f"{source}: cannot be read: {error.strerror or error}") from None


def _read_fifo(path: str | Path) -> bytes:
    """The bytes from a named pipe, up to the limit; empty if no process writes to it."""
    content = b""
    deadline = time.monotonic() + _PATIENCE
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # or a pipe without a writer would hang
    try:
        while len(content) <= MAX_BYTES:
            try:
                piece = os.read(pipe, MAX_BYTES)
            except BlockingIOError:  # its writer has not written yet
                select.select([pipe], [], [])
                continue
            content += piece
            if not piece and (content or time.monotonic() > deadline):
                break
            if not piece:
                time.sleep(0.02)
    finally:
        os.close(pipe)
    return content
