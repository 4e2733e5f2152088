"""Recorded trainings: how each was made, and what a person would say of its curves.

The labels were written from how the training was set up and from looking at its curves, with
the definition of the words in the field, not from what the rules say.
"""

from dataclasses import dataclass

import numpy as np

from engine.data import Dataset, Split

NETS = {
    "lenet": "model: lenet_mnist",
    "linear": "layers: [Flatten, Dense: {out_features: 10}]",
    "small": "layers: [Conv2D: {out_channels: 8, kernel_size: 5, stride: 3}, ReLU, Flatten, "
    "Dense: {out_features: 10}]",
    "mlp": "layers: [Flatten, Dense: {out_features: 128}, ReLU, Dense: {out_features: 10}]",
    "wide": "layers: [Flatten, Dense: {out_features: 512}, ReLU, Dense: {out_features: 512}, "
    "ReLU, Dense: {out_features: 10}]",
    "tiny": "layers: [Flatten, Dense: {out_features: 2}, Tanh, Dense: {out_features: 10}]",
    "dropped": "layers: [Flatten, Dense: {out_features: 32}, ReLU, Dropout: {p: 0.9}, "
    "Dense: {out_features: 10}]",
    "bn": "layers: [Conv2D: {out_channels: 8, kernel_size: 5, stride: 2}, BatchNorm2D, ReLU, "
    "Flatten, Dense: {out_features: 32}, BatchNorm1D, ReLU, Dense: {out_features: 10}]",
    "bn_first": "layers: [BatchNorm2D, Flatten, Dense: {out_features: 128}, ReLU, "
    "Dense: {out_features: 10}]",
    "deep_relu": "layers: [Flatten, " + "Dense: {out_features: 48}, ReLU, " * 10
    + "Dense: {out_features: 10}]",
    "deep_tanh": "layers: [Flatten, "
    + "Dense: {out_features: 48, init: xavier}, Tanh, " * 8
    + "Dense: {out_features: 10}]",
    "sigmoid3": "layers: [Flatten, " + "Dense: {out_features: 48}, Sigmoid, " * 3
    + "Dense: {out_features: 10}]",
    "sigmoid8": "layers: [Flatten, " + "Dense: {out_features: 48}, Sigmoid, " * 8
    + "Dense: {out_features: 10}]",
    "sigmoid8_bn": "layers: [Flatten, "
    + "Dense: {out_features: 48}, BatchNorm1D, Sigmoid, " * 8
    + "Dense: {out_features: 10}]",
    "pooled": "layers: [Conv2D: {out_channels: 8, kernel_size: 3}, ReLU, MaxPool2D: "
    "{kernel_size: 2}, Conv2D: {out_channels: 16, kernel_size: 3}, ReLU, MaxPool2D: "
    "{kernel_size: 2}, Flatten, Dense: {out_features: 10}]",
    "leaky": "layers: [Flatten, Dense: {out_features: 96}, LeakyReLU, Dense: "
    "{out_features: 96}, LeakyReLU, Dense: {out_features: 10}]",
    "tanh": "layers: [Flatten, Dense: {out_features: 64, init: xavier}, Tanh, "
    "Dense: {out_features: 10}]",
    "residual": "layers: [Conv2D: {out_channels: 8, kernel_size: 3, stride: 2}, Residual: {body: "
    "[BatchNorm2D, ReLU, Conv2D: {out_channels: 8, kernel_size: 3, padding: same}]}, ReLU, "
    "GlobalAvgPool2D, Dense: {out_features: 10}]",
    "one_unit": "layers: [Flatten, Dense: {out_features: 1}, Tanh, Dense: {out_features: 10}]",
    "sigmoid6": "layers: [Flatten, " + "Dense: {out_features: 32}, Sigmoid, " * 6
    + "Dense: {out_features: 10}]",
    "tanh12": "layers: [Flatten, "
    + "Dense: {out_features: 32, init: pytorch}, Tanh, " * 12
    + "Dense: {out_features: 10}]",
    "deep_loud": "layers: [Flatten, " + "Dense: {out_features: 48}, LeakyReLU: "
    "{negative_slope: 1.0}, " * 10 + "Dense: {out_features: 10}]",
}  # fmt: skip


