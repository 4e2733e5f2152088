"""Presets: networks by name, as specs for a config's ``layers:``."""

from collections.abc import Callable
from typing import Any

from engine.errors import ConfigError
from engine.models.builder import LayerSpec
from engine.suggest import suggestion

_POOL: LayerSpec = {"MaxPool2D": {"kernel_size": 2}}


def _conv(channels: int, kernel: int = 3, **arguments: Any) -> LayerSpec:
    return {"Conv2D": {"out_channels": channels, "kernel_size": kernel, **arguments}}


def _dense(features: int) -> LayerSpec:
    return {"Dense": {"out_features": features}}


def _conv_bn_relu(channels: int, kernel: int = 3, **arguments: Any) -> list[LayerSpec]:
    # The normalisation subtracts the mean, and any bias with it.
    return [_conv(channels, kernel, bias=False, **arguments), "BatchNorm2D", "ReLU"]


def mlp(num_classes: int) -> list[LayerSpec]:
    """Two dense layers, no convolution: the baseline that a CNN has to beat."""
    return ["Flatten", _dense(128), "ReLU", _dense(num_classes)]


def lenet_mnist(num_classes: int) -> list[LayerSpec]:
    """LeNet-5 with ReLU and max-pooling (LeCun et al., 1998), for 28x28 images."""
    return [
        _conv(6, 5, padding=2),
        "ReLU",
        _POOL,
        _conv(16, 5),
        "ReLU",
        _POOL,
        "Flatten",
        _dense(120),
        "ReLU",
        _dense(84),
        "ReLU",
        _dense(num_classes),
    ]


def cnn_bn_mnist(num_classes: int) -> list[LayerSpec]:
    """Four convolutions with batch norm and dropout: above 99.4 % on MNIST."""
    return [
        *_conv_bn_relu(32),
        *_conv_bn_relu(32),
        _POOL,
        *_conv_bn_relu(64),
        *_conv_bn_relu(64),
        _POOL,
        "Flatten",
        {"Dropout": {"p": 0.3}},
        {"Dense": {"out_features": 128, "bias": False}},
        "BatchNorm1D",
        "ReLU",
        {"Dropout": {"p": 0.3}},
        _dense(num_classes),
    ]


def tiny_vgg_cifar10(num_classes: int) -> list[LayerSpec]:
    """32-32-pool-64-64-pool-128: a small VGG (Simonyan and Zisserman, 2015) with batch norm."""
    return [
        *_conv_bn_relu(32, padding="same"),
        *_conv_bn_relu(32, padding="same"),
        _POOL,
        *_conv_bn_relu(64, padding="same"),
        *_conv_bn_relu(64, padding="same"),
        _POOL,
        "Flatten",
        _dense(128),
        "ReLU",
        {"Dropout": {"p": 0.3}},
        _dense(num_classes),
    ]


def resnet_cifar10(num_classes: int) -> list[LayerSpec]:
    """Three stages of one residual block each, 16-32-64 channels (He et al., 2016, section 4.2)."""

    def block(channels: int, stride: int) -> list[LayerSpec]:
        body = [
            *_conv_bn_relu(channels, stride=stride, padding=1),
            _conv(channels, bias=False, padding=1),
            "BatchNorm2D",
        ]
        shortcut: list[LayerSpec] = []
        if stride != 1:
            shortcut = [_conv(channels, 1, bias=False, stride=stride), "BatchNorm2D"]
        return [{"Residual": {"body": body, "shortcut": shortcut}}, "ReLU"]

    return [
        *_conv_bn_relu(16, padding=1),
        *block(16, 1),
        *block(32, 2),
        *block(64, 2),
        "GlobalAvgPool2D",
        _dense(num_classes),
    ]


PRESETS: dict[str, Callable[[int], list[LayerSpec]]] = {
    function.__name__: function
    for function in (mlp, lenet_mnist, cnn_bn_mnist, tiny_vgg_cifar10, resnet_cifar10)
}


def preset(name: str, num_classes: int) -> list[LayerSpec]:
    """The specs of a preset.

    Raises:
        ConfigError: there is no preset of that name.
    """
    if name not in PRESETS:
        hint = suggestion(name, PRESETS)
        raise ConfigError(f"unknown preset {name!r}; there are {', '.join(PRESETS)}.{hint}")
    return PRESETS[name](num_classes)
