"""Values from the command line over those of the file."""

import pytest

from engine.callbacks import EarlyStopping, ModelCheckpoint
from engine.config import loads
from tests.support.config_text import BASE, EXAMPLE, problems_of

# override: the line of the error
WRONG = {
    "train.lr=fast": "train.lr: expected a number > 0, got 'fast'",
    "train.lr=": "train.lr: expected a number > 0, got null",
    "train.lr=0.01s": "train.lr: expected a number > 0, got '0.01s'",
    "train.epoch=3": "train.epoch: unknown key. Did you mean 'epochs'?",
    "train.lr.x=1": "train.lr.x: train.lr is 0.01, not a mapping; set it as a whole",
    "train.5=1": "train.5: unknown key; expected one of epochs, batch_size, lr, loss, ",
    "callbacks.2.x=max": "callbacks.2.x: callbacks has the items 0 to 1",
    "callbacks.x=1": "callbacks.x: callbacks has the items 0 to 1",
    "callbacks.-1=1": "callbacks.-1: callbacks has the items 0 to 1",
    f"callbacks.{'9' * 50}=1": f"callbacks.{'9' * 39}…: callbacks has the items 0 to 1",
    "callbacks.0.early_stopping.patience=-3": "callbacks.0.early_stopping.patience: expected a ",
    "train.lr": "expected KEY=VALUE, e.g. train.lr=0.1",
    "=1": "expected KEY=VALUE, e.g. train.lr=0.1",
    "train..lr=1": "expected KEY=VALUE, e.g. train.lr=0.1",
    "seed=0123": "seed: a number with a leading zero is ambiguous, got 0123; write 123, or",
    "seed=&a 1": "seed: anchors (&) are not supported; leave it out",
    "seed=.nan": "seed: expected a finite number, got .nan",
    "seed=[1": "seed: a '[' without its ']', or a ',' is missing inside (at '[1')",
    "seed=- 1": "seed: expected one value; write a mapping as {key: value}, a list as [a, b]",
    "train=lr: 1": "train: expected one value; write a mapping as {key: value}, a list as [a, b]",
    "train.scheduler.name=cosine": "",  # the file's step_size does not belong to it
    "layers=[Flatten]": "layers: expected either 'model' or 'layers', got both; leave one out",
    "data.augment.shift=99": "data.augment.shift: expected a whole number from 0 to 64, got 99",
}


@pytest.mark.parametrize("override", WRONG)
def test_problems_name_the_override(override: str) -> None:
    if override == "train.scheduler.name=cosine":
        lines = problems_of(EXAMPLE, override)
        assert [line.split(": ")[0] for line in lines] == ["mnist.yaml:13:5", "mnist.yaml:14:5"]
        return
    (line,) = problems_of(EXAMPLE, override)
    shown = override if len(override) <= 60 else f"{override[:59]}…"
    assert line.startswith(f"--set {shown}: {WRONG[override]}")


def test_problems_of_file_and_overrides_together() -> None:
    lines = problems_of(f"{BASE}seed: x\n", "train.lr=fast", "train.epochs=0")
    assert [line.split(": ")[0] for line in lines] == [
        "mnist.yaml:3:7",
        "--set train.lr=fast",
        "--set train.epochs=0",
    ]


def test_an_override_is_shown_without_control_characters() -> None:
    (line,) = problems_of(BASE, 'name="\x1b[31m\u202e"')
    assert line.startswith('--set name="[31m": name: a character that is not text (U+001B)')


def test_values() -> None:
    config = loads(
        EXAMPLE,
        overrides=[
            "train.lr=1e-3",
            "train.nesterov=true",
            "train.scheduler=null",
            "train.betas=[0.8, 0.9]",
            "train.warmup={steps: 5}",
            "name='2024'",
            "callbacks.0.early_stopping.patience=3",
            "callbacks.1.checkpoint.filepath=a=b.npz",
            " seed =7",
        ],
    )
    train = config.train
    assert (train.lr, train.nesterov, train.scheduler) == (1e-3, True, None)
    assert train.betas == (0.8, 0.9)
    assert train.warmup is not None
    assert train.warmup.steps == 5
    assert (config.name, config.seed) == ("2024", 7)
    first, second = config.callbacks
    assert isinstance(first.options, EarlyStopping.Options)
    assert isinstance(second.options, ModelCheckpoint.Options)
    assert first.options.patience == 3
    assert str(second.options.filepath) == "a=b.npz"
    assert train.epochs == 10  # the rest is the file's


def test_sections_on_the_way_are_made() -> None:
    assert loads(BASE, overrides=["data.augment.shift=2"]).data.augment.shift == 2
    assert loads(f"{BASE}train:\n", overrides=["train.lr=2"]).train.lr == 2.0


def test_the_last_one_counts() -> None:
    assert loads(BASE, overrides=["seed=1", "seed=x", "seed=3"]).seed == 3


def test_a_wrong_value_in_the_file_can_be_overridden() -> None:
    assert loads(f"{BASE}seed: x\n", overrides=["seed=1"]).seed == 1


def test_the_model_can_be_swapped_for_layers() -> None:
    config = loads(BASE, overrides=["model=null", "layers=[Flatten, Dense: {out_features: 10}]"])
    assert config.specs == ["Flatten", {"Dense": {"out_features": 10}}]


def test_a_layer_can_be_set() -> None:
    text = "dataset: mnist\nlayers: [Flatten, Dropout, Dense: {out_features: 10}]\n"
    assert loads(text, overrides=["layers.1=ReLU"]).specs[1] == "ReLU"
    (line,) = problems_of(text, "layers.2.Dense.out_features=11")
    assert line.startswith("mnist.yaml:2:28: layers.2: the network ends with shape 11")


@pytest.mark.parametrize(
    "key", ["\udcff", "train.\udcff", "train.l\u202er", "\x1b[31m", "callbacks.0.\udcff"]
)
def test_a_key_with_invisible_characters_is_a_problem(key: str) -> None:
    (line,) = problems_of(BASE, f"{key}=1")
    assert line.endswith("unknown key, with invisible characters in it")
