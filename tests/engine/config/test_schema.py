"""The schema seen from outside: rows, JSON Schema, and agreement with the other rooms."""

import inspect
import json
import re
from typing import Any

import pytest

from engine.config import ConfigProblems, fields, inline, json_schema, loads, set_value
from engine.config.registered import SCHEDULER_MODELS
from engine.config.yaml_reader import read
from engine.data import DATASETS, Augmentation
from engine.models import PRESETS
from engine.optim import OPTIMIZERS
from engine.schedulers import SCHEDULERS, Warmup
from tests.support.config_text import BASE, EXAMPLE, problems_of
from tests.support.shipped_configs import SHIPPED_PATHS

ROWS = {(field.path, field.when): field for field in fields()}


def test_rows_have_what_a_form_needs() -> None:
    for field in fields():
        assert field.description, field.path
        assert field.expected, field.path
        assert bool(field.choices) == (field.kind == "choice"), field.path
    assert len(ROWS) == len(fields())
    assert [path for path, _ in ROWS if path.startswith("train.scheduler.name")] == [
        "train.scheduler.name"  # one choice, not one for each scheduler
    ]


def test_a_number() -> None:
    field = ROWS["train.lr", ""]
    assert (field.kind, field.default, field.range) == ("number", 0.01, "> 0")
    assert (field.expected, field.live, field.required) == ("a number > 0", True, False)


def test_only_the_learning_rate_is_live() -> None:
    assert [field.path for field in fields() if field.live] == ["train.lr"]


def test_other_kinds() -> None:
    assert ROWS["train.batch_size", ""].range == "from 1 to 65536"
    assert ROWS["train.momentum", ""].range == "in [0, 1)"
    assert ROWS["train.nesterov", ""].kind == "boolean"
    assert ROWS["train.betas", ""].default == [0.9, 0.999]
    assert ROWS["train.clip_norm", ""].nullable
    assert ROWS["runs_dir", ""].kind == "path"
    assert ROWS["data.augment", ""].kind == "section"
    assert ROWS["train.scheduler.name", ""].choices == tuple(SCHEDULERS)
    assert ROWS["train.scheduler.step_size", "step"].required
    assert ROWS["train.scheduler.gamma", "step"].default == 0.1
    assert ROWS["callbacks.*.early_stopping.patience", ""].default == 5


def test_choices_are_those_of_the_registries() -> None:
    assert ROWS["dataset", ""].choices[: len(DATASETS)] == tuple(DATASETS)
    assert ROWS["model", ""].choices == tuple(PRESETS)
    assert ROWS["train.optimizer", ""].choices == tuple(OPTIMIZERS)


def test_schedulers_take_what_the_schema_offers() -> None:
    for name, cls in SCHEDULERS.items():
        options = SCHEDULER_MODELS[name](name=name, **cls.Options.starting_values(10))
        assert cls(**options.arguments(0.1, 10, 7)).lr(0, 0) <= 0.1
    warmup = {path.split(".")[-1] for path, _ in ROWS if path.startswith("train.warmup.")}
    assert warmup <= set(inspect.signature(Warmup).parameters)
    augment = {path.split(".")[-1] for path, _ in ROWS if path.startswith("data.augment.")}
    assert augment == set(inspect.signature(Augmentation).parameters)


@pytest.mark.parametrize("field", fields(), ids=lambda field: f"{field.path}-{field.when}")
def test_every_default_can_be_written(field: Any) -> None:
    """A form that writes a field's default, or null where it says so, makes no problem."""
    if field.required or field.kind == "section" or "*" in field.path:
        return
    text = BASE
    if field.path in ("model", "layers"):
        text = "dataset: mnist\nlayers: [Flatten, Dense: {out_features: 10}]\n"
    if field.when:
        needed = SCHEDULERS[field.when].Options.starting_values(10)
        text += f"train: {{scheduler: {inline({'name': field.when, **needed})}}}\n"
    if field.path == "layers":
        text = BASE
    loads(set_value(text, field.path, field.default))
    if field.nullable:
        loads(set_value(text, field.path, None))


# -- JSON Schema ----------------------------------------------------------------------------


def errors_in(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> list[str]:
    """As much of JSON Schema as the schema uses; anything else fails the test."""
    found = []
    for keyword, argument in schema.items():
        if keyword in CHECKS:
            if not CHECKS[keyword](value, argument, schema, root):
                found.append(f"{keyword} of {value!r}")
        else:
            assert keyword in ANNOTATIONS, keyword
    return found


ANNOTATIONS = {
    "$schema", "$defs", "title", "description", "default", "live", "discriminator",
}  # fmt: skip

TYPES: dict[str, Any] = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None),
}  # fmt: skip


