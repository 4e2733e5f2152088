"""What is refused, and in which words: the messages are part of the promise."""

import pytest

from engine import callbacks, optim, schedulers
from engine.config import ConfigProblems, loads
from engine.errors import ConfigError
from tests.support.config_text import BASE, EXAMPLE, problems_of

TOP_LEVEL = "name, dataset, model, layers, seed, data, train, callbacks, runs_dir, reports_dir"
MODELS = "mlp, lenet_mnist, cnn_bn_mnist, tiny_vgg_cifar10, resnet_cifar10"
SCHEDULERS = ", ".join(schedulers.SCHEDULERS)
CALLBACKS = ", ".join(callbacks.CALLBACKS)
OPTIMIZERS = ", ".join(optim.OPTIMIZERS)
UNFIT = {
    "unknown key": ("sed: 1\n", "1:1: sed: unknown key. Did you mean 'seed'?"),
    "unknown key inside": (
        "train:\n  epoch: 1\n",
        "2:3: train.epoch: unknown key. Did you mean 'epochs'?",
    ),
    "in the wrong place": ("lr: 0.1\n", "1:1: lr: unknown key here. Did you mean 'train.lr'?"),
    "like nothing": ("xyzzy: 1\n", f"1:1: xyzzy: unknown key; expected one of {TOP_LEVEL}"),
    "word for number": (
        "train:\n  lr: fast\n",
        "2:7: train.lr: expected a number > 0, got 'fast'",
    ),
    "boolean for number": (
        "train: {lr: true}\n",
        "1:13: train.lr: expected a number > 0, got true",
    ),
    "boolean for whole number": (
        "train: {epochs: true}\n",
        "1:17: train.epochs: expected a whole number from 1 to 100000, got true",
    ),
    "fraction for whole number": (
        "train: {epochs: 10.0}\n",
        "1:17: train.epochs: expected a whole number from 1 to 100000, got 10.0",
    ),
    "yes for true": (
        "train: {nesterov: yes}\n",
        "1:19: train.nesterov: expected true or false, got 'yes'",
    ),
    "number for true": (
        "train: {nesterov: 1}\n",
        "1:19: train.nesterov: expected true or false, got 1",
    ),
    "zero": ("train: {lr: 0}\n", "1:13: train.lr: expected a number > 0, got 0"),
    "negative": (
        "train: {weight_decay: -1e-4}\n",
        "1:23: train.weight_decay: expected a number >= 0, got -0.0001",
    ),
    "negative seed": (
        "seed: -1\n",
        "1:7: seed: expected a whole number from 0 to 4294967295, got -1",
    ),
    "range": (
        "train: {momentum: 1}\n",
        "1:19: train.momentum: expected a number in [0, 1), got 1",
    ),
    "null": ("seed: null\n", "1:7: seed: expected a whole number from 0 to 4294967295, got null"),
    "list for number": (
        "train: {lr: [1, 2, 3, 4, [5]]}\n",
        "1:9: train.lr: expected a number > 0, got [1, 2, 3, 4, ...]",
    ),
    "mapping for number": (
        "train: {lr: {a: 1}}\n",
        "1:9: train.lr: expected a number > 0, got a mapping",
    ),
    "optimizer": (
        "train: {optimizer: Adam}\n",
        f"1:20: train.optimizer: expected one of {OPTIMIZERS}, got 'Adam'. Did you mean 'adam'?",
    ),
    "name from a number": (
        "name: 2024\n",
        "1:7: name: expected 1 to 64 of the characters A-Z a-z 0-9 . _ - that do not begin with "
        "a dot, got 2024; put it in quotes",
    ),
    "name that leaves its folder": (
        "name: ../../etc\n",
        "1:7: name: expected 1 to 64 of the characters A-Z a-z 0-9 . _ - that do not begin with "
        "a dot, got '../../etc'",
    ),
    "path with a line break": (
        'runs_dir: "a\\nb"\n',
        "1:11: runs_dir: expected a path, got 'ab' (with invisible characters)",
    ),
    "empty path": ("runs_dir: ''\n", "1:11: runs_dir: expected a path, got ''"),
    "section with nothing in it": (
        "train:\n  # lr: 1\n",
        "1:7: train: expected a mapping, got null; leave train out to get its defaults",
    ),
    "number for section": ("data: 3\n", "1:7: data: expected a mapping, got 3"),
    "validation": (
        "data: {validation: 1.5}\n",
        "1:20: data.validation: expected a fraction between 0 and 1, "
        "or a number of samples from 1 to 1000000, got 1.5",
    ),
    "betas": (
        "train: {betas: [0.9, x]}\n",
        "1:22: train.betas.1: expected two numbers in [0, 1), e.g. [0.9, 0.999], got 'x'",
    ),
    "three betas": (
        "train: {betas: [0, 0, 0]}\n",
        "1:9: train.betas: expected two numbers in [0, 1), e.g. [0.9, 0.999], got [0, 0, 0]",
    ),
    "scheduler as a word": (
        "train: {scheduler: step}\n",
        "1:20: train.scheduler: expected a mapping, e.g. {name: cosine}, got 'step'",
    ),
    "scheduler without name": (
        "train: {scheduler: {gamma: 1}}\n",
        f"1:9: train.scheduler.name: missing; expected one of {SCHEDULERS}",
    ),
    "scheduler's name": (
        "train: {scheduler: {name: cosinus}}\n",
        f"1:27: train.scheduler.name: expected one of {SCHEDULERS}, "
        "got 'cosinus'. Did you mean 'cosine'?",
    ),
    "scheduler's missing key": (
        "train:\n  scheduler: {name: StepLR}\n",
        "2:3: train.scheduler.step_size: missing; expected a whole number from 1 to 100000",
    ),
    "scheduler's unknown key": (
        "train: {scheduler: {name: step, step_size: 1, gama: 1}}\n",
        "1:47: train.scheduler.gama: unknown key. Did you mean 'gamma'?",
    ),
    "key of another scheduler": (
        "train: {scheduler: {name: cosine, step_size: 1}}\n",
        "1:35: train.scheduler.step_size: unknown key; expected one of name, T_max, eta_min",
    ),
    "milestones": (
        "train: {scheduler: {name: multi_step, milestones: [5, 3]}}\n",
        "1:39: train.scheduler.milestones: expected a rising list of epochs, e.g. [5, 8], "
        "got [5, 3]",
    ),
    "callbacks as a mapping": (
        "callbacks: {early_stopping: {patience: 3}}\n",
        "1:1: callbacks: expected a list of callbacks, e.g. [early_stopping: {patience: 5}], "
        "got a mapping",
    ),
    "unknown callback": (
        "callbacks: [early_stoping: {patience: 3}]\n",
        f"1:13: callbacks.0.early_stoping: expected one of {CALLBACKS}, "
        "got 'early_stoping'. Did you mean 'early_stopping'?",
    ),
    "unknown callback's name": (
        "callbacks: [early_stop]\n",
        f"1:13: callbacks.0: expected one of {CALLBACKS}, "
        "got 'early_stop'. Did you mean 'early_stopping'?",
    ),
    "callback's options not indented": (
        "callbacks:\n- early_stopping:\n  patience: 3\n",
        "2:3: callbacks.0: expected one callback in a list item, got 2 keys; the options of "
        "early_stopping belong below it, indented by two more spaces",
    ),
    "callback as a number": (
        "callbacks: [5]\n",
        f"1:13: callbacks.0: expected one of {CALLBACKS}, got 5",
    ),
    "callback's missing key": (
        "callbacks:\n- checkpoint\n",
        "2:3: callbacks.0.checkpoint.filepath: missing; expected a path",
    ),
    "callback's option": (
        "callbacks:\n- early_stopping: {monitor: val_los}\n",
        "2:29: callbacks.0.early_stopping.monitor: expected one of loss, acc, val_loss, val_acc, "
        "got 'val_los'. Did you mean 'val_loss'?",
    ),
    "callback's unknown option": (
        "callbacks:\n- early_stopping: {patients: 3}\n",
        "2:20: callbacks.0.early_stopping.patients: unknown key. Did you mean 'patience'?",
    ),
}

