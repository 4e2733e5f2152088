"""Misspelt names are answered with the one that was meant, wherever a name is typed."""

import pytest

from engine.config import loads
from engine.data import DATASETS, load
from engine.errors import EngineError
from engine.models import build, preset
from engine.suggest import did_you_mean, suggestion

BASE = "dataset: mnist_mini\nmodel: mlp\n"

PLACES = {
    "data set": lambda: load("mnits"),
    "preset": lambda: preset("lenet_mist", 10),
    "layer": lambda: build(["Relu"], (1, 28, 28)),
    "argument": lambda: build([{"Conv2D": {"kernelsize": 3}}], (1, 28, 28)),
    "data set of a config": lambda: loads(BASE.replace("mnist_mini", "mnist_min")),
    "key": lambda: loads(BASE + "sed: 1\n"),
    "value": lambda: loads(BASE + "train: {optimizer: adm}\n"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_misspelt_name_is_answered(place: str) -> None:
    with pytest.raises(EngineError, match=r"Did you mean '\w+'\?"):
        PLACES[place]()


@pytest.mark.parametrize("word", ["xyzzy", "", "m" * 65, None, 3, ["mnist"]])
def test_what_is_like_nothing_gets_no_answer(word: object) -> None:
    assert did_you_mean(word, DATASETS) is None
    assert suggestion(word, DATASETS) == ""


def test_capital_letters_do_not_matter() -> None:
    assert did_you_mean("MNIST", DATASETS) == "mnist"
