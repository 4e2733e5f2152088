"""Sizes without sense: whatever the integers of a config are, they are judged, and in one line."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.checkpoints import archive
from engine.config import Config, loads
from engine.config.errors import ConfigProblems
from engine.data import Batches, Split
from engine.inspection.estimate import memory_bytes
from engine.models import build
from engine.models.memory import (
    MAX_SAMPLE_BYTES,
    MAX_SAVED_BYTES,
    MAX_TRAINING_BYTES,
    sample_bytes,
    training_bytes,
)
from engine.parallel.workers import Workers
from engine.train import factory
from engine.train.trainer import Trainer

IMAGE = (1, 28, 28)
CALLS = 2_000_000
"""Calls of functions that a check may take; a config as people write it takes some thousand."""
LONGEST = 600
"""Characters of a line."""
SMALL = 64 << 20
"""Bytes that a test may train with."""

LAYERS: dict[str, tuple[str, ...]] = {
    "Conv2D": ("out_channels", "kernel_size", "stride", "padding", "dilation", "groups"),
    "MaxPool2D": ("kernel_size", "stride", "padding"),
    "AvgPool2D": ("kernel_size", "stride", "padding"),
    "Dense": ("out_features",),
    "BatchNorm1D": ("num_features",),
    "BatchNorm2D": ("num_features",),
}

sizes = st.one_of(
    st.integers(0, 9),
    st.integers(-2, 70_000),
    st.sampled_from([600, 30_000, 65_536, 2**31, 2**32, 4 * 10**12, 2**62, 2**63 - 1, 2**64]),
    st.integers(10**20, 10**40),
)
numbers = st.one_of(sizes, st.lists(sizes, min_size=2, max_size=2))


@st.composite
def layer(draw: st.DrawFn) -> Any:
    name = draw(st.sampled_from(["Flatten", "GlobalAvgPool2D", "ReLU", *LAYERS, "Residual"]))
    if name == "Residual":
        return {name: {"body": draw(st.lists(layer(), min_size=1, max_size=2))}}
    known = LAYERS.get(name, ())
    wanted = draw(st.lists(st.sampled_from(known), unique=True)) if known else []
    arguments = {key: draw(numbers) for key in {*known[:2], *wanted} if key != "num_features"}
    return {name: arguments} if arguments else name


@st.composite
def text(draw: st.DrawFn) -> str:
    layers = draw(st.lists(layer(), max_size=4))
    end = [] if draw(st.booleans()) else ["Flatten", {"Dense": {"out_features": 10}}]
    train = {key: draw(sizes) for key in draw(st.sets(st.sampled_from(["batch_size", "workers"])))}
    return yaml.safe_dump(
        {"dataset": "mnist_mini", "layers": [*layers, *end] or ["ReLU"], "train": train}
    )


def bounded(task: Callable[[], Any]) -> Any:
    """What a task gives, which may call ``CALLS`` functions at most."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")
        assert calls < CALLS, "it never ends"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        return task()
    finally:
        sys.setprofile(before)


def judged(words: str) -> Config | None:
    """The config, or None if it was refused, in lines as they should be."""
    try:
        return bounded(lambda: loads(words, "test.yaml"))
    except ConfigProblems as problems:
        lines = str(problems).splitlines()
        assert all(len(line) < LONGEST and line.isprintable() for line in lines), lines
        return None


@pytest.mark.proof
@settings(max_examples=300, deadline=None)
@given(text())
def test_any_size_is_judged(words: str) -> None:
    config = judged(words)
    if config is None:
        return
    model = build(config.specs, IMAGE)
    assert sample_bytes(model, IMAGE) <= MAX_SAMPLE_BYTES
    size = training_bytes(model, IMAGE, config.train.batch_size, config.train.workers)
    assert size <= MAX_TRAINING_BYTES
    # What is accepted can be trained, within what was estimated.
    if memory_bytes(config) < SMALL and model.multiply_adds(IMAGE) < 1e7 and cheap(model):
        step(config)