CONFLICTS = {
    "both networks": (
        "layers: [Flatten]\n",
        "3:1: layers: expected either 'model' or 'layers', got both; leave one out",
    ),
    "momentum without any": (
        "train: {optimizer: momentum, momentum: 0}\n",
        "3:40: train.momentum: expected more than 0 for the optimizer momentum, got 0",
    ),
    "nesterov without momentum": (
        "train: {nesterov: true, momentum: 0}\n",
        "3:19: train.nesterov: expected false, as there is no momentum to look ahead along",
    ),
    "nesterov for muon without momentum": (
        "train: {nesterov: true, optimizer: muon, momentum: 0}\n",
        "3:19: train.nesterov: expected false, as there is no momentum to look ahead along",
    ),
    "mixing with a negative alpha": (
        "data: {augment: {mixup: -0.2}}\n",
        "3:25: data.augment.mixup: expected a number in [0, 100], got -0.2",
    ),
    "no Newton-Schulz steps": (
        "train: {optimizer: muon, newton_schulz: 0}\n",
        "3:41: train.newton_schulz: expected a whole number from 1 to 20, got 0",
    ),
    "nesterov for adam": (
        "train: {nesterov: true, optimizer: adam}\n",
        "3:19: train.nesterov: expected false for adam; only sgd, momentum and muon can look ahead",
    ),
    "smoothing for mse": (
        "train: {loss: mse, label_smoothing: 0.1}\n",
        "3:37: train.label_smoothing: expected 0 for the loss mse; it belongs to cross_entropy",
    ),
    "weights for mse": (
        "train: {loss: mse, class_weights: balanced}\n",
        "3:35: train.class_weights: expected null for the loss mse; it belongs to cross_entropy",
    ),
    "two warm-ups": (
        "train: {warmup: {steps: 5}, scheduler: {name: one_cycle}}\n",
        "3:9: train.warmup: expected null for one_cycle, which sets the rate of every step",
    ),
    "one file for two": (
        "callbacks: [checkpoint: {filepath: a}, csv_logger: {filepath: a}]\n",
        "3:63: callbacks.1.csv_logger.filepath: expected a file of its own, got 'a', "
        "which callbacks.0 writes",
    ),
    "shift out of the image": (
        "data: {augment: {shift: 28}}\n",
        "3:25: data.augment.shift: expected less than 28 for images of 28x28, got 28",
    ),
    "cutout of all": (
        "data: {augment: {cutout: 28}}\n",
        "3:26: data.augment.cutout: expected less than 28 for images of 28x28, got 28",
    ),
    "all for validation": (
        "data: {validation: 60000}\n",
        "3:20: data.validation: expected 1 to 59999 of 60000 samples, got 60000; "
        "a fraction such as 0.1 goes with any data.limit",
    ),
    "a fraction that is all": (
        "data: {validation: 0.999, limit: 100}\n",
        "3:20: data.validation: expected 1 to 99 of 100 samples, got 100",
    ),
    "more than there is": (
        "data: {limit: 60001}\n",
        "3:15: data.limit: expected at most 60000, all training samples of mnist, got 60001",
    ),
}


