"""What loads, and to which values."""

from pathlib import Path

import pytest

from engine.callbacks import EarlyStopping, ModelCheckpoint, TerminateOnNaN
from engine.config import load, loads
from engine.schedulers import StepLR
from tests.support.config_text import BASE, EXAMPLE, train_of


def test_the_example_loads_as_it_stands() -> None:
    config = loads(EXAMPLE)
    assert (config.dataset, config.model, config.seed) == ("mnist", "lenet_mnist", 42)
    train = config.train
    assert (train.epochs, train.batch_size, train.lr) == (10, 128, 0.01)
    assert (train.optimizer, train.momentum, train.weight_decay) == ("momentum", 0.9, 5e-4)
    assert isinstance(train.scheduler, StepLR.Options)
    assert train.scheduler.model_dump() == {"name": "step", "step_size": 5, "gamma": 0.5}
    first, second = config.callbacks
    assert isinstance(first.options, EarlyStopping.Options)
    assert (first.options.monitor, first.options.patience) == ("val_loss", 5)
    assert isinstance(second.options, ModelCheckpoint.Options)
    assert second.options.filepath == Path("checkpoints/lenet_best.npz")
    assert (second.options.monitor, second.options.mode) == ("val_acc", "max")


def test_defaults() -> None:
    config = loads(BASE)
    assert config.data.validation == 0.1
    assert config.train.betas == (0.9, 0.999)
    assert config.train.scheduler is None
    assert config.train.checkpoint_every.seconds == 600.0
    assert config.callbacks == ()
    assert (config.runs_dir, config.reports_dir) == (Path("runs"), Path("reports"))


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-3", 1e-3),
        ("5e-4", 5e-4),
        ("1E+0", 1.0),
        (".5", 0.5),
        ("2.", 2.0),
        ("+0.25", 0.25),
        ("1", 1.0),
        ("0.5e1", 5.0),
    ],
)
def test_numbers_as_people_write_them(written: str, value: float) -> None:
    lr = train_of(f"lr: {written}").train.lr
    assert lr == value
    assert isinstance(lr, float)


@pytest.mark.parametrize("written", ["true", "True", "TRUE"])
def test_true(written: str) -> None:
    text = f"optimizer: momentum\nnesterov: {written}"
    assert train_of(text).train.nesterov is True


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "y", "2024-01-01", "1_000", "0x1f"])
def test_words_that_stay_words(word: str) -> None:
    assert loads(f"{BASE}name: {word}\n").name == word


@pytest.mark.parametrize("null", ["null", "~", "Null", ""])
def test_null(null: str) -> None:
    assert train_of(f"clip_norm: {null}").train.clip_norm is None


def test_pytorch_names_of_schedulers() -> None:
    for name, alias, rest in [
        ("step", "StepLR", ", step_size: 3"),
        ("multi_step", "MultiStepLR", ", milestones: [3, 5]"),
        ("exponential", "ExponentialLR", ", gamma: 0.9"),
        ("cosine", "CosineAnnealingLR", ""),
        ("one_cycle", "OneCycleLR", ""),
        ("plateau", "ReduceLROnPlateau", ""),
    ]:
        scheduler = train_of(f"scheduler: {{name: {alias}{rest}}}").train.scheduler
        assert scheduler is not None
        assert scheduler.name == name
        assert train_of(f"scheduler: {{name: {name}{rest}}}").train.scheduler == scheduler


def test_a_callback_without_options() -> None:
    config = loads(f"{BASE}callbacks:\n- terminate_on_nan\n- early_stopping\n- early_stopping:\n")
    nan, first, second = config.callbacks
    assert nan.callback is TerminateOnNaN
    assert isinstance(first.options, EarlyStopping.Options)
    assert first.options.patience == 5
    assert first == second


def test_validation_as_a_count() -> None:
    assert loads(f"{BASE}data: {{validation: 5000}}").data.validation == 5000


def test_layers_spelled_out() -> None:
    config = loads("dataset: mnist\nlayers:\n- Flatten:\n- Dense: {out_features: 10}\n")
    assert config.model is None
    assert config.specs == ["Flatten", {"Dense": {"out_features": 10}}]


def test_specs_of_a_preset() -> None:
    assert loads(BASE).specs[-1] == {"Dense": {"out_features": 10}}


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("lenet.yaml", "lenet"),
        ("my lenet (2).yaml", "my-lenet-2"),
        (".hidden.yaml", "hidden"),
        ("über.yaml", "ber"),
        ("…", "config"),
        ("a" * 90, "a" * 64),
    ],
)
def test_the_name_comes_from_the_file(file: str, name: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(BASE)
    assert load(tmp_path / file).name == name


def test_the_file_can_state_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{BASE}name: other\n")
    assert load(tmp_path / "a.yaml").name == "other"


def test_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbf" + EXAMPLE.replace("\n", "\r\n").encode())
    assert load(str(tmp_path / "a.yaml")) == loads(EXAMPLE, "a.yaml")
