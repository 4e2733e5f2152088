"""Registry of the forms that images and labels come in, and the opening of a source by it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from engine.errors import ConfigError, DataError
from engine.importing.source import NOBODY, ImportOptions, Source, Watch
from engine.paths import kind_at
from engine.sanitize import printable

Open = Callable[[Path, ImportOptions, Watch], Source | None]
"""Opens a source of one form; None if the source has another. It says why it cannot be imported, as
``open_source`` does."""


class Opener(NamedTuple):
    """A form of sources: in words, and the function that opens it."""

    form: str
    open: Open


_FIRST: list[Opener] = []
_LAST: list[Opener] = []


def opener(form: str, *, last: bool = False) -> Callable[[Open], Open]:
    """Register the decorated function as the opener of a form.

    Args:
        form: in words, as in "expected a CSV table".
        last: for a form that would take any folder or any archive: it is tried after all that know
            theirs by a name or by its first bytes.
    """

    def decorate(function: Open) -> Open:
        (_LAST if last else _FIRST).append(Opener(form, function))
        return function

    return decorate


def openers() -> tuple[Opener, ...]:
    """All forms, in the order in which they are tried."""
    return (*_FIRST, *_LAST)


def open_source(path: Path, options: ImportOptions, watch: Watch = NOBODY) -> Source:
    """Open a source of any form; the caller closes it, best by ``with``.

    Args:
        path: a file or a folder.
        options: how it is imported.
        watch: sees the progress, and may cancel.

    Raises:
        ConfigError: nothing is at the path, it has none of the known forms, or the options do not
            fit it.
        DataError: it is damaged, or cannot be read.
        Cancelled: the watch cancelled.
    """
    kind = kind_at(path)
    name = printable(str(path), 200)
    if kind == "missing":
        raise ConfigError(f"{name}: no such file or folder")
    if kind == "other":
        raise ConfigError(f"{name}: a device or a pipe; expected a file or a folder")
    try:
        for one in openers():
            source = one.open(path, options, watch)
            if source is not None:
                return source
    except OSError as error:
        raise DataError(f"{name}: {error.strerror or error}") from None
    forms = ", ".join(one.form for one in openers())
    raise ConfigError(f"{name}: not a form that can be imported; expected {forms}")
