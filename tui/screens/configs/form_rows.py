"""The rows of a config's form: what each shows, and how a change edits the document.

The rows are made from the schema's fields; what a form can do better than single keys (switch a
scheduler, a warm-up or a callback on and off) is said here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine import paths
from engine.callbacks import CALLBACKS
from engine.config import ConfigProblems, Field, fields, inline, read_values, value_at
from engine.data import DATASETS, names
from engine.errors import EngineError
from engine.schedulers import SCHEDULERS
from tui.state.document import DEFAULT, ConfigDocument

OFF = "off"
_LAST = "machine"
"""The section of what does not change the result."""
_SWITCHED: dict[str, tuple[str, dict[str, Any]]] = {
    "train.lookahead": ("lookahead", {"every": 5}),
    "train.average": ("average", {"decay": 0.999}),
    "train.warmup": ("warm-up", {"steps": 200}),
}
"""Sections that are there or not: label, and what is written where one is switched on."""
_CALLBACKS = tuple(name for name, cls in CALLBACKS.items() if not cls.always_on)


@dataclass(frozen=True)
class FormRow:
    """One line of the form.

    Attributes:
        path: of the key in this document: ``callbacks.0.early_stopping.patience``.
        field: what the schema says.
        label: how it is called.
        section: the heading that it stands below.
        options: of a choice; empty where it is typed in.
        switch: it switches a section on or off, or to another kind.
        depth: how far it is indented.
    """

    path: str
    field: Field
    label: str
    section: str
    options: tuple[str, ...] = ()
    switch: bool = False
    depth: int = 0


def rows(document: ConfigDocument) -> list[FormRow]:
    """The rows that fit the document as it is, section by section."""
    found = list(_rows(document))
    sections = list(dict.fromkeys(row.section for row in found if row.section != _LAST))
    return sorted(found, key=lambda row: [*sections, _LAST].index(row.section))


def _rows(document: ConfigDocument) -> Iterator[FormRow]:
    scheduler = value_at(document.values, "train.scheduler.name")
    kind = _SCHEDULER_ALIASES.get(scheduler, scheduler)
    for field in fields():
        path = field.path
        if field.when and field.when != kind:
            continue
        if path.startswith("callbacks"):
            if path == "callbacks":
                yield from _callback_rows(document)
            continue
        if path == "train.scheduler":
            names = next(f.choices for f in fields() if f.path == "train.scheduler.name")
            yield FormRow(path, field, "scheduler", "schedule", (OFF, *names), switch=True)
        elif path in _SWITCHED:
            label, _ = _SWITCHED[path]
            yield FormRow(path, field, label, _section(path), (OFF, "on"), switch=True)
        elif field.kind == "choice" and field.nullable and path != "model":
            yield replace(_plain(field, _section(path)), options=(OFF, *field.choices), switch=True)
        elif path == "train.scheduler.name" or field.kind == "section" or ".*." in path:
            continue  # the items of a list are typed into its own row
        elif (parent := path.rpartition(".")[0]) in _SWITCHED:
            if isinstance(value_at(document.values, parent), dict):
                yield _plain(field, _section(path), depth=1)
        elif path.startswith("train.scheduler."):
            yield _plain(field, "schedule", depth=1)
        else:
            row = _plain(field, _section(path))
            yield replace(row, options=_data_sets(document)) if path == "dataset" else row


def _data_sets(document: ConfigDocument) -> tuple[str, ...]:
    """The data sets that there are now, where the config looks for them."""
    root = value_at(document.values, "data.root")
    try:
        return names(paths.parse(root) if isinstance(root, str) else None)
    except EngineError:  # no path; the form says so at its own row
        return tuple(DATASETS)


_SCHEDULER_ALIASES = {cls.__name__: name for name, cls in SCHEDULERS.items()}


def _section(path: str) -> str:
    if path.startswith("train.checkpoint_every") or path in ("train.workers", "train.film"):
        return _LAST
    if path.startswith("train.warmup"):
        return "schedule"
    head = path.split(".")[0]
    if head in ("runs_dir", "reports_dir"):
        return _LAST
    return head if "." in path else "experiment"


def _plain(field: Field, section: str, depth: int = 0) -> FormRow:
    options = field.choices
    if field.kind == "boolean":
        options = ("false", "true")
    label = field.path.split(".")[-1]
    if field.path.startswith("train.checkpoint_every."):
        label = f"save every {label}"
    return FormRow(field.path, field, label, section, options, depth=depth)


def _callback_rows(document: ConfigDocument) -> Iterator[FormRow]:
    for name in _CALLBACKS:
        base = next(f for f in fields() if f.path == f"callbacks.*.{name}")
        yield FormRow(f"callbacks.{name}", base, name, "callbacks", (OFF, "on"), switch=True)
        place = callback_index(document, name)
        if place is None:
            continue
        for field in fields():
            if field.path.startswith(f"callbacks.*.{name}."):
                row = _plain(field, "callbacks", depth=1)
                yield replace(row, path=field.path.replace("*", str(place)))


def callback_index(document: ConfigDocument, name: str) -> int | None:
    """Where in the list a callback is; None if it is not."""
    items = document.values.get("callbacks")
    for i, item in enumerate(items if isinstance(items, list) else []):
        if item == name or (isinstance(item, dict) and list(item) == [name]):
            return i
    return None


# -- showing --------------------------------------------------------------------------------


def shown(document: ConfigDocument, row: FormRow) -> str:
    """The value of the row; for a choice also its default, else empty for the default."""
    if row.switch:
        return _switch_state(document, row)
    value = value_at(document.values, row.path)
    if value is None:
        return _word(row.field.default) if row.options else ""
    if row.path == "layers":
        return f"{len(value)} layers" if isinstance(value, list) else inline(value)
    return _word(value)


def placeholder(document: ConfigDocument, row: FormRow) -> str:
    """The placeholder of an empty row: the default."""
    if row.path == "name":
        return document.config.name if document.config is not None else "the file's name"
    if row.path == "layers":
        return "in the YAML, instead of a model"
    if row.field.default is None:
        return "required" if row.field.required else "–"
    return _word(row.field.default)


def help_text(document: ConfigDocument, row: FormRow) -> str:
    """The description and the expected values of a key, in a line."""
    field = row.field
    parts = [f"{row.label}: {field.description}"]
    if row.options and not row.switch:
        parts.append(", ".join(row.options))
    elif field.expected and not row.switch:
        parts.append(field.expected)
    if field.default is not None and not row.switch and row.path != "name":
        parts.append(f"default {placeholder(document, row)}")
    if field.live:
        parts.append("+ and - change it while training")
    return "; ".join(parts)


def wrong(rows: Sequence[FormRow], paths: Iterable[str]) -> set[str]:
    """The paths of the rows that problems are about.

    A problem inside a value is that of its row; one of a whole section is that of all its rows.
    """
    found = set()
    for path in paths:
        above = [row.path for row in rows if f"{path}.".startswith(f"{row.path}.")]
        below = [row.path for row in rows if path and row.path.startswith(f"{path}.")]
        found.update([max(above, key=len)] if above else below)
    return found


def _word(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else inline(value)


def _switch_state(document: ConfigDocument, row: FormRow) -> str:
    if row.path.startswith("callbacks."):
        name = row.path.removeprefix("callbacks.")
        return "on" if callback_index(document, name) is not None else OFF
    value = value_at(document.values, row.path)
    if value is None:
        return OFF
    if row.path in _SWITCHED:
        return "on"
    if row.field.kind == "choice":
        return _word(value)
    name = value_at(value, "name")
    return _SCHEDULER_ALIASES.get(name, name) if isinstance(name, str) else "?"


# -- changing -------------------------------------------------------------------------------


def is_text(row: FormRow) -> bool:
    """Whether its value is typed; layers are written in the YAML."""
    return not row.options and row.path != "layers"


def parse(row: FormRow, text: str) -> Any:
    """The value of a typed or chosen text; ``DEFAULT`` for an empty one."""
    text = text.strip()
    if not text:
        return DEFAULT
    if row.field.kind in ("text", "path", "choice") or text.startswith("#"):
        return text
    try:
        return read_values(f"value: {text}")["value"]
    except (ConfigProblems, KeyError, TypeError):
        return text


def change(document: ConfigDocument, row: FormRow, text: str) -> None:
    """Let the document follow a control; undo takes back all that was done to one row.

    Raises:
        ConfigError: the text is laid out so that it has to be done by hand.
    """
    if row.switch:
        changes = _switched(document, row, text) if text != shown(document, row) else {}
    elif row.path == "layers":
        changes = {}
    else:
        value = parse(row, text)
        if row.path == "model" and value is not DEFAULT:
            changes = {"model": value, "layers": DEFAULT}
        elif row.path.startswith("callbacks."):
            changes = _callback_changed(document, row, value)
        else:
            changes = {row.path: value}
    document.set_all(changes, row.path)


def _switched(document: ConfigDocument, row: FormRow, text: str) -> dict[str, Any]:
    if row.path.startswith("callbacks."):
        return _callback_switched(document, row.path.removeprefix("callbacks."), text == "on")
    if text in (OFF, ""):
        return {row.path: DEFAULT}
    if row.path in _SWITCHED:
        return {row.path: _SWITCHED[row.path][1]}
    if row.field.kind == "choice":
        return {row.path: text}
    return {row.path: {"name": text, **_needed(document, text)}}


def _needed(document: ConfigDocument, scheduler: str) -> dict[str, Any]:
    """Values for what a scheduler cannot do without."""
    epochs = value_at(document.values, "train.epochs")
    epochs = epochs if isinstance(epochs, int) and epochs > 2 else 10
    return SCHEDULERS[scheduler].Options.starting_values(epochs)


def _callback_switched(document: ConfigDocument, name: str, on: bool) -> dict[str, Any]:
    items = document.values.get("callbacks")
    items = items if isinstance(items, list) else []
    place = callback_index(document, name)
    if not on and place is not None:
        return {"callbacks" if len(items) == 1 else f"callbacks.{place}": DEFAULT}
    if on and place is None:
        item = {name: CALLBACKS[name].Options.starting_values(document.name)}
        return {f"callbacks.{len(items)}": item} if items else {"callbacks": [item]}
    return {}


def _callback_changed(document: ConfigDocument, row: FormRow, value: Any) -> dict[str, Any]:
    _, place, name, key = row.path.split(".")
    if isinstance(value_at(document.values, f"callbacks.{place}.{name}"), dict):
        return {row.path: value}
    if value is not DEFAULT:  # a bare name, or a name with nothing below it
        return {f"callbacks.{place}": {name: {key: value}}}
    return {}
