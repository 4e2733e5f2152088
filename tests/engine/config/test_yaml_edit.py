"""Edits of a config's text: one value changes, comments and layout stay."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import ConfigProblems, remove_value, set_value
from engine.config.errors import value_at
from engine.config.yaml_reader import read
from engine.errors import ConfigError
from tests.support.shipped_configs import SHIPPED_PATHS

TEXT = """\
# head
dataset: mnist  # c1
model: 'lenet_mnist'

train:   # how
  # about lr
  lr: 1e-3   # the rate
  epochs: "10"   # quoted
  scheduler:  # sch
    # inside
    name: step  # n
    step_size: 5  # s
  # after it
  betas: [0.9, 0.999] # b
  warmup: {steps: 3, start_factor: 0.1}  # w

callbacks:
  - early_stopping:   # es
      patience: 3  # p
  # between
  - checkpoint: {filepath: a.npz}
  - terminate_on_nan
seed:   # none yet
"""

# path, value: what is in the text, and what stands there afterwards
SETS = [
    ("train.lr", 0.01, "  lr: 1e-3   # the rate\n", "  lr: 0.01   # the rate\n"),
    ("train.lr", 0.001, "", ""),  # the same value, in another spelling
    ("train.epochs", 10, '  epochs: "10"   # quoted\n', "  epochs: 10   # quoted\n"),
    ("model", "mlp", "model: 'lenet_mnist'\n", "model: mlp\n"),
    ("seed", 7, "seed:   # none yet\n", "seed: 7   # none yet\n"),
    ("seed", None, "", ""),
    ("train.betas.1", 0.99, "[0.9, 0.999]", "[0.9, 0.99]"),
    ("train.betas.2", 1, "[0.9, 0.999]", "[0.9, 0.999, 1]"),
    ("train.betas", [0.8, 0.9], "[0.9, 0.999]", "[0.8, 0.9]"),
    ("train.warmup.steps", 4, "steps: 3", "steps: 4"),
    ("train.warmup", None, "{steps: 3, start_factor: 0.1}", "null"),
    ("train.scheduler.name", "cosine", "name: step", "name: cosine"),
    ("callbacks.0.early_stopping.patience", 4, "patience: 3", "patience: 4"),
    ("callbacks.2", "early_stopping", "- terminate_on_nan", "- early_stopping"),
    # A block goes, the comment in its key's line stays.
    (
        "train.scheduler",
        None,
        "  scheduler:  # sch\n    # inside\n    name: step  # n\n    step_size: 5  # s\n",
        "  scheduler: null  # sch\n",
    ),
    (
        "callbacks.0.early_stopping",
        {"patience": 9},
        "  - early_stopping:   # es\n      patience: 3  # p\n",
        "  - early_stopping: {patience: 9}   # es\n",
    ),
    # New keys: behind the key that precedes them in the schema, in the section's layout.
    ("train.momentum", 0.5, "# the rate\n", "# the rate\n  momentum: 0.5\n"),
    ("train.optimizer", "adam", "# the rate\n", "# the rate\n  optimizer: adam\n"),
    ("train.batch_size", 64, "# quoted\n", "# quoted\n  batch_size: 64\n"),
    ("train.workers", 2, "# w\n", "# w\n  workers: 2\n"),
    ("train.scheduler.gamma", 0.5, "# s\n", "# s\n    gamma: 0.5\n"),
    ("train.warmup.x", 1, "start_factor: 0.1}", "start_factor: 0.1, x: 1}"),
    ("callbacks.0.early_stopping.mode", "max", "# p\n", "# p\n      mode: max\n"),
    ("callbacks.1.checkpoint.mode", "max", "a.npz}", "a.npz, mode: max}"),
    (
        "callbacks.3",
        {"csv_logger": {"filepath": "x"}},
        "  - terminate_on_nan\n",
        "  - terminate_on_nan\n  - {csv_logger: {filepath: x}}\n",
    ),
    ("data.augment.shift", 2, "yet\n", "yet\ndata:\n  augment:\n    shift: 2\n"),
    ("runs_dir", "yes", "  - terminate_on_nan\n", "  - terminate_on_nan\nruns_dir: 'yes'\n"),
]

REMOVALS = [
    ("train.lr", "  lr: 1e-3   # the rate\n", ""),
    ("seed", "seed:   # none yet\n", ""),
    ("nothing.like.it", "", ""),
    (
        "train.scheduler",
        "  scheduler:  # sch\n    # inside\n    name: step  # n\n    step_size: 5  # s\n",
        "",
    ),
    ("train.warmup.steps", "{steps: 3, start", "{start"),
    ("train.warmup.start_factor", ", start_factor: 0.1}", "}"),
    ("train.betas.0", "[0.9, 0.999]", "[0.999]"),
    ("callbacks.0", "  - early_stopping:   # es\n      patience: 3  # p\n", ""),
    ("callbacks.2", "  - terminate_on_nan\n", ""),
    ("callbacks.1.checkpoint.filepath", "{filepath: a.npz}", "{}"),
    # The last key of a block leaves an empty mapping.
    (
        "callbacks.0.early_stopping.patience",
        "  - early_stopping:   # es\n      patience: 3  # p\n",
        "  - early_stopping: {}   # es\n",
    ),
]

# text, path, value, new text
CORNERS = [
    ("", "train.lr", 0.1, "train:\n  lr: 0.1\n"),
    ("# c", "train.lr", 0.1, "# c\ntrain:\n  lr: 0.1\n"),
    ("train:", "train.lr", 0.1, "train: {lr: 0.1}"),
    ("train: null # c\n", "train.lr", 0.1, "train: {lr: 0.1} # c\n"),
    ("train: {}\n", "train.lr", 0.1, "train: {lr: 0.1}\n"),
    ("train:\n    lr: 1\n", "train.epochs", 2, "train:\n    lr: 1\n    epochs: 2\n"),
    ("{train, b}", "train", 1, "{train: 1, b}"),
    ('{"a":1, b: [1,], }', "a", 2, '{"a":2, b: [1,], }'),
    ('{"a":1, b: [1,], }', "b.1", 2, '{"a":1, b: [1, 2,], }'),
    ('{"a":1, b: [1,], }', "c", 2, '{"a":1, b: [1,], c: 2, }'),
    ("a: 1", "b", 2, "a: 1\nb: 2"),
    ("callbacks:\n- a\n- b\nseed: 1\n", "callbacks.2", "c", "callbacks:\n- a\n- b\n- c\nseed: 1\n"),
    ("- - 1\n  - 2 # -\n- 3\n", "0.2", 5, "- - 1\n  - 2 # -\n  - 5\n- 3\n"),
    ("-\n  - 1 # c\n- 3\n", "0", 5, "- 5\n- 3\n"),
    ("- a: 1 # c\n  b: 2\n", "0.a", 3, "- a: 3 # c\n  b: 2\n"),
    ("- 1\n-\n", "1", 5, "- 1\n- 5\n"),
    ("a: |\n  one\n  two\n\n# c\nb: 1\n", "a", "x", "a: x\n\n# c\nb: 1\n"),
    ("a: 1\n", "a", "two\nlines", 'a: "two\\nlines"\n'),
    ("a: 1\n", "b.0", 5, "a: 1\nb: [5]\n"),
    ("? a\n: 1\n", "a", 2, "? a\n: 2\n"),
    ("müll: 'ß' # ä\nlr: 1\n", "lr", 2, "müll: 'ß' # ä\nlr: 2\n"),
]

CORNER_REMOVALS = [
    ("a: 1", "a", "{}"),
    ("a: 1\nb: 2", "b", "a: 1\n"),
    ("- a: 1 # c\n  b: 2\n", "0.a", "- b: 2\n"),
    ("- a: 1 # c\n", "0.a", "- {} # c\n"),
    ("x:\n  - 1\n", "x.0", "x: []\n"),
    ("- - 1\n  - 2\n- 3\n", "0.0", "- - 2\n- 3\n"),
    ("a: |\n  one\n  two\n# c\nb: 1\n", "a", "# c\nb: 1\n"),
    ("{a, b}", "a", "{b}"),
]


@pytest.mark.parametrize(("path", "value", "old", "new"), SETS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_set(path: str, value: Any, old: str, new: str, newline: str) -> None:
    expected = TEXT.replace(old, new) if old else TEXT
    edited = set_value(TEXT.replace("\n", newline), path, value)
    assert edited == expected.replace("\n", newline)


@pytest.mark.parametrize(("path", "old", "new"), REMOVALS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_remove(path: str, old: str, new: str, newline: str) -> None:
    expected = TEXT.replace(old, new) if old else TEXT
    assert remove_value(TEXT.replace("\n", newline), path) == expected.replace("\n", newline)


@pytest.mark.parametrize(("text", "path", "value", "new"), CORNERS)
def test_set_in_other_layouts(text: str, path: str, value: Any, new: str) -> None:
    assert set_value(text, path, value) == new


@pytest.mark.parametrize(("text", "path", "new"), CORNER_REMOVALS)
def test_remove_in_other_layouts(text: str, path: str, new: str) -> None:
    assert remove_value(text, path) == new


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("train.lr.x", 1, r"train\.lr is 0\.001, not a mapping; set it as a whole"),
        ("callbacks.4", 1, r"callbacks has no item 4; it has 3 items"),
        ("callbacks.x", 1, r"callbacks has no item x; it has 3 items"),
        ("train.lr", float("nan"), r"nan is not a value that a config can have"),
        ("train.lr", {1, 2}, r"\{1, 2\} is not a value that a config can have"),
        ("", 1, r"expected a dotted path such as train\.lr, got ''"),
        ("a..b", 1, r"expected a dotted path such as train\.lr, got 'a\.\.b'"),
    ],
)
def test_what_cannot_be_set(path: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        set_value(TEXT, path, value)


def test_a_layout_that_cannot_be_edited_is_left_alone() -> None:
    with pytest.raises(ConfigError, match="b cannot be changed in this layout"):
        set_value("a: |+\n  one\n\n", "b", 3)  # the empty line belongs to a


@pytest.mark.parametrize("text", ["a: &x 1\n", "a: [1\n", "a: 1\na: 2\n", "a: .nan\n", "[" * 99])
def test_text_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ConfigProblems):
        set_value(text, "seed", 1)
    with pytest.raises(ConfigProblems):
        remove_value(text, "a")


@pytest.mark.parametrize("path", SHIPPED_PATHS, ids=lambda path: path.name)
def test_shipped_configs_keep_all_other_lines(path: Any) -> None:
    text = path.read_text()
    edited = set_value(text, "train.lr", 0.125)
    changed = [(a, b) for a, b in zip(text.split("\n"), edited.split("\n"), strict=True) if a != b]
    assert len(changed) == 1
    assert "lr: 0.125" in changed[0][1]
    assert changed[0][0].partition("#")[2] == changed[0][1].partition("#")[2]


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8).filter(str.isprintable)
)
KEYS = st.sampled_from(["a", "b", "lr", "name", "x y", "0x", "-", "yes", "é"])
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
    max_size=4,
)


def written(value: Any, draw: Any, indent: int = 0) -> str:
    """A value behind its key or dash, in block or flow style, with comments strewn in."""
    comment = draw(st.sampled_from(["", "  # c", " # a: 1"]))
    if not isinstance(value, (dict, list)) or not value or draw(st.booleans()):
        return f" {json.dumps(value, ensure_ascii=False)}{comment}\n"
    step = draw(st.integers(0 if isinstance(value, list) and indent else 1, 4))
    inner = indent + (step if indent or isinstance(value, list) else max(step, 1))
    lines = [f"{comment}\n"]
    items = value.items() if isinstance(value, dict) else [(None, item) for item in value]
    for key, item in items:
        if draw(st.booleans()):
            lines.append(f"{' ' * inner}# {draw(st.sampled_from(['note', '- x', 'a: 1']))}\n")
        head = "-" if key is None else f"{json.dumps(key, ensure_ascii=False)}:"
        lines.append(f"{' ' * inner}{head}{written(item, draw, inner + 1)}")
    return "".join(lines)


@st.composite
def documents(draw: Any) -> tuple[str, dict[str, Any]]:
    tree = draw(TREES)
    text = "".join(
        f"{json.dumps(key, ensure_ascii=False)}:{written(value, draw)}"
        for key, value in tree.items()
    )
    return text, tree


def paths_in(value: Any) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[tuple[str | int, ...]] = []
    for key, item in items:
        found.append((key,))
        if isinstance(item, (dict, list)):
            found += [(key, *rest) for rest in paths_in(item)]
    return found


def comments_of(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip().startswith("#")]


@settings(max_examples=100)
@given(documents(), st.data())
def test_set_any_value_anywhere(document: tuple[str, dict[str, Any]], data: Any) -> None:
    text, tree = document
    assert read(text, "")[0].data == tree
    path = data.draw(st.sampled_from(paths_in(tree)))
    new = data.draw(SCALARS)
    edited = set_value(text, ".".join(map(str, path)), new)
    result = read(edited, "")[0]
    assert result.problems == []
    assert repr(value_at(result.data, path)) == repr(new) or value_at(tree, path) == new
    if not isinstance(value_at(tree, path), (dict, list)):
        assert comments_of(edited) == comments_of(text)
        before, after = text.split("\n"), edited.split("\n")
        assert sum(a != b for a, b in zip(before, after, strict=True)) <= 1


@settings(max_examples=100)
@given(documents(), st.data())
def test_insert_and_remove_again(document: tuple[str, dict[str, Any]], data: Any) -> None:
    text, tree = document
    parents = [(), *(p for p in paths_in(tree) if isinstance(value_at(tree, p), dict))]
    path = ".".join(map(str, (*data.draw(st.sampled_from(parents)), "new", "key")))
    value = data.draw(SCALARS)
    edited = set_value(text, path, value)
    assert edited != text
    removed = remove_value(edited, path.removesuffix(".key"))
    assert read(removed, "")[0].data == tree
    assert comments_of(removed) == comments_of(text)
