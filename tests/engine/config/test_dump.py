"""From a config to YAML and back, and the hash of what determines a run's result."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import Config, config_hash, dump, loads
from engine.config.dump import inline
from engine.config.yaml_reader import read
from tests.support.config_text import EXAMPLE

POSITIVE = st.floats(min_value=1e-300, max_value=1e300)
FRACTION = st.floats(min_value=0.0, max_value=1.0, exclude_max=True)
COUNT = st.integers(1, 100_000)
PATH = st.text(min_size=1, max_size=20).filter(
    lambda text: bool(text.strip()) and text.isprintable() and "\0" not in text
)


def mapping(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


def scheduler(
    name: str, required: dict[str, Any], **optional: Any
) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"name": st.just(name), **required}, optional=optional)


CONFIGS = st.fixed_dictionaries(
    {"dataset": st.sampled_from(["mnist", "cifar10"]), "model": st.sampled_from(["mlp"])},
    optional={
        "name": st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", fullmatch=True),
        "seed": st.integers(0, 2**32 - 1),
        "runs_dir": PATH,
        "data": mapping(
            root=PATH | st.none(),
            validation=st.floats(0.01, 0.99) | st.integers(1, 4999),
            augment=mapping(shift=st.integers(0, 27), flip=st.booleans()),
        ),
        "train": mapping(
            epochs=COUNT,
            lr=POSITIVE,
            betas=st.tuples(FRACTION, FRACTION).map(list),
            weight_decay=st.just(0.0) | POSITIVE,
            clip_norm=POSITIVE | st.none(),
            label_smoothing=FRACTION,
            class_weights=st.none() | st.just("balanced"),
            scheduler=st.one_of(
                st.none(),
                scheduler("StepLR", {"step_size": COUNT}),
                scheduler("multi_step", {"milestones": st.just([1, 5])}),
                scheduler("plateau", {}, patience=COUNT, monitor=st.just("acc")),
                scheduler("cosine", {}, T_max=COUNT | st.none(), eta_min=POSITIVE),
            ),
            warmup=st.none() | mapping(steps=COUNT),
        ),
        "callbacks": st.lists(
            st.sampled_from(["terminate_on_nan", "early_stopping"])
            | mapping(patience=COUNT, min_delta=POSITIVE).map(lambda x: {"early_stopping": x}),
            max_size=3,
        ),
    },
)

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(max_size=12)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=6).filter(str.isprintable), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=20)
@given(CONFIGS)
def test_round_trip(values: dict[str, Any]) -> None:
    config = loads(json.dumps(values, ensure_ascii=False))  # JSON is YAML
    text = dump(config)
    assert loads(text) == config
    assert config_hash(loads(text)) == config_hash(config)
    assert dump(loads(text)) == text


@pytest.mark.parametrize("word", ["yes", "1e-3", "0123", "null", "12", "true", "1_000", "on", "~"])
def test_words_that_could_be_something_else_get_quotes(word: str) -> None:
    written = inline(word)
    assert written == f"'{word}'"
    assert read(f"a: {written}", "")[0].data == {"a": word}


@settings(max_examples=150)
@given(PLAIN.filter(lambda value: value != ""))
def test_inline_values_come_back(value: Any) -> None:
    written = inline(value)
    assert "\n" not in written
    for text, around in [(f"a: {written}\n", "a"), (f"{{b: {written}, a: 1}}\n", "b")]:
        document, _ = read(text, "")
        assert document.problems == []
        assert document.data[around] == value
        assert repr(document.data[around]) == repr(value)  # 1 is not 1.0, nor true


def test_dump_states_every_value() -> None:
    text = dump(loads(EXAMPLE, "lenet.yaml"))
    for line in ["name: lenet", "  lr: 0.01", "  nesterov: false", "  betas: [0.9, 0.999]"]:
        assert f"\n{line}\n" in f"\n{text}"
    assert "layers" not in text


def changed(*overrides: str) -> Config:
    return loads(EXAMPLE, overrides=overrides)


@pytest.mark.parametrize(
    "override",
    [
        "name=other",
        "runs_dir=x",
        "reports_dir=x",
        "data.root=x",
        "train.workers=7",
        "train.film=false",
        "train.checkpoint_every.seconds=5",
        "callbacks.1.checkpoint.filepath=x.npz",
        "callbacks=[early_stopping: {}, checkpoint: {filepath: a}, terminate_on_nan]",
        "callbacks=[early_stopping: {}, checkpoint: {filepath: a}, csv_logger: {filepath: b}]",
        "train.scheduler={name: StepLR, gamma: 5e-1, step_size: 5}",
        "train.lr=1e-2",
        "train.nesterov=false",
        "train.micro_batch=32",
        "train.portable=false",
    ],
)
def test_the_hash_does_not_depend_on(override: str) -> None:
    reference = changed("callbacks.1.checkpoint.mode=auto")
    assert config_hash(changed("callbacks.1.checkpoint.mode=auto", override)) == config_hash(
        reference
    )


@pytest.mark.parametrize(
    "override",
    [
        "dataset=mnist_mini",
        "model=mlp",
        "seed=43",
        "data.validation=0.2",
        "train.micro_batch=16",
        "train.portable=true",
        "data.augment.shift=1",
        "train.epochs=11",
        "train.lr=0.02",
        "train.scheduler.gamma=0.6",
        "train.warmup={steps: 5}",
        "callbacks.0.early_stopping.patience=6",
        "callbacks.1.checkpoint.monitor=acc",
    ],
)
def test_the_hash_depends_on(override: str) -> None:
    assert config_hash(changed(override)) != config_hash(changed())