def is_type(value: Any, name: str) -> bool:
    if name in ("integer", "number"):
        kinds = int if name == "integer" else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    return not errors_in(value, schema, root)


def properties_fit(value: Any, known: Any, schema: Any, root: Any) -> bool:
    return not isinstance(value, dict) or all(
        fits(value[key], known[key], root) for key in value.keys() & known.keys()
    )


def additional_fit(value: Any, allowed: Any, schema: Any, root: Any) -> bool:
    if not isinstance(value, dict):
        return True
    rest = [value[key] for key in value.keys() - schema.get("properties", {}).keys()]
    return not rest if allowed is False else all(fits(item, allowed, root) for item in rest)


CHECKS: dict[str, Any] = {
    "$ref": lambda v, ref, s, root: fits(v, root["$defs"][ref.removeprefix("#/$defs/")], root),
    "type": lambda v, names, s, r: any(
        is_type(v, name) for name in ([names] if isinstance(names, str) else names)
    ),
    "enum": lambda v, values, s, r: v in values,
    "const": lambda v, wanted, s, r: v == wanted,
    "anyOf": lambda v, options, s, r: any(fits(v, option, r) for option in options),
    "oneOf": lambda v, options, s, r: sum(fits(v, option, r) for option in options) == 1,
    "properties": properties_fit,
    "additionalProperties": additional_fit,
    "required": lambda v, keys, s, r: not isinstance(v, dict) or v.keys() >= set(keys),
    "items": lambda v, item, s, r: not isinstance(v, list) or all(fits(x, item, r) for x in v),
    "prefixItems": lambda v, items, s, r: all(
        fits(x, item, r) for x, item in zip(v, items, strict=False)
    ),
    "minItems": lambda v, n, s, r: len(v) >= n,
    "maxItems": lambda v, n, s, r: len(v) <= n,
    "minLength": lambda v, n, s, r: not isinstance(v, str) or len(v) >= n,
    "minProperties": lambda v, n, s, r: not isinstance(v, dict) or len(v) >= n,
    "maxProperties": lambda v, n, s, r: not isinstance(v, dict) or len(v) <= n,
    "pattern": lambda v, p, s, r: not isinstance(v, str) or re.search(p, v) is not None,
    "minimum": lambda v, n, s, r: not is_type(v, "number") or v >= n,
    "maximum": lambda v, n, s, r: not is_type(v, "number") or v <= n,
    "exclusiveMinimum": lambda v, n, s, r: not is_type(v, "number") or v > n,
    "exclusiveMaximum": lambda v, n, s, r: not is_type(v, "number") or v < n,
}


@pytest.mark.parametrize("path", SHIPPED_PATHS, ids=lambda path: path.name)
def test_json_schema_accepts_shipped_configs(path: Any) -> None:
    schema = json_schema()
    assert errors_in(read(path.read_text(), "")[0].data, schema, schema) == []


def test_json_schema_accepts_the_example() -> None:
    schema = json_schema()
    assert errors_in(read(EXAMPLE, "")[0].data, schema, schema) == []
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize(
    "text",
    [
        "train: {lr: 0}",
        "train: {lr: fast}",
        "train: {epoch: 1}",
        "train: {epochs: 1.5}",
        "train: {betas: [0.9]}",
        "train: {optimizer: Adam}",
        "train: {scheduler: {name: step}}",
        "train: {scheduler: {name: cosine, step_size: 1}}",
        "data: {validation: 1.5}",
        "data: {validation: 0}",
        "name: .hidden",
        "callbacks: [checkpoint]",
        "callbacks: [early_stopping: {patience: -1}]",
        "callbacks: [early_stopping: {}, checkpoint: 3]",
        "layers: [{Conv2D: {}, out_channels: 3}]",
        "xyzzy: 1",
    ],
)
def test_json_schema_and_loader_refuse_alike(text: str) -> None:
    schema = json_schema()
    assert errors_in(read(BASE + text, "")[0].data, schema, schema) != []
    with pytest.raises(ConfigProblems):
        loads(BASE + text)


def test_json_schema_marks_live_keys() -> None:
    train = json_schema()["$defs"]["Train"]["properties"]
    assert [key for key, schema in train.items() if schema.get("live")] == ["lr"]


def test_bounds_are_those_of_the_messages() -> None:
    for field in fields():
        if field.kind == "number" and field.range.startswith("> 0") and not field.when:
            (line,) = problems_of(BASE, f"{field.path}=0")
            assert line.endswith(f"{field.path}: expected a number > 0, got 0")