@pytest.mark.parametrize(("text", "expected"), UNFIT.values(), ids=UNFIT)
def test_values_that_do_not_fit(text: str, expected: str) -> None:
    assert problems_of(text + BASE) == [f"mnist.yaml:{expected}"]


@pytest.mark.parametrize(("text", "expected"), CONFLICTS.values(), ids=CONFLICTS)
def test_keys_that_do_not_fit_each_other(text: str, expected: str) -> None:
    assert problems_of(BASE + text) == [f"mnist.yaml:{expected}"]


def test_no_data_set() -> None:
    assert problems_of("model: mlp\n") == [
        "mnist.yaml:1:1: dataset: missing; expected a data set; 'cnn-tui data list' lists all"
    ]


def test_all_problems_at_once() -> None:
    """Wrong values, unknown keys, conflicts and shapes, in the order of the file."""
    text = """\
dataset: mnist
layers:
  - Conv2D: {out_channels: 8, kernel_size: 99}
train:
  lr: fast
  epoch: 3
  nesterov: true
  optimizer: adam
seed: 0123
seed: 1
"""
    places = [line.split(": ")[:2] for line in problems_of(text)]
    assert places == [
        ["mnist.yaml:3:5", "layers.0.Conv2D"],
        ["mnist.yaml:5:7", "train.lr"],
        ["mnist.yaml:6:3", "train.epoch"],
        ["mnist.yaml:7:13", "train.nesterov"],
        ["mnist.yaml:9:7", "seed"],
        ["mnist.yaml:10:1", "seed"],
    ]