def cheap(model: Any) -> bool:
    windows = [layer.window.kernel for layer in model.walk() if hasattr(layer, "window")]
    return all(rows * columns < 2_000 for rows, columns in windows)


def step(config: Config) -> None:
    """One step on two samples."""
    model = factory.make_model(config)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, *IMAGE), dtype=np.uint8)
    split = Split(images, np.array([0, 1]))
    batches = Batches(split, np.arange(2), 2, seed=0, shuffle=False, mean=(0.5,), std=(0.25,))
    with Workers(1) as workers:
        trainer = Trainer(
            model,
            factory.make_loss(config),
            factory.make_optimizer(config),
            seed=0,
            workers=workers,
        )
        trainer.step(batches, 0, 0)


def config(*layers: str, **train: Any) -> str:
    lines = [f"  - {layer}" for layer in (*layers, "Flatten", "Dense: {out_features: 10}")]
    return "\n".join(["dataset: mnist_mini", "layers:", *lines, f"train: {train}"])


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (config("Conv2D: {out_channels: 8, kernel_size: 3, padding: 30000}"), "120.8 GB"),
        (
            config("Conv2D: {out_channels: 1, kernel_size: 3, padding: 30000, stride: 30000}"),
            "layers.0.Conv2D: it takes 13.4 GB of memory for one sample; more than 1.0 GB",
        ),
        (
            config("Conv2D: {out_channels: 1, kernel_size: 3, stride: 4000000000000}"),
            "layers.0.Conv2D.stride: expected at most 1,000,000,000, got 4,000,000,000,000",
        ),
        (
            config("MaxPool2D: {kernel_size: 600, padding: 300}"),
            "layers.0.MaxPool2D.kernel_size: expected at most 65,536 pixels, got 600x600",
        ),
        (
            # 2⁶⁴ weights, which is 0 in 64 bits.
            config(
                "Conv2D: {out_channels: 256, kernel_size: 1}",
                "Residual: {body: [Conv2D: {out_channels: 256, kernel_size: [268435456, 268435456],"
                " padding: [134217728, 134217728]}]}",
            ),
            "GB of memory for one sample",
        ),
        (
            config(
                "Conv2D: {out_channels: 100, kernel_size: 5, padding: 500}",
                "ReLU",
                "Tanh",
                "GlobalAvgPool2D",
            ),
            "layers: all layers together take 1.2 GB of memory for one sample",
        ),
        (
            config("Conv2D: {out_channels: 128, kernel_size: 3}", "BatchNorm2D", batch_size=65536),
            "train.batch_size: training with batches of 65536 takes about",
        ),
        (
            config("Flatten", "Dense: {out_features: 450000}", optimizer="adam", batch_size=8),
            "with adam; more than 3.7 GB are refused",
        ),
        (config(f"Flatten: {{x: {'9' * 20_000}}}"), "a number out of range"),
        (config(f"Conv2D: {{out_channels: 0x{'f' * 9_000}, kernel_size: 3}}"), "whole number >= 1"),
        (config(*["Residual: {body: [" + ", ".join(["ReLU"] * 400) + "]}"] * 4), "1000 layers in"),
    ],
    ids=lambda value: value[:30] if value[:1] != "d" else "",
)
def test_what_is_too_large_is_refused_with_the_figure(words: str, reason: str) -> None:
    with pytest.raises(ConfigProblems) as info:
        bounded(lambda: loads(words, "test.yaml"))
    problems = str(info.value).splitlines()
    assert any(reason in line for line in problems), problems
    assert all(len(line) < LONGEST for line in problems)


def test_the_largest_checkpoint_that_is_allowed_has_room_in_its_file() -> None:
    assert MAX_SAVED_BYTES + archive.MANIFEST_LIMIT < archive.SIZE_LIMIT
