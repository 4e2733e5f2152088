"""The configs: ``cnn-tui config list``, ``check``, ``show`` and ``schema``."""

import json
import os
import select
import stat
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from engine.commands.output import Output, table
from engine.config import (
    Config,
    ConfigProblems,
    advise,
    dump,
    json_schema,
    list_configs,
    load,
    loads,
    read_stream,
)
from engine.config.yaml_reader import MAX_BYTES
from engine.data import DATASETS
from engine.errors import ConfigError, EngineError
from engine.layers import Summary
from engine.models import build
from engine.paths import look_at, parse
from engine.suggest import suggestion
from engine.train import factory

DEFAULT = "quickstart"
STDIN = "-"
"""What means standard input in place of a file."""
_PATIENCE = 3.0
"""Seconds to wait for somebody to open the other end of a pipe."""


def resolve(argument: str | None, others: Iterable[str] = ()) -> Path:
    """The config that an argument means: a file, or a name that ``config list`` shows.

    ``quickstart`` and ``configs/quickstart.yaml`` are found from any folder.

    Args:
        argument: a path or a name; None for the default.
        others: what else could stand in its place, to be suggested for a misspelt one.

    Raises:
        ConfigError: there is no such config.
    """
    path = parse(DEFAULT if argument is None else argument)
    if look_at(path) != "missing":
        return path
    by_name = path.parent in (Path(), Path("configs"))
    listed = list_configs() if by_name else _beside(path)
    for one in reversed(listed) if by_name else ():  # one's own before one that ships
        if path.name in (one.stem, one.name):
            return one
    names = [one.stem if by_name else str(one) for one in listed]
    word = path.name.removesuffix(path.suffix) if by_name else str(path)
    raise ConfigError(
        f"{path}: no such config.{suggestion(word, [*names, *others])} "
        "'cnn-tui config list' shows those there are"
    )


def _beside(path: Path) -> list[Path]:
    """The configs in the folder of a path."""
    with suppress(OSError):
        return sorted(path.parent.glob("*.y*ml"))
    return []


def open_config(argument: str | None, overrides: Sequence[str] = ()) -> Config:
    """Read the config that an argument means: a file, a name, a pipe, or ``-`` for stdin.

    Raises:
        ConfigError: there is none, or something is wrong with it.
    """
    if argument == STDIN:
        return loads(_read_pipe(STDIN), "<stdin>", overrides)
    path = resolve(argument)
    if look_at(path) == "other":
        return loads(_read_pipe(path), "<pipe>", overrides)
    return load(path, overrides)


def _read_pipe(source: str | Path) -> str:
    """What is written to a pipe, a device or stdin; waits for whoever writes."""
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
    """What is written to a named pipe, up to the limit; nothing if no process writes to it."""
    content = b""
    deadline = time.monotonic() + _PATIENCE
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # or a pipe without a writer would hang
    try:
        while len(content) <= MAX_BYTES:
            try:
                piece = os.read(pipe, MAX_BYTES)
            except BlockingIOError:  # it has a writer that takes its time
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


def list_all(out: Output) -> int:
    """The configs that ship with the project, and those in ./configs."""
    rows = []
    for path in list_configs():
        try:
            config = load(path)
        except ConfigProblems as error:
            rows.append((path.stem, "", "", str(error).splitlines()[0]))
            out.json({"name": path.stem, "path": str(path), "problem": str(error)})
            continue
        rows.append((path.stem, config.dataset, config.model or "layers", str(path)))
        out.json(
            {
                "name": path.stem,
                "path": str(path),
                "dataset": config.dataset,
                "model": config.model,
            }
        )
    out.text(table(("name", "dataset", "model", "file"), rows))
    return 0


def check(arguments: Sequence[str], overrides: Sequence[str], out: Output) -> int:
    """Read configs and say of each whether it can be run, with the network that it makes.

    Returns:
        0 if all can be run, else 2.
    """
    code = 0
    for argument in arguments or [DEFAULT]:
        try:
            config = open_config(argument, overrides)
            factory.check_files(config)
        except EngineError as error:
            out.json({"ok": False, "file": argument, "problem": str(error)})
            out.complain(str(error))
            code = error.exit_code
            continue
        summary, found = network_summary(config), advise(config)
        out.json(
            {
                "ok": True,
                "file": argument,
                "parameters": summary.parameters,
                "advice": [
                    {"level": advice.level, "path": advice.key, "message": advice.message}
                    for advice in found
                ],
                "config": json.loads(_as_json(config)),
            }
        )
        out.text(str(summary))
        for advice in found:
            out.complain(f"{advice.level}: {argument}: {advice}")
        out.say(f"{argument}: fine")
    return code


def show(argument: str | None, overrides: Sequence[str], out: Output) -> int:
    """The config with every value spelled out, as YAML."""
    config = open_config(argument, overrides)
    out.json(json.loads(_as_json(config)))
    out.text(dump(config).rstrip())
    return 0


def schema(out: Output) -> int:
    """The JSON Schema of a config, for editors."""
    text = json.dumps(json_schema(), indent=None if out.as_json else 2)
    out.json(json.loads(text))
    out.text(text)
    return 0


def network_summary(config: Config) -> Summary:
    """The config's network in numbers, before it runs."""
    shape = DATASETS[config.dataset].image_shape
    return build(config.specs, shape).summary(shape)


def _as_json(config: Config) -> str:
    return config.model_dump_json()