def test_the_message_of_the_design() -> None:
    text = EXAMPLE.replace("lr: 0.01", "lr: fast").replace("epochs:", "epoch:")
    with pytest.raises(ConfigProblems) as caught:
        loads(text, "mnist.yaml")
    assert str(caught.value) == (
        "mnist.yaml:5:3: train.epoch: unknown key. Did you mean 'epochs'?\n"
        "mnist.yaml:7:7: train.lr: expected a number > 0, got 'fast'\n"
        "2 problems, nothing was run."
    )
    assert isinstance(caught.value, ConfigError)
    assert caught.value.exit_code == 2


def test_problems_are_data_too() -> None:
    with pytest.raises(ConfigProblems) as caught:
        loads(f"{BASE}train: {{lr: fast}}", "a.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.path) == (3, 13, "train.lr")
    assert problem.message == "expected a number > 0, got 'fast'"
    assert problem.source == "a.yaml"


def test_a_misspelt_key_is_not_missing_as_well() -> None:
    assert problems_of("datset: mnist\nmodle: mlp\n") == [
        "mnist.yaml:1:1: datset: unknown key. Did you mean 'dataset'?",
        "mnist.yaml:2:1: modle: unknown key. Did you mean 'model'?",
    ]


def test_a_wrong_model_is_not_missing_as_well() -> None:
    assert problems_of("dataset: mnist\nmodel: lenet\n") == [
        f"mnist.yaml:2:8: model: expected one of {MODELS}, got 'lenet'. Did you mean 'lenet_mnist'?"
    ]


def test_a_wrong_value_hides_no_conflict_elsewhere() -> None:
    lines = problems_of(f"{BASE}layers: [Flatten]\ntrain: {{scheduler: {{name: step}}}}")
    assert [line.split(": ")[1] for line in lines] == ["layers", "train.scheduler.step_size"]


def test_a_file_of_nonsense_is_cut_short() -> None:
    *lines, more = problems_of("".join(f"key{i}: 1\n" for i in range(5000)))
    assert len(lines) == 50
    assert more == "... and 4952 more"


def test_source_is_shown_without_control_characters() -> None:
    with pytest.raises(ConfigProblems, match=r"\Aa\[31m\.yaml:1:1: the file is empty"):
        loads("", "a\x1b[31m.yaml")


LIMITS = {
    "layers": (500, "layers: [{}]\ndataset: mnist_mini\n", "ReLU"),
    "callbacks": (50, "callbacks: [{}]\n" + BASE, "early_stopping"),
    "train.scheduler.milestones": (
        1000,
        "train: {{scheduler: {{name: multi_step, milestones: [{}]}}}}\n" + BASE,
        "1",
    ),
}


@pytest.mark.parametrize("key", LIMITS)
def test_a_list_that_is_too_long_is_told_the_limit(key: str) -> None:
    limit, text, item = LIMITS[key]
    (problem,) = problems_of(text.format(", ".join([item] * (limit + 1))))
    assert problem.endswith(f"{key}: expected at most {limit} items, got {limit + 1}")
