"""What every registered callback promises, without a row of its own."""

import inspect
import json
from pathlib import Path

import pytest

from engine.callbacks import CALLBACKS, Callback
from engine.callbacks.callback import register
from engine.config import loads
from tests.engine.callbacks.test_callbacks import Play
from tests.support.config_text import BASE

every_callback = pytest.mark.parametrize("name", CALLBACKS)


def make(name: str) -> Callback:
    if name == "tensorboard":
        pytest.importorskip(name, reason="tensorboard is not installed")
    cls = CALLBACKS[name]
    options = cls.Options(**cls.Options.starting_values("mine"))
    return cls(**options.model_dump())


@every_callback
def test_its_options_are_what_its_constructor_takes(name: str) -> None:
    taken = inspect.signature(CALLBACKS[name]).parameters
    assert CALLBACKS[name].Options.model_fields.keys() == taken.keys()


@every_callback
def test_a_config_can_name_it(name: str) -> None:
    cls = CALLBACKS[name]
    values = json.dumps(cls.Options.starting_values("mine"))
    (item,) = loads(f"{BASE}callbacks:\n  - {name}: {values}\n").callbacks
    assert item.callback is cls
    assert isinstance(item.options, cls.Options)
    assert cls.summary


@every_callback
def test_its_state_is_json_and_comes_back(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one, other = make(name), make(name)
    Play(one).epochs("val_loss", [3.0, 2.0])
    Play(other)
    other.load_state_dict(json.loads(json.dumps(one.state_dict())))
    assert other.state_dict() == one.state_dict()
    shapes = {key: array.shape for key, array in one.arrays().items()}
    assert {key: array.shape for key, array in other.arrays().items()} == shapes


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="there are two callbacks named csv_logger"):
        register("csv_logger", "again")(Callback)
