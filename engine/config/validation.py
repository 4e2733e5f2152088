"""Validation of plain values against the schema: pydantic's errors in this project's words."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from engine.config.errors import SHOWN, SHOWN_ITEMS, Finding, KeyPath, dotted, shown, value_at
from engine.config.fields import (
    callback_names,
    field_at,
    fields,
    scheduler_names,
    section_at,
)
from engine.config.schema import Config
from engine.options import OWN_MESSAGE
from engine.suggest import did_you_mean, suggestion

SCHEDULER: KeyPath = ("train", "scheduler")


def validate(data: dict[str, Any]) -> tuple[Config | None, list[Finding]]:
    """Validate plain values: a config, or None with the findings."""
    try:
        return Config.model_validate(data), []
    except ValidationError as failed:
        errors = failed.errors(include_url=False, include_input=False)
    findings = [
        # Good words take time; in a file with hundreds of problems few of them are ever read.
        _finding(error, data)
        if i < 4 * SHOWN
        else Finding(_without_tags(error["loc"]), "not expected here", at_key=True)
        for i, error in enumerate(errors)
    ]
    meant = {finding.meant for finding in findings}
    missing = {_without_tags(error["loc"]) for error in errors if error["type"] == "missing"}
    # A problem inside a value is more exact than one about the whole value.
    outer = {c.path[:end] for c in findings for end in range(len(c.path))}
    return None, [
        finding
        for finding in findings
        if finding.path not in outer and not (finding.path in missing and finding.path in meant)
    ]


def _without_tags(loc: tuple[int | str, ...]) -> KeyPath:
    """Drop the names of union members that pydantic inserts into paths."""
    if loc[:2] == SCHEDULER and len(loc) > 2:
        return loc[:2] + loc[3:]
    if loc[:1] == ("callbacks",) and len(loc) > 2:
        return loc[:2] + loc[3:]
    return loc


def _finding(error: ErrorDetails, data: dict[str, Any]) -> Finding:
    path = _without_tags(error["loc"])
    kind = error["type"]
    if kind == OWN_MESSAGE:
        return Finding(path, error["msg"])
    if kind == "too_long" and (got := error["ctx"]["actual_length"]) > SHOWN_ITEMS:
        return Finding(path, f"expected at most {error['ctx']['max_length']} items, got {got}")
    if kind == "extra_forbidden":
        return _unknown_key(path, data)
    if path == SCHEDULER and kind.startswith("union_tag"):
        return _scheduler(data)
    if path[:1] == ("callbacks",) and len(path) == 2:
        return _callback(path, data)
    field = field_at(path, data)
    assert field is not None  # all other errors are about a key of the schema
    if kind == "missing":
        return Finding(path, f"missing; expected {field.expected}", at_key=True)
    value = value_at(data, path)
    hint = ""
    if field.kind == "text" and isinstance(value, (bool, int, float)):
        hint = "; put it in quotes"
    if field.kind == "section" and value is None:
        hint = f"; leave {field.path.split('.')[-1]} out to get its defaults"
    return _unexpected(path, field.expected, value, field.choices, hint)


def _unexpected(
    path: KeyPath, expected: str, value: object, choices: Iterable[str] = (), hint: str = ""
) -> Finding:
    meant = suggestion(value, choices)
    hint = f".{meant}" if meant else hint
    return Finding(path, f"expected {expected}, got {shown(value)}{hint}")


def _unknown_key(path: KeyPath, data: dict[str, Any]) -> Finding:
    parent, key = path[:-1], path[-1]
    section = section_at(parent, data)
    known = list(section.model_fields) if section else []
    message, meant = "unknown key", None
    close = did_you_mean(key, known)
    elsewhere = {field.path for field in fields() if field.path.split(".")[-1] == key}
    elsewhere.discard(dotted(path))  # another scheduler's
    if close:
        message += f". Did you mean '{close}'?"
        meant = (*parent, close)
    elif len(elsewhere) == 1 and "*" not in (place := elsewhere.pop()):
        message += f" here. Did you mean '{place}'?"
    elif known:
        message += f"; expected one of {', '.join(known)}"
    return Finding(path, message, at_key=True, meant=meant)


def _scheduler(data: dict[str, Any]) -> Finding:
    expected = f"one of {', '.join(scheduler_names())}"
    path = (*SCHEDULER, "name")
    name = value_at(data, path)
    if name is None:
        return Finding(path, f"missing; expected {expected}", at_key=True)
    return _unexpected(path, expected, name, scheduler_names())


def _callback(path: KeyPath, data: dict[str, Any]) -> Finding:
    names = callback_names()
    value = value_at(data, path)
    if isinstance(value, dict) and len(value) > 1:
        first = next(iter(value))
        return Finding(
            path,
            f"expected one callback in a list item, got {len(value)} keys; the options of "
            f"{dotted([first])} belong below it, indented by two more spaces",
        )
    if isinstance(value, dict) and value:
        (value,) = value
        path = (*path, value)
    return _unexpected(path, f"one of {', '.join(names)}", value, names)
