"""``cnn-tui config init``: write a first config, from options or from answers to questions."""

import argparse
import json
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from engine.config import loads
from engine.data import DatasetInfo, get, names
from engine.data.imported import NAME_PATTERN
from engine.errors import Cancelled, ConfigError, EngineError
from engine.images import parse_size
from engine.importing import ImportOptions
from engine.models import PRESETS
from engine.paths import as_argument, check_writable, kind_at, parse, parse_file, quote, real_path
from engine.sanitize import printable
from engine.services.starter import Choices, fitting_presets, starter_config
from engine.storage import atomic
from tui.cli.importing import carry_out
from tui.cli.output import Output
from tui.cli.parser import terminal_columns

FIRST = "mnist_mini"
"""The data set of a first config where none is chosen: it needs no download."""
LAYERS = "layers"
"""The answer that means layers that are written out, instead of a preset."""
_SUFFIXES = (".yaml", ".yml")

T = TypeVar("T")


def init(options: argparse.Namespace, out: Output) -> int:
    """Write a config; where nothing says for which data, ask at the terminal.

    Raises:
        ConfigError: an option is wrong, the file is there already, or nobody can be asked.
        DataError: the images or the config cannot be read or written.
        Interrupted: by a signal.
    """
    given = _choices(options)
    given.check()
    if options.images is None and (options.name is not None or options.size is not None):
        raise ConfigError("--name and --size are for --images; add it, or leave them out")
    if options.yes or options.dataset is not None or options.images is not None:
        info = _data(options, out)
        path = _path(options.path, info.name)
        if check_writable(path) == "file" and not options.replace:
            raise ConfigError(f"{path}: it is there already; name another file, or add --replace")
        text = starter_config(info, options.root, given)
    else:
        info, path, text = _ask_all(options, given, out)
    config = loads(text, str(path))
    _write(path, text)
    out.json({"file": str(path), "config": json.loads(config.model_dump_json())})
    out.text(str(path))
    named = quote(as_argument(path))
    out.say(f"next: 'cnn-tui train {named}' trains it, 'cnn-tui {named}' opens it in the app")
    return 0


def _choices(options: argparse.Namespace) -> Choices:
    return Choices(
        model=None if options.model == LAYERS else options.model,
        epochs=options.epochs,
        batch_size=options.batch_size,
        lr=options.lr,
        optimizer=options.optimizer,
    )


def _data(options: argparse.Namespace, out: Output) -> DatasetInfo:
    """The data set that the options name, imported first if they name images."""
    if options.images is None:
        return get(options.dataset or FIRST, options.root)
    if options.path is not None and not options.replace:
        path = _path(options.path, "")
        if check_writable(path) == "file":  # before minutes of reading images
            raise ConfigError(f"{path}: it is there already; name another file, or add --replace")
    name = options.name or _name_of(options.images)
    return _import(options.images, name, options.size, options.root, out)


def _import(
    images: Path, name: str, size: tuple[int, int] | None, root: Path | None, out: Output
) -> DatasetInfo:
    """Import images as a data set.

    Raises:
        ConfigError: the name is taken, or the source cannot be imported.
    """
    if name in names(root):
        raise ConfigError(
            f"{name}: there is a data set of that name already; "
            f"--dataset {name} takes it, --name gives the images another name"
        )
    made = carry_out(images, ImportOptions(name=name, size=size), root, out)
    info = made.info
    shape = "×".join(map(str, info.image_shape))
    out.say(
        f"{info.name}: {info.train_size:,} images to train on and {info.test_size:,} to test with, "
        f"{len(info.classes):,} classes, {shape}, in {made.place}"
    )
    return info


def _name_of(images: Path) -> str:
    """A name for the data set of a folder or an archive."""
    stem = real_path(images).name.partition(".")[0]
    name = re.sub("[^A-Za-z0-9_-]+", "-", stem).strip("-_")[:64]
    return name if re.fullmatch(NAME_PATTERN, name) else "images"


def _path(given: Path | None, name: str) -> Path:
    """The file to write: by default a config that the name of its data set finds."""
    if given is None:
        return Path("configs", f"{name}.yaml")
    return given if given.suffix in _SUFFIXES else given.with_name(f"{given.name}.yaml")


