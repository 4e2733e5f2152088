"""Likely mistakes in configs: which get which advice, and where it points to."""

import math

import pytest

from engine.config import advise, load, loads, locate
from tests.support.conformance import PROMISES
from tests.support.shipped_configs import SHIPPED_PATHS


def config_text(*layers: str, loss: str = "cross_entropy", more: str = "") -> str:
    listed = "".join(f"  - {layer}\n" for layer in layers)
    return f"dataset: mnist_mini\nlayers:\n{listed}train:\n  loss: {loss}\n{more}"


def advice_of(text: str) -> list[tuple[str, str]]:
    return [(advice.level, advice.key) for advice in advise(loads(text))]


@pytest.mark.parametrize("path", SHIPPED_PATHS, ids=lambda path: path.stem)
def test_the_configs_that_ship_get_no_warning(path: object) -> None:
    warnings = [str(a) for a in advise(load(path)) if a.level == "warning"]  # type: ignore[arg-type]
    assert warnings == []


HEAD = ("Flatten", "Dense: {out_features: 10}")
UNLIMITED = (-math.inf, math.inf)
BOUNDING = {
    case.layer
    for case in PROMISES.values()
    if not case.arguments and case.make().output_range(*UNLIMITED) != UNLIMITED
}
"""Activations that limit the scores; the conformance table proves what they say of their range."""

BOUNDED = [
    *((name, (*HEAD, name), f"layers.2.{name}") for name in sorted(BOUNDING)),
    ("LeakyReLU(0)", (*HEAD, "LeakyReLU: {negative_slope: 0}"), "layers.2.LeakyReLU"),
    ("dropout after it", (*HEAD, "ReLU", "Dropout"), "layers.2.ReLU"),
    ("one after the other", (*HEAD, "ReLU", "Softmax"), "layers.3.Softmax"),
    (
        "pooled to scores",
        ("Conv2D: {out_channels: 10, kernel_size: 3}", "ReLU", "GlobalAvgPool2D"),
        "layers.1.ReLU",
    ),
    (
        "flattened to scores",
        ("Conv2D: {out_channels: 10, kernel_size: 28}", "Tanh", "Flatten"),
        "layers.1.Tanh",
    ),
    (
        "in both branches",
        (*HEAD, "Residual: {body: [ReLU], shortcut: [Sigmoid]}"),
        "layers.2.Residual",
    ),
]
FREE = [
    HEAD,
    (*HEAD, "LeakyReLU"),
    (*HEAD, "Dropout"),
    (*HEAD, "BatchNorm1D"),
    (*HEAD, "ReLU", "Dense: {out_features: 10}"),
    (*HEAD, "Residual: {body: [ReLU]}"),
    (*HEAD, "Softmax", "BatchNorm1D"),
]


@pytest.mark.parametrize(
    ("layers", "where"), [row[1:] for row in BOUNDED], ids=[r[0] for r in BOUNDED]
)
def test_an_activation_that_takes_scores_away_is_named(layers: tuple[str, ...], where: str) -> None:
    text = config_text(*layers)
    (advice,) = advise(loads(text))
    assert (advice.level, advice.key) == ("warning", where)
    assert "cross_entropy expects unlimited scores" in advice.message
    assert "remove it" in advice.message
    line, column = locate(text, advice.path)
    name = where.rpartition(".")[2]
    assert text.splitlines()[line - 1][column - 1 :].startswith(name)


@pytest.mark.parametrize("layers", FREE, ids=str)
def test_scores_of_any_size_are_left_alone(layers: tuple[str, ...]) -> None:
    assert advice_of(config_text(*layers)) == []


@pytest.mark.parametrize("name", sorted(BOUNDING))
def test_the_squared_error_may_have_any_activation(name: str) -> None:
    assert advice_of(config_text(*HEAD, name, loss="mse")) == []


def test_a_cosine_that_rises_again_is_said() -> None:
    cosine = "  epochs: {}\n  scheduler: {{name: cosine, T_max: {}}}\n"
    text = config_text(*HEAD, more=cosine.format(20, 12))
    (advice,) = advise(loads(text))
    assert (advice.level, advice.key) == ("warning", "train.scheduler.T_max")
    assert "lowest after epoch 12 and rises again until epoch 20" in advice.message
    for epochs, bottom in ((20, 20), (20, 19), (20, 30), (1, 1)):
        assert advice_of(config_text(*HEAD, more=cosine.format(epochs, bottom))) == []
    assert advice_of(config_text(*HEAD, more="  scheduler: {name: cosine}\n")) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("{validation: 1}", "1 sample cannot cover all 10 classes"),
        ("{validation: 9}", "9 samples cannot cover all 10 classes"),
        ("{validation: 0.1, limit: 40}", "4 samples cannot cover all 10 classes"),
    ],
)
def test_a_validation_of_a_few_samples_is_said(data: str, words: str) -> None:
    (advice,) = advise(loads(config_text(*HEAD) + f"data: {data}\n"))
    assert (advice.level, advice.key) == ("warning", "data.validation")
    assert words in advice.message


def test_a_validation_of_ten_samples_may_show_all_classes() -> None:
    assert advice_of(config_text(*HEAD) + "data: {validation: 10}\n") == []


def test_the_floor_of_a_smoothed_loss_is_noted() -> None:
    (advice,) = advise(loads(config_text(*HEAD, more="  label_smoothing: 0.1\n")))
    assert (advice.level, advice.key) == ("note", "train.label_smoothing")
    target = [0.91] + 9 * [0.01]
    floor = -sum(q * math.log(q) for q in target)
    assert f"cannot fall below {floor:.3f}" in advice.message


CONV = "Conv2D: {out_channels: 2, kernel_size: 28}"


@pytest.mark.parametrize(
    ("layers", "optimizer", "words"),
    [
        (HEAD, "muon", "is for convolutions"),
        ((CONV, *HEAD), "muon", "put BatchNorm2D behind each"),
        ((CONV, "BatchNorm2D", *HEAD), "muon", ""),
        (HEAD, "sgd", ""),
        ((CONV, *HEAD), "sgd", ""),
    ],
)
def test_muon_wants_convolutions_with_a_batch_norm_behind(
    layers: tuple[str, ...], optimizer: str, words: str
) -> None:
    found = advise(loads(config_text(*layers, more=f"  optimizer: {optimizer}\n")))
    assert [(advice.level, advice.key) for advice in found] == (
        [("warning", "train.optimizer")] if words else []
    )
    assert all(words in str(advice) for advice in found)