def _plain(data: Dataset) -> Dataset:
    return data


def _relabelled(data: Dataset, share: float) -> Dataset:
    """A share of the training labels, drawn anew."""
    rng = np.random.default_rng(0)
    labels = data.train.labels.copy()
    chosen = rng.random(len(labels)) < share
    labels[chosen] = rng.integers(0, 10, int(chosen.sum()))
    return _with(data, Split(data.train.images, labels))


def _uneven(data: Dataset, keep: tuple[float, ...]) -> Dataset:
    """Of every class only a share."""
    rng = np.random.default_rng(0)
    kept = rng.random(len(data.train.labels)) < np.array(keep)[data.train.labels]
    images = np.ascontiguousarray(data.train.images[kept])
    return _with(data, Split(images, data.train.labels[kept]))


def _scaled(data: Dataset, mean: float, std: float) -> Dataset:
    """With another normalisation than the data set's own."""
    return _with(data, data.train, (mean,), (std,))


def _with(
    data: Dataset,
    train: Split,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
) -> Dataset:
    return Dataset(data.name, train, data.test, data.classes, mean or data.mean, std or data.std)


DATA = {
    "as it is": _plain,
    "30 % of labels drawn anew": lambda data: _relabelled(data, 0.3),
    "all labels drawn anew": lambda data: _relabelled(data, 1.0),
    "half of class 0": lambda data: _uneven(data, (0.5, *(1.0,) * 9)),
    "a quarter of classes 3 and 5": lambda data: _uneven(
        data, (1.0, 1.0, 1.0, 0.25, 1.0, 0.25, *(1.0,) * 4)
    ),
    "two fifths of class 2": lambda data: _uneven(data, (1.0, 1.0, 0.4, *(1.0,) * 7)),
    "60 % of labels drawn anew": lambda data: _relabelled(data, 0.6),
    "a tenth of class 8": lambda data: _uneven(data, (*(1.0,) * 8, 0.1, 1.0)),
    "nine in ten are of class 1": lambda data: _uneven(data, (0.012, 1.0, *(0.012,) * 8)),
    "pixels from 0 to 255": lambda data: _scaled(data, 0.0, 1 / 255),
    "pixels from 0 to 1": lambda data: _scaled(data, 0.0, 1.0),
    "pixels from 0 to 0.1": lambda data: _scaled(data, 0.0, 10.0),
}


@dataclass(frozen=True)
class Case:
    """A recorded training.

    Attributes:
        name: of the curve.
        net: a key of ``NETS``.
        train: overrides, separated by blanks; keys are below ``train``, but for those of ``data``.
        says: what a person would say: names of rules.
        may: what some would say and some not: counted neither as false nor as missed.
        data: a key of ``DATA``, which changes the data set.
        dataset: the data set.
        seed: of the training.
    """

    name: str
    net: str
    train: str
    says: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    data: str = "as it is"
    dataset: str = "mnist_mini"
    seed: int = 3

    @property
    def overrides(self) -> list[str]:
        """As ``--set`` takes them."""
        words = self.train.split()
        return [word if word.startswith("data.") else f"train.{word}" for word in words]


ADAM, SGD, MOMENTUM = "optimizer=adam", "optimizer=sgd", "optimizer=momentum"
COSINE = "scheduler.name=cosine"
SHIFT = "data.augment.shift=2"
CHANCE = ("chance",)