def _write(path: Path, text: str) -> None:
    """Write the file.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        atomic.make_folder(path.parent)
        atomic.write_atomic(path, text.encode(), follow_symlinks=True)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from None


# -- questions -----------------------------------------------------------------------------------


def _ask_all(
    options: argparse.Namespace, given: Choices, out: Output
) -> tuple[DatasetInfo, Path, str]:
    """Ask for the data set, the network, the epochs and the file."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(
            "nobody can be asked here: give --dataset NAME or --images FOLDER, "
            f"or --yes for a first config of {FIRST}"
        )
    root = options.root
    _list(f"data sets: {', '.join(names(root))}; or a folder with a folder for each class", out)
    info = _ask("data set", FIRST, lambda text: _data_answer(text, root, out), out)
    fitting = fitting_presets(info)
    _list(f"networks: {LAYERS} (a small one, written out), {', '.join(fitting)}", out)
    first = given.model if given.model in fitting else LAYERS
    model = _ask("network", first, _one_of([LAYERS, *fitting]), out)
    chosen = Choices(**{**vars(given), "model": None if model == LAYERS else model})
    default = loads(starter_config(info, root, chosen), "first.yaml").train.epochs
    epochs = _ask("epochs, passes over the images", str(default), _epochs, out)
    text = starter_config(info, root, Choices(**{**vars(chosen), "epochs": epochs}))
    path = _path(options.path, info.name)
    path = _ask("file", str(path), lambda text: _file_answer(text, options.replace, out), out)
    return info, path, text


def _list(text: str, out: Output) -> None:
    out.complain(textwrap.fill(text, terminal_columns() - 1, subsequent_indent="  "))


def _data_answer(text: str, root: Path | None, out: Output) -> DatasetInfo:
    """A data set by its name, or one that is made of the images in a folder."""
    if text in names(root):
        return get(text, root)
    try:
        images = parse(text)
        there = kind_at(images) != "missing"
    except ConfigError:
        there = False
    if not there:
        return get(text, root)  # which says what there is
    free = _name_of(images)
    name = _ask("name for these images", free, _name(root), out)

    def sized(text: str) -> DatasetInfo | ConfigError:
        try:
            return _import(images, name, _size(text), root, out)
        except ConfigError as error:
            if "size" in str(error):
                raise  # another answer may do
            return error

    made = _ask("size of the images, as 32 or 32x48; = as it is", "=", sized, out)
    if isinstance(made, ConfigError):
        raise made
    return made


def _file_answer(text: str, replace: bool, out: Output) -> Path:
    path = parse_file(text, _SUFFIXES)
    stays = check_writable(path) == "file" and not replace
    if stays and not _ask(f"{path} is there already: replace it? y or n", "n", _yes, out):
        raise ConfigError("it stays; name another file")
    return path


def _name(root: Path | None) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(NAME_PATTERN, text):
            raise ConfigError("expected a name of letters, digits, - and _")
        if text in names(root):
            raise ConfigError(f"{text}: there is a data set of that name already")
        return text

    return check


def _one_of(words: list[str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in words:
            known = " (it does not fit these images)" if text in PRESETS else ""
            raise ConfigError(f"'{printable(text)}'{known}: expected one of {', '.join(words)}")
        return text

    return check


def _epochs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text[:9]) <= 100_000:
        raise ConfigError(f"'{printable(text)}': expected a number from 1 to 100,000")
    return int(text)


def _size(text: str) -> tuple[int, int] | None:
    try:
        return None if text == "=" else parse_size(text)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _yes(text: str) -> bool:
    if text.lower() not in ("y", "yes", "n", "no"):
        raise ConfigError("expected y or n")
    return text.lower().startswith("y")


def _ask(question: str, default: str, check: Callable[[str], T], out: Output) -> T:
    """The answer to a question; one that is refused is asked for again.

    Raises:
        ConfigError: there are no more answers.
    """
    while True:
        out.prompt(f"{question} [{default}]: ")
        line = sys.stdin.readline()
        if not line:
            out.complain("")  # the error is not an answer
            raise ConfigError("no more answers: nothing was written")
        try:
            return check(line.strip() or default)
        except EngineError as error:
            if isinstance(error, Cancelled):
                raise
            out.complain(str(error))
