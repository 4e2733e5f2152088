"""A first convolution whose filters are computed from the training images, not trained."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.arrays import Array, Shape
from engine.initializers import INITS
from engine.kernels.window import pair
from engine.layers import arguments as check
from engine.layers.conv import Conv2D
from engine.layers.registry import register


@register
class Whitening2D(Conv2D):
    """A convolution that makes patches of images uncorrelated, each direction with size 1.

    Shapes: (N, C, H, W) → (N, 2·C·KH·KW, H − KH + 1, W − KW + 1). The weight is a buffer: computed
    by ``learn_from`` when a training begins, saved with the rest, never trained. Until then it is
    random. Only the bias is trained.

    Args:
        in_channels: C; in a config it is inferred.
        kernel_size: a number or a pair (height, width).
        eps: added to the variances, so that directions without any are not blown up.
        bias: whether there is a bias.

    Source: Page, 'How to train your ResNet 8: bag of tricks', 2019 (patch whitening); Jordan,
    '94 % on CIFAR-10 in 3.29 seconds', 2024, section 3.1.
    """

    about = (
        "looks at small patches of the image along the directions in which patches differ, all "
        "brought to the same size; its filters are computed from the training images"
    )
    folds_batchnorm = False

    def __init__(
        self,
        in_channels: int,
        kernel_size: int | Sequence[int] = 2,
        eps: float = 5e-4,
        bias: bool = True,
    ) -> None:
        self.eps = check.number("eps", eps, 1e-12, 1.0)
        taps = math.prod(pair(check.whole_or_pair("kernel_size", kernel_size)))
        channels = check.whole("in_channels", in_channels)
        super().__init__(channels, 2 * channels * taps, kernel_size, bias=bias)

    def learn_from(self, images: Array) -> None:
        """Compute the filters from images, (N, C, H, W), normalised as those to be trained on.

        With patches as rows of X, (P, D), D = C·KH·KW, and the eigenvectors v_i and eigenvalues
        λ_i of their second moments Xᵀ·X / P, largest first:

            w_i = v_i / √(λ_i + ε),    w_{D+i} = −w_i

        The dot product of a patch with w_i has mean square λ_i / (λ_i + ε), about 1, and that of
        two of them has mean 0. The negatives give an activation behind both signs. An eigenvector
        has no sign of its own: here its number of largest size is positive.
        """
        rows, columns = pair(self.kernel_size)
        size = self.in_channels * rows * columns
        moments = np.zeros((size, size))
        count = 0
        for image in images.astype(np.float64):
            windows = np.lib.stride_tricks.sliding_window_view(image, (rows, columns), (1, 2))
            patches = np.moveaxis(windows, (3, 4), (1, 2)).reshape(size, -1)  # chwij -> cij,hw
            moments += patches @ patches.T
            count += patches.shape[1]
        values, vectors = np.linalg.eigh(moments / count)
        filters = (vectors / np.sqrt(np.maximum(values, 0) + self.eps)).T[::-1]
        largest = np.take_along_axis(filters, np.abs(filters).argmax(1)[:, None], 1)
        filters = filters * np.sign(largest)
        self.buffers["weight"][...] = np.concatenate([filters, -filters]).reshape(
            self.buffers["weight"].shape
        )

    def backward(self, dout: Array) -> Array | None:
        """As a convolution's, without ∂w: the weight is not trained."""
        x = self.expect_saved(dout)
        if self.bias:
            self.grads["bias"][...] = dout.sum(axis=(0, 2, 3))
        return self.input_gradient(dout, x.shape)

    def param_shapes(self) -> dict[str, Shape]:
        return {"bias": (self.out_channels,)} if self.bias else {}

    def buffer_shapes(self) -> dict[str, Shape]:
        return {"weight": self.weight_shape}

    def reset_parameters(self, rng: np.random.Generator, dtype: np.dtype) -> None:
        self.buffers = {"weight": INITS["pytorch"](self.weight_shape, rng, dtype)}
        self.params = {"bias": np.zeros(self.out_channels, dtype)} if self.bias else {}

    @staticmethod
    def variance_shares(weight: Array, eps: float) -> Array | None:
        """How much of the patches' variance each filter stands for; the first half adds up to 1.

        An eigenvector has length 1, so that ``|w_i|² = 1 / (λ_i + ε)`` gives its λ_i back, and the
        share is λ_i by the sum of all. The negative of a filter has the share of the filter.

        Args:
            weight: of the layer, (2·D, C, KH, KW).
            eps: of the layer.

        Returns:
            Float64, (2·D,); None for filters that were not computed from images.
        """
        filters, negatives = np.split(weight.astype(np.float64).reshape(len(weight), -1), 2)
        if not filters.any(axis=1).all() or (filters != -negatives).any():
            return None
        variances = np.maximum(1 / np.square(filters).sum(axis=1) - eps, 0)
        if not variances.any():
            return None
        return np.tile(variances / variances.sum(), 2)

    @classmethod
    def infer(cls, arguments: dict[str, Any], in_shape: Shape) -> dict[str, Any]:
        return {"in_channels": in_shape[0], **arguments}
