"""The fuzzing in its short form; ``python tests/fuzz`` is the long one. And what it has found."""

import copy
import importlib.util
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import CheckpointError, EngineError
from tests.fuzz.fuzzing import Report, Target, fuzz
from tests.fuzz.targets import Run, make, read_record
from tests.support.proofs import rest_as_proofs

INPUTS = 60
"""Of every reader; a resume trains, and gets a third of them."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


NEEDS_SAFETENSORS = pytest.mark.skipif(
    importlib.util.find_spec("safetensors") is None, reason="safetensors is not installed"
)


@pytest.fixture(scope="module")
def targets(folder: Path) -> dict[str, Target]:
    return {target.name: target for target in make(folder)}


@pytest.mark.proof
@pytest.mark.parametrize(
    "name",
    [
        "configs",
        "lessons",
        "IDX",
        "CIFAR-10",
        "imports",
        "weights",
        pytest.param("safetensors", marks=NEEDS_SAFETENSORS),
        "plain arrays",
        "run folders",
        "resume states",
        "films",
        "sweeps",
    ],
)
def test_whatever_a_file_holds(targets: dict[str, Target], name: str) -> None:
    count = INPUTS // 3 if name == "resume states" else INPUTS
    report = fuzz(targets[name], count, random.Random(f"tests {name}"))
    assert report.findings == []
    assert report.refused > count // 8, "the case needs inputs that are bad"


def test_no_reader_is_forgotten(targets: dict[str, Target]) -> None:
    assert len(targets) == 12


def misread(item: int) -> object:
    """A reader with all the faults that are looked for."""
    match item:
        case 1:
            raise EngineError("refused")
        case 2:
            raise KeyError("a fault")
        case 3:
            raise EngineError("\x1b[2J")
        case 4:
            return bytes(100_000)
    return bytes(10_000)


@pytest.mark.parametrize(
    ("item", "words"), [(0, []), (1, []), (2, ["KeyError"]), (3, ["message"]), (4, ["bytes"])]
)
def test_a_reader_that_fails_is_found(item: int, words: list[str]) -> None:
    report = fuzz(Target("faulty", [0], lambda rng: item, misread), 3, random.Random(0))
    assert isinstance(report, Report)
    assert (report.inputs, report.refused) == (3, 3 if item in (1, 3) else 0)
    assert len(report.findings) == 3 * len(words)
    assert all(word in reason for word in words for _, reason in report.findings)


# -- what it has found -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("run"))


def _put(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(meta: Any) -> None:
        for key in path[:-1]:
            meta = meta[key]
        meta[path[-1]] = value

    return change


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in some JSON."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _places(item, (*path, key))
    elif isinstance(value, list) and value:
        yield from _places(value[0], (*path, 0))


ANOTHER_TYPE = ("x", "9" * 400, [1], {"a": [1]}, -5, 10**400)


@pytest.mark.parametrize("value", rest_as_proofs(ANOTHER_TYPE), ids=lambda value: str(value)[:12])
def test_a_record_with_any_value_of_another_type_or_size_is_read_or_refused(
    run: Run, value: object
) -> None:
    text = (run.path / "run.json").read_text()
    findings: list[tuple[Any, Exception]] = []
    try:
        for path in _places(json.loads(text)):
            record = json.loads(text)
            _put(*path, value=value)(record)
            (run.path / "run.json").write_text(json.dumps(record))
            try:
                read_record(run)
            except EngineError as error:
                if "\n" in str(error):
                    findings.append((path, error))
            except Exception as error:
                findings.append((path, error))
    finally:
        (run.path / "run.json").write_text(text)
    assert findings == []


@pytest.mark.parametrize(
    "change",
    [
        _put("progress", "lr_scale", value=-1e308),
        _put("progress", "lr_scale", value=1e200),
        _put("progress", "step", value=0.5),
        _put("progress", "epoch", value=-(10**9)),
        _put("progress", "epoch", value=7),
        _put("progress", "epoch", value=True),
        _put("progress", "loss_sum", value="x"),
        _put("progress", "done", value=1),
        _put("progress", "correct", value=True),
        _put("progress", "best", value=[]),
        _put("progress", "best", value={"val_acc": "x"}),
        _put("progress", "stop_reason", value=3),
        _put("history", 0, "val_loss", value=[]),
        _put("history", 0, value={}),
        _put("optimizer", "t", value=-1),
        _put("optimizer", "lr", value=-1),
        _put("optimizer", "lr", value=None),
        _put("scheduler", "inner", "lr", value=-0.1),
        _put("scheduler", "inner", "base_lr", value=1e200),
        _put("callbacks", 1, "best", value="x"),
        _put("callbacks", 1, "wait", value=10**30),
        _put("scheduler", "inner", "best", value={}),
        _put("scheduler", "inner", "bad_epochs", value=0.5),
        _put("provenance", value=3),
        _put("provenance", "weights", value=[]),
        _put("provenance", "parts", value=[{"step": "x"}]),
        _put("provenance", "rates", value=[{"epoch": 0, "step": 0, "lr": -5}]),
        _put("provenance", "rates", value=[{"epoch": 0, "step": 0, "lr": 10**400}]),
    ],
)
def test_a_state_that_we_never_write_is_refused(
    run: Run, change: Callable[[dict[str, Any]], None]
) -> None:
    meta = copy.deepcopy(run.saved.meta)
    change(meta)
    run.write_state(meta)
    with pytest.raises(CheckpointError, match="the checkpoint's state cannot be read"):
        run.resume()
