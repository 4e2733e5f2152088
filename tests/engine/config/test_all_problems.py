"""All problems at once: none hides another that can be known beside it."""

import copy
from itertools import combinations
from typing import Any

import pytest
import yaml

from engine.config import ConfigProblems, loads
from engine.models import PRESETS, preset, spec_problems
from tests.support.conformance import CASES
from tests.support.proofs import rest_as_proofs

GOOD: dict[str, Any] = {
    "dataset": "mnist_mini",
    "layers": [
        {"Conv2D": {"out_channels": 8, "kernel_size": 3}},
        "ReLU",
        {"MaxPool2D": {"kernel_size": 2}},
        {"Residual": {"body": ["ReLU", {"Dropout": {"p": 0.1}}]}},
        "Flatten",
        {"Dense": {"out_features": 10}},
    ],
    "data": {"limit": 600, "augment": {"shift": 1}},
    "train": {"lr": 0.1, "optimizer": "sgd"},
    "callbacks": [],
}

FAULTS: dict[str, tuple[str, Any]] = {
    "a shape": ("layers.0.Conv2D.kernel_size", 99),
    "a misspelt layer": ("layers.1", "Relu"),
    "a misspelt argument": ("layers.2.MaxPool2D.kernel", 2),
    "the value of an argument": ("layers.2.MaxPool2D.kernel_size", 0),
    "a misspelt layer inside": ("layers.3.Residual.body.0", "Rely"),
    "the value of an argument inside": ("layers.3.Residual.body.1.Dropout.p", 2),
    "no layer": ("layers.4", 5),
    "an argument of the last layer": ("layers.5.Dense.biass", True),
    "a data set": ("dataset", "mnst"),
    "a model as well": ("model", "mlp"),
    "a limit": ("data.limit", 10**6),
    "an augmentation": ("data.augment.shift", 40),
    "a value": ("train.lr", "fast"),
    "a key": ("train.epoch", 3),
    "a conflict": ("train.nesterov", True),
    "a scheduler": ("train.scheduler", {"name": "cosinus"}),
    "a callback": ("callbacks", [{"early_stoping": {}}]),
    "a name": ("name", "../x"),
}

UNKNOWABLE = {
    ("a data set", "a shape"),
    ("a data set", "a limit"),
    ("a data set", "an augmentation"),
    ("no layer", "a model as well"),
}
"""The first makes the second one a question without an answer."""


def _with(*faults: str) -> dict[str, Any]:
    data = copy.deepcopy(GOOD)
    for fault in faults:
        path, value = FAULTS[fault]
        *parents, last = path.split(".")
        at: Any = data
        for part in parents:
            at = at[int(part) if isinstance(at, list) else part]
        at[int(last) if isinstance(at, list) else last] = value
    return data


def _problems(*faults: str) -> set[tuple[str, str]]:
    try:
        loads(yaml.safe_dump(_with(*faults), sort_keys=False))
    except ConfigProblems as error:
        return {(problem.path, problem.message) for problem in error.problems}
    return set()


def test_without_a_fault_there_is_no_problem() -> None:
    assert _problems() == set()


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_is_one_problem(fault: str) -> None:
    assert len(_problems(fault)) == 1


@pytest.mark.parametrize(
    ("one", "other"), rest_as_proofs(combinations(FAULTS, 2), every=4, rows=True)
)
def test_no_problem_hides_another(one: str, other: str) -> None:
    alone = set()
    for fault, hidden_by in ((one, other), (other, one)):
        if (hidden_by, fault) not in UNKNOWABLE:
            alone |= _problems(fault)
    together = _problems(one, other)
    assert alone <= together
    assert len(together) <= 2


def test_all_faults_that_can_be_known_together() -> None:
    assert len(_problems(*FAULTS)) == len(FAULTS) - len(UNKNOWABLE)


@pytest.mark.parametrize("name", PRESETS)
def test_a_network_whose_shapes_are_not_known_is_good(name: str) -> None:
    assert spec_problems(preset(name, 10), None) == []


def test_every_layer_behind_one_that_does_not_fit_is_good() -> None:
    layers = [{case.layer: case.arguments} for case in CASES]
    unknown, *others = spec_problems(["Sigmoyd", *layers], (3, 8, 8))
    assert unknown.path == (0, "Sigmoyd")
    assert others == []
