"""The layers of ``engine``, for editors; ``python -m docs.stubs`` writes this file."""

import collections.abc
from typing import Any, Literal

from engine.api.specs import LayerSpec

# A layer that is registered elsewhere.
def __getattr__(name: str) -> type[LayerSpec]: ...

class AvgPool2D(LayerSpec):
    """The mean of every window."""

    def __init__(
        self,
        kernel_size: int | collections.abc.Sequence[int],
        stride: int | collections.abc.Sequence[int] | None = None,
        padding: int | collections.abc.Sequence[int] = 0,
        count_include_pad: bool = True,
    ) -> None: ...

class BatchNorm1D(LayerSpec):
    """``BatchNorm2D`` for features: (N, F) → the same, every feature normalised over N."""

    def __init__(
        self,
        *,
        eps: float = 1e-05,
        momentum: float = 0.1,
        scale: bool = True,
    ) -> None: ...

class BatchNorm2D(LayerSpec):
    """Every channel of an image batch with mean 0 and variance 1, then a learnt scale and shift."""

    def __init__(
        self,
        *,
        eps: float = 1e-05,
        momentum: float = 0.1,
        scale: bool = True,
    ) -> None: ...

class Conv2D(LayerSpec):
    """Slides ``out_channels`` small filters over the image; each output is a weighted sum."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: int | collections.abc.Sequence[int],
        *,
        stride: int | collections.abc.Sequence[int] = 1,
        padding: int | collections.abc.Sequence[int] | Literal["same"] = 0,
        dilation: int | collections.abc.Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        init: str = "he",
    ) -> None: ...

class Dense(LayerSpec):
    """Every output is a weighted sum of all inputs: y = x·wᵀ + b."""

    def __init__(
        self,
        out_features: int,
        *,
        bias: bool = True,
        init: str = "he",
    ) -> None: ...

class Dropout(LayerSpec):
    """Sets each value to 0 with probability p while training, and scales the rest by 1/(1 − p)."""

    def __init__(
        self,
        p: float = 0.5,
    ) -> None: ...

class ELU(LayerSpec):
    """y = x for x > 0, else alpha·(eˣ − 1)."""

    def __init__(
        self,
        alpha: float = 1.0,
    ) -> None: ...

class Flatten(LayerSpec):
    """(N, C, H, W) → (N, C·H·W), in that order, as in PyTorch; features stay as they are."""

    def __init__(self) -> None: ...

class GELU(LayerSpec):
    """y = x·Φ(x), with the normal distribution function Φ, or a tanh that is close to it."""

    def __init__(
        self,
        approximate: str = "tanh",
    ) -> None: ...

class GlobalAvgPool2D(LayerSpec):
    """The mean of every channel: (N, C, H, W) → (N, C)."""

    def __init__(self) -> None: ...

class GlobalMaxPool2D(LayerSpec):
    """The maximum of every channel: (N, C, H, W) → (N, C)."""

    def __init__(self) -> None: ...

class LeakyReLU(LayerSpec):
    """y = x for x > 0, else negative_slope·x."""

    def __init__(
        self,
        negative_slope: float = 0.01,
    ) -> None: ...

class MaxPool2D(LayerSpec):
    """The largest pixel of every window."""

    def __init__(
        self,
        kernel_size: int | collections.abc.Sequence[int],
        stride: int | collections.abc.Sequence[int] | None = None,
        padding: int | collections.abc.Sequence[int] = 0,
    ) -> None: ...

class ReLU(LayerSpec):
    """y = max(x, 0)."""

    def __init__(self) -> None: ...

class Residual(LayerSpec):
    """y = body(x) + shortcut(x): the body only has to learn what differs from its input."""

    def __init__(
        self,
        body: collections.abc.Sequence[Any],
        shortcut: collections.abc.Sequence[Any] = (),
    ) -> None: ...

class Scale(LayerSpec):
    """y = factor·x, with a factor that is not trained. Shapes: any → the same."""

    def __init__(
        self,
        factor: float,
    ) -> None: ...

class SiLU(LayerSpec):
    """y = x·σ(x), with σ(x) = (1 + tanh(x/2))/2, which cannot overflow."""

    def __init__(self) -> None: ...

class Sigmoid(LayerSpec):
    """y = 1/(1 + e⁻ˣ), computed as (1 + tanh(x/2))/2, which cannot overflow."""

    def __init__(self) -> None: ...

class Softmax(LayerSpec):
    """Turns the values along axis 1 into probabilities: y_i = e^{x_i} / Σ_j e^{x_j}."""

    def __init__(self) -> None: ...

class Tanh(LayerSpec):
    """y = tanh(x)."""

    def __init__(self) -> None: ...

class Whitening2D(LayerSpec):
    """A convolution that makes patches of images uncorrelated, each direction with size 1."""

    def __init__(
        self,
        *,
        kernel_size: int | collections.abc.Sequence[int] = 2,
        eps: float = 0.0005,
        bias: bool = True,
    ) -> None: ...
