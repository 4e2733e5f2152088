"""Whatever comes in, a config comes out, or problems: nothing else."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import Config, ConfigProblems, loads, remove_value, set_value
from engine.errors import ConfigError
from tests.support.config_text import EXAMPLE

PIECES = st.sampled_from(
    [
        *"{}[]:,-?&*!|>'\"%@`#~<\\\n\t ",
        "\n  ", "\n- ", ": ", " #", "<<", "---\n", "...\n", "&a ", "*a", "!!int ", "\x1b", "\u202e",
        "dataset", "mnist", "model", "mlp", "train", "lr", "layers", "callbacks", "scheduler",
        "name", "step", "1", "1e-3", "0123", ".nan", "null", "true", "é", "\ud800", "\U0001f600",
    ]
)  # fmt: skip

KEYS = st.sampled_from(
    ["dataset", "model", "layers", "train", "data", "callbacks", "scheduler", "name", "lr",
     "early_stopping", "checkpoint", "filepath", "Conv2D", "Residual", "body", "betas", "x",
     "warmup", "augment", "validation", "milestones", "multi_step", "terminate_on_nan"]
)  # fmt: skip

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | KEYS
    | st.sampled_from(["mnist", "mlp", "step", "one_cycle", "ReLU", "Flatten"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def survives(text: str, *overrides: str) -> None:
    try:
        assert isinstance(loads(text, "a.yaml", overrides), Config)
    except ConfigProblems as error:
        message = str(error)
    else:
        return
    lines = message.split("\n")
    assert len(lines) > 1
    assert all(line.isprintable() for line in lines)
    assert lines[-1].endswith(", nothing was run.")


@settings(max_examples=150)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_any_text(text: str) -> None:
    survives(text)
    survives(EXAMPLE + text)


@settings(max_examples=150)
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_values(values: dict[str, Any]) -> None:
    survives(json.dumps(values))


@settings(max_examples=80)
@given(
    st.sampled_from(["train", "train.scheduler", "callbacks", "callbacks.0", "layers", "data"]),
    VALUES,
)
def test_any_value_of_a_section(path: str, value: Any) -> None:
    survives(EXAMPLE, f"{path}={json.dumps(value)}")


@settings(max_examples=80)
@given(st.lists(PIECES | st.just(".") | st.just("="), max_size=8).map("".join))
def test_any_override(override: str) -> None:
    survives(EXAMPLE, override)
    survives(EXAMPLE, f"train.{override}")


@settings(max_examples=80)
@given(
    st.lists(PIECES, max_size=15).map("".join),
    st.sampled_from(["a", "train.lr", "callbacks.0", "0", "layers.1.x"]),
)
def test_any_text_to_edit(text: str, path: str) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(set_value(text, path, 1), str)
    with contextlib.suppress(ConfigError):
        assert isinstance(remove_value(text, path), str)


@pytest.mark.proof
@pytest.mark.parametrize(
    "text",
    [
        "".join(f"k{i}: 1\n" for i in range(6500)),
        "k: 1\n" * 12_000,
        f"train: {{{', '.join(f'k{i}: 1' for i in range(5000))}}}",
        f"callbacks: [{'{k: 1},' * 8000}]",
        f"layers: [{'ReLU,' * 12_000}]",
        f"layers: [{'[],' * 20_000}]",
        f"a: [{'*a,' * 20_000}]",
        f"seed: {'9' * 60_000}",
        f"seed: {'1' * 60_000}.5",
        f"{'k' * 60_000}: 1",
        f"name: '{'n' * 60_000}'",
        f'"{chr(92)}e' + f"{chr(92)}e" * 30_000 + '": 1',
        "{" * 64_000,
        "? " * 30_000,
        "!" * 60_000,
        "'" * 60_000,
        "a: |\n" + " \n" * 30_000,
    ],
    ids=lambda text: text[:12],
)
def test_large_files_of_nonsense(text: str) -> None:
    survives(text)
