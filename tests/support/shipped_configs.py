"""The configs of the project; a checkout in which somebody has worked holds more."""

from pathlib import Path

SHIPPED_CONFIGS = (
    "quickstart", "mnist_lenet", "mnist_best", "fashion_lenet",
    "cifar10_tiny_vgg", "cifar10_resnet", "custom_layers", "cifar10_fast", "mnist_997",
    "mnist_5s", "fashion_best",
)  # fmt: skip

SHIPPED_PATHS = [
    Path(__file__).parents[2] / "configs" / f"{name}.yaml" for name in sorted(SHIPPED_CONFIGS)
]
