"""The configs of the project; a checkout in which somebody has worked holds more."""

SHIPPED_CONFIGS = (
    "quickstart", "mnist_lenet", "mnist_best", "fashion_lenet",
    "cifar10_tiny_vgg", "cifar10_resnet", "custom_layers",
)  # fmt: skip