CHOSEN_ON = (
    # Trainings that go well.
    Case("quickstart", "lenet", f"{ADAM} lr=0.003 {COSINE} epochs=12 batch_size=32 {SHIFT}"),
    Case("lenet, momentum", "lenet", f"{MOMENTUM} lr=0.01 epochs=8 batch_size=32 {SHIFT}"),
    Case("lenet, large batches", "lenet", f"{ADAM} lr=0.003 epochs=8 batch_size=512 {SHIFT}"),
    Case("lenet, rmsprop", "lenet", f"optimizer=rmsprop lr=0.001 epochs=8 batch_size=64 {SHIFT}"),
    Case("small, momentum", "small", f"{MOMENTUM} lr=0.02 epochs=8 batch_size=48"),
    Case("small, mse", "small", f"{ADAM} lr=0.003 epochs=8 batch_size=48 loss=mse"),
    Case("small, smoothed labels", "small",
         f"{ADAM} lr=0.003 epochs=8 batch_size=48 label_smoothing=0.1"),
    Case("small, three epochs", "small", f"{ADAM} lr=0.003 epochs=3 batch_size=48"),
    Case("mlp, sgd", "mlp", f"{SGD} lr=0.1 epochs=8 batch_size=32"),
    Case("mlp, adam, six epochs", "mlp", f"{ADAM} lr=0.001 epochs=6 batch_size=64"),
    Case("mlp, steps down", "mlp",
         f"{MOMENTUM} lr=0.02 epochs=9 batch_size=32 scheduler.name=step scheduler.step_size=3"),
    Case("mlp, one cycle", "mlp", f"{SGD} lr=0.2 epochs=8 batch_size=32 "
         "scheduler.name=one_cycle " + SHIFT),
    Case("linear", "linear", f"{ADAM} lr=0.001 epochs=8 batch_size=32"),
    Case("bn, momentum", "bn", f"{MOMENTUM} lr=0.03 epochs=8 batch_size=32 {SHIFT}"),
    Case("bn, batches of 8", "bn", f"{ADAM} lr=0.001 epochs=6 batch_size=8 {SHIFT}"),
    Case("deep relu, adam", "deep_relu", f"{ADAM} lr=0.001 epochs=8 batch_size=32 {SHIFT}"),
    Case("deep tanh, momentum", "deep_tanh", f"{MOMENTUM} lr=0.01 epochs=8 batch_size=32 {SHIFT}"),
    Case("clipped", "mlp", f"{MOMENTUM} lr=0.05 epochs=8 batch_size=32 clip_norm=1.0 {SHIFT}"),
    Case("pixels 0 to 1", "mlp", f"{ADAM} lr=0.001 epochs=8 batch_size=32 {SHIFT}",
         may=("not_normalised",), data="pixels from 0 to 1"),
    # Overfitting, and epochs that bring nothing.
    Case("wide, 300 images", "wide", f"{ADAM} lr=0.001 epochs=25 batch_size=32 data.limit=300",
         ("overfitting", "past_best")),
    Case("wide, 1000 images", "wide", f"{ADAM} lr=0.001 epochs=25 batch_size=32 data.limit=1000",
         ("overfitting",), ("past_best",)),
    Case("lenet, 500 images", "lenet", f"{ADAM} lr=0.002 epochs=25 batch_size=32 data.limit=500",
         ("overfitting",), ("past_best",)),
    Case("lenet, 500 shifted images", "lenet",
         f"{ADAM} lr=0.002 epochs=25 batch_size=32 data.limit=500 {SHIFT}",
         (), ("past_best", "overfitting")),
    Case("lenet, unshifted", "lenet", f"{ADAM} lr=0.002 epochs=20 batch_size=32",
         ("overfitting",), ("past_best",)),
    Case("noisy labels", "wide", f"{ADAM} lr=0.001 epochs=20 batch_size=32",
         ("overfitting", "past_best"), ("saturated",), "30 % of labels drawn anew"),
    Case("random labels", "wide", f"{ADAM} lr=0.001 epochs=20 batch_size=32",
         ("overfitting",), ("chance",), "all labels drawn anew"),
    Case("mlp, long past its best", "mlp", f"{MOMENTUM} lr=0.05 epochs=30 batch_size=32",
         ("past_best",), ("overfitting",)),
    Case("linear, 200 images", "linear", f"{ADAM} lr=0.005 epochs=30 batch_size=32 data.limit=200",
         ("overfitting",), ("past_best",)),
    # Underfitting.
    Case("two units", "tiny", f"{ADAM} lr=0.01 epochs=15 batch_size=32", ("underfitting",)),
    Case("nine tenths dropped", "dropped", f"{ADAM} lr=0.002 epochs=12 batch_size=32",
         ("underfitting",), ("dead_relus",)),
    Case("heavy decay", "mlp", f"{SGD} lr=0.05 epochs=10 batch_size=32 weight_decay=0.3",
         ("underfitting",), ("chance",)),
    Case("much augmentation", "linear",
         f"{ADAM} lr=0.001 epochs=12 batch_size=32 data.augment.shift=6 data.augment.cutout=12",
         ("underfitting",)),
    Case("four units, good enough", "tiny", f"{ADAM} lr=0.01 epochs=4 batch_size=32",
         (), ("underfitting",)),
    # Learning rates that are too high.
    Case("lenet, adam 0.1", "lenet", f"{ADAM} lr=0.1 epochs=6 batch_size=32",
         ("lr_high", "chance", "dead_relus"), ("exploding",)),
    Case("lenet, adam 0.03", "lenet", f"{ADAM} lr=0.03 epochs=8 batch_size=32",
         ("lr_high", "chance", "dead_relus")),
    Case("lenet, momentum 1", "lenet", f"{MOMENTUM} lr=1 epochs=6 batch_size=32",
         ("lr_high", "chance", "dead_relus"), ("exploding",)),
    Case("lenet, momentum 0.2", "lenet", f"{MOMENTUM} lr=0.2 epochs=8 batch_size=32",
         ("lr_high", "chance", "dead_relus"), ("exploding",)),
    Case("mlp, sgd 3", "mlp", f"{SGD} lr=3 epochs=8 batch_size=32",
         ("lr_high", "chance", "dead_relus"), ("exploding",)),
    Case("mlp, sgd 1", "mlp", f"{SGD} lr=1 epochs=8 batch_size=32",
         ("lr_high", "dead_relus"), ("underfitting", "chance")),
    Case("mlp, adam 0.1", "mlp", f"{ADAM} lr=0.1 epochs=10 batch_size=32",
         ("lr_high", "dead_relus"), ("underfitting", "chance", "past_best")),
    Case("small, momentum 0.5", "small", f"{MOMENTUM} lr=0.5 epochs=8 batch_size=48",
         ("lr_high", "exploding")),
    Case("bn, momentum 3", "bn", f"{MOMENTUM} lr=3 epochs=8 batch_size=32",
         ("lr_high", "chance", "dead_relus")),
    Case("mlp, sgd 1000", "mlp", f"{SGD} lr=1000 epochs=6 batch_size=32",
         ("lr_high",), ("exploding",)),
    Case("linear, momentum 0.5", "linear", f"{MOMENTUM} lr=0.5 epochs=8 batch_size=32",
         ("lr_high", "saturated"), ("overfitting", "exploding", "past_best")),
    # Learning rates that are too low.
    Case("lenet, sgd 0.0001", "lenet", f"{SGD} lr=0.0001 epochs=8 batch_size=32",
         ("lr_low",), CHANCE),
    Case("lenet, adam 1e-5", "lenet", f"{ADAM} lr=0.00001 epochs=8 batch_size=32", ("lr_low",),
         CHANCE),
    Case("mlp, adam 1e-6", "mlp", f"{ADAM} lr=0.000001 epochs=8 batch_size=32", ("lr_low",),
         CHANCE),
    Case("mlp, sgd 0.001", "mlp", f"{SGD} lr=0.001 epochs=10 batch_size=32", ("lr_low",)),
    Case("small, momentum 0.0001", "small", f"{MOMENTUM} lr=0.0001 epochs=10 batch_size=48",
         ("lr_low",)),
    Case("bn, sgd 0.0003", "bn", f"{SGD} lr=0.0003 epochs=8 batch_size=32", ("lr_low",), CHANCE),
    Case("mlp, sgd 0.01", "mlp", f"{SGD} lr=0.01 epochs=8 batch_size=32", (), ("lr_low",)),
    # Dead ReLUs; gradients that vanish or explode.
    Case("deep relu, adam 0.03", "deep_relu", f"{ADAM} lr=0.03 epochs=8 batch_size=32",
         ("lr_high", "chance", "dead_relus")),
    Case("wide, momentum 0.3", "wide", f"{MOMENTUM} lr=0.3 epochs=8 batch_size=32",
         ("lr_high",), ("exploding",)),
    Case("sigmoid8, sgd", "sigmoid8", f"{SGD} lr=0.1 epochs=8 batch_size=32",
         ("vanishing", "chance")),
    Case("sigmoid8, momentum", "sigmoid8", f"{MOMENTUM} lr=0.1 epochs=8 batch_size=32",
         ("vanishing", "chance")),
    Case("sigmoid8, adam", "sigmoid8", f"{ADAM} lr=0.003 epochs=10 batch_size=32",
         (), ("vanishing", "chance")),
    Case("sigmoid3, momentum", "sigmoid3", f"{MOMENTUM} lr=0.1 epochs=10 batch_size=32",
         (), ("vanishing", "chance")),
    Case("sigmoid8 with batch norm", "sigmoid8_bn",
         f"{ADAM} lr=0.003 epochs=8 batch_size=32 {SHIFT}"),
    Case("deep and loud", "deep_loud", f"{SGD} lr=0.05 epochs=8 batch_size=32",
         ("exploding", "lr_high"), ("chance", "saturated", "collapse")),
    Case("deep and loud, clipped", "deep_loud",
         f"{SGD} lr=0.05 epochs=8 batch_size=32 clip_norm=0.5", (), ("underfitting",)),
    Case("one cycle up to 0.1", "lenet",
         f"{ADAM} lr=0.1 epochs=10 batch_size=32 scheduler.name=one_cycle",
         ("collapse", "lr_high", "dead_relus")),
    Case("deep and loud, careful", "deep_loud", f"{SGD} lr=0.0003 epochs=8 batch_size=32",
         ("exploding",), ("lr_low", "saturated")),
    # Data and batches.
    Case("uneven, 1 to 10", "small", f"{ADAM} lr=0.003 epochs=8 batch_size=48",
         ("uneven_classes",), data="a tenth of class 8"),
    Case("uneven, 9 in 10", "small", f"{ADAM} lr=0.003 epochs=8 batch_size=16",
         ("uneven_classes",), ("chance", "overfitting"), data="nine in ten are of class 1"),
    Case("uneven, weighted", "small",
         f"{ADAM} lr=0.003 epochs=8 batch_size=48 class_weights=balanced",
         data="a tenth of class 8"),
    Case("uneven, 1 to 2", "small", f"{ADAM} lr=0.003 epochs=8 batch_size=48",
         data="half of class 0"),
    Case("pixels 0 to 255, sgd", "mlp", f"{SGD} lr=0.01 epochs=8 batch_size=32",
         ("not_normalised", "dead_relus"), ("exploding", "lr_high", "underfitting"),
         "pixels from 0 to 255"),
    Case("pixels 0 to 255, adam", "lenet", f"{ADAM} lr=0.003 epochs=8 batch_size=32 {SHIFT}",
         ("not_normalised",), ("exploding", "saturated", "lr_high"), "pixels from 0 to 255"),
    Case("pixels 0 to 0.1", "mlp", f"{SGD} lr=0.01 epochs=8 batch_size=32",
         ("not_normalised",), ("lr_low", "chance"), "pixels from 0 to 0.1"),
    Case("pixels 0 to 255, normalised by the net", "bn_first",
         f"{ADAM} lr=0.001 epochs=6 batch_size=32 {SHIFT}", data="pixels from 0 to 255"),
    Case("bn, batches of 2", "bn", f"{ADAM} lr=0.001 epochs=5 batch_size=2 data.limit=1500",
         ("small_batches",), ("overfitting",)),
    Case("bn, batches of 4", "bn", f"{ADAM} lr=0.001 epochs=5 batch_size=4 data.limit=2000 {SHIFT}",
         ("small_batches",)),
    Case("mlp, batches of 2", "mlp", f"{SGD} lr=0.01 epochs=5 batch_size=2 data.limit=1500",
         may=("overfitting",)),
)  # fmt: skip

_CIFAR = "data.limit=3000"
_MNIST = "data.limit=5000"
ADAMW = "optimizer=adamw"

HELD_OUT = (
    Case("c: conv, shifted", "pooled", f"{ADAM} lr=0.001 epochs=10 batch_size=32 {SHIFT} {_CIFAR}",
         may=("underfitting", "lr_low"), dataset="cifar10"),
    Case("c: wide, not shifted", "wide", f"{ADAM} lr=0.0005 epochs=20 batch_size=64 {_CIFAR}",
         ("overfitting",), ("past_best", "saturated"), dataset="cifar10"),
    Case("c: linear", "linear", f"{ADAM} lr=0.001 epochs=12 batch_size=32 {_CIFAR}",
         ("overfitting",), ("past_best", "underfitting"), dataset="cifar10"),
    Case("c: conv, adam 0.1", "pooled", f"{ADAM} lr=0.1 epochs=6 batch_size=32 {_CIFAR}",
         ("lr_high",), ("chance", "dead_relus", "exploding", "collapse", "underfitting"),
         dataset="cifar10"),
    Case("c: conv, sgd 0.0003", "pooled", f"{SGD} lr=0.0003 epochs=8 batch_size=32 {_CIFAR}",
         ("lr_low",), CHANCE, dataset="cifar10"),
    Case("c: bn, batches of 2", "bn", f"{ADAM} lr=0.001 epochs=4 batch_size=2 data.limit=1000",
         ("small_batches",), ("underfitting", "chance"), dataset="cifar10"),
    Case("c: two units", "tiny", f"{ADAM} lr=0.003 epochs=12 batch_size=32 {_CIFAR}",
         ("underfitting",), dataset="cifar10"),
    Case("m: conv, adam", "pooled", f"{ADAM} lr=0.002 epochs=8 batch_size=32 {_MNIST}",
         dataset="mnist", seed=11),
    Case("m: conv, sgd 0.0005", "pooled", f"{SGD} lr=0.0005 epochs=6 batch_size=64 {_MNIST}",
         ("lr_low",), CHANCE, dataset="mnist", seed=11),
    Case("m: conv, momentum 0.5", "pooled", f"{MOMENTUM} lr=0.5 epochs=6 batch_size=32 {_MNIST}",
         ("lr_high",), ("chance", "dead_relus", "exploding", "collapse"), dataset="mnist"),
    Case("m: leaky, momentum", "leaky",
         f"{MOMENTUM} lr=0.01 epochs=8 batch_size=32 {SHIFT} {_MNIST}",
         dataset="mnist"),
    Case("m: residual", "residual", f"{MOMENTUM} lr=0.05 epochs=8 batch_size=32 {_MNIST}",
         may=("underfitting",), dataset="mnist"),
    Case("m: leaky, 400 images", "leaky", f"{ADAM} lr=0.002 epochs=25 batch_size=32 data.limit=400",
         ("overfitting",), ("past_best",), dataset="mnist", seed=5),
    Case("m: leaky, 5000 images, long", "leaky",
         f"{ADAM} lr=0.001 epochs=25 batch_size=32 {_MNIST}",
         ("overfitting", "past_best"), dataset="mnist"),
    Case("m: leaky, sgd 3", "leaky", f"{SGD} lr=3 epochs=6 batch_size=32 {_MNIST}",
         ("lr_high",), ("chance", "exploding", "collapse", "saturated"), dataset="mnist"),
    Case("m: conv, adamw 0.02", "pooled", f"{ADAMW} lr=0.02 epochs=8 batch_size=32 {_MNIST}",
         (), ("lr_high", "dead_relus", "overfitting"), dataset="mnist"),
    Case("m: pixels 0 to 255, conv", "pooled",
         f"{MOMENTUM} lr=0.001 epochs=6 batch_size=32 {_MNIST}",
         ("not_normalised",), ("exploding", "dead_relus", "lr_high", "chance"),
         "pixels from 0 to 255", "mnist"),
    Case("m: large batches, sgd", "leaky", f"{SGD} lr=0.01 epochs=8 batch_size=1000 {_MNIST}",
         (), ("lr_low",), dataset="mnist"),
    Case("tanh, sgd", "tanh", f"{SGD} lr=0.05 epochs=8 batch_size=32 {SHIFT}", seed=8),
    Case("tanh, sgd 5", "tanh", f"{SGD} lr=5 epochs=8 batch_size=32",
         ("lr_high",), ("saturated", "chance", "exploding"), seed=8),
    Case("tanh, mse", "tanh",
         f"{MOMENTUM} lr=0.05 epochs=8 batch_size=32 loss=mse {SHIFT}", seed=8),
    Case("one cycle up to 5", "leaky", f"{SGD} lr=5 epochs=10 batch_size=32 "
         "scheduler.name=one_cycle", ("lr_high", "collapse"), ("chance", "exploding"), seed=8),
    Case("sigmoid6, sgd", "sigmoid6", f"{SGD} lr=0.3 epochs=8 batch_size=32",
         ("vanishing", "chance"), seed=8),
    Case("sigmoid6, adam", "sigmoid6", f"{ADAM} lr=0.003 epochs=8 batch_size=32",
         (), ("vanishing", "chance", "underfitting"), seed=8),
    Case("tanh12, small weights", "tanh12", f"{SGD} lr=0.02 epochs=8 batch_size=32",
         ("vanishing", "chance"), seed=8),
    Case("uneven, 1 to 4", "leaky", f"{ADAM} lr=0.001 epochs=6 batch_size=32 {SHIFT}",
         ("uneven_classes",), data="a quarter of classes 3 and 5", seed=8),
    Case("uneven, 2 to 5", "leaky", f"{ADAM} lr=0.001 epochs=6 batch_size=32 {SHIFT}",
         (), ("uneven_classes",), data="two fifths of class 2", seed=8),
    Case("very noisy labels", "leaky", f"{ADAM} lr=0.002 epochs=20 batch_size=32",
         ("overfitting", "past_best"), ("saturated",), "60 % of labels drawn anew", seed=8),
    Case("decay", "leaky", f"{SGD} lr=0.05 epochs=10 batch_size=32 weight_decay=0.2",
         ("underfitting",), CHANCE, seed=8),
    Case("one unit", "one_unit", f"{ADAM} lr=0.01 epochs=12 batch_size=32", ("underfitting",),
         CHANCE, seed=8),
    Case("long cosine, shifted", "pooled",
         f"{ADAM} lr=0.003 epochs=25 batch_size=32 scheduler.name=cosine {SHIFT}",
         (), ("past_best",), seed=8),
    Case("loud, lr 0.0001", "deep_loud", f"{SGD} lr=0.0001 epochs=6 batch_size=32",
         ("exploding",), ("lr_low", "saturated"), seed=8),
)  # fmt: skip
"""Trainings that were made and labelled after the rules and their thresholds were settled."""

CASES = CHOSEN_ON + HELD_OUT
