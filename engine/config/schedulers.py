"""The part of the schema that says how the learning rate changes; names as in PyTorch."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from engine.options import Expected, Milestones, Mode, Monitor, Section


class StepLR(Section):
    """Multiply the learning rate by gamma every step_size epochs."""

    name: Annotated[Literal["step", "StepLR"], AfterValidator(lambda _: "step")] = Field(
        description="which scheduler"
    )
    step_size: int = Field(ge=1, le=100_000, description="epochs between two reductions")
    gamma: float = Field(default=0.1, gt=0, le=1, description="factor of each reduction")


class MultiStepLR(Section):
    """Multiply the learning rate by gamma at each of the milestones."""

    name: Annotated[
        Literal["multi_step", "MultiStepLR"], AfterValidator(lambda _: "multi_step")
    ] = Field(description="which scheduler")
    milestones: Milestones = Field(description="epochs after which the rate is reduced")
    gamma: float = Field(default=0.1, gt=0, le=1, description="factor of each reduction")


class ExponentialLR(Section):
    """Multiply the learning rate by gamma every epoch."""

    name: Annotated[
        Literal["exponential", "ExponentialLR"], AfterValidator(lambda _: "exponential")
    ] = Field(description="which scheduler")
    gamma: float = Field(gt=0, le=1, description="factor of every epoch")


class CosineAnnealingLR(Section):
    """Let the learning rate fall along half a cosine (Loshchilov and Hutter 2017)."""

    name: Annotated[Literal["cosine", "CosineAnnealingLR"], AfterValidator(lambda _: "cosine")] = (
        Field(description="which scheduler")
    )
    T_max: int | None = Field(
        default=None, ge=1, le=100_000, description="epochs until the bottom; null is train.epochs"
    )
    eta_min: float = Field(default=0.0, ge=0, description="learning rate at the bottom")


class OneCycleLR(Section):
    """Up to max_lr and down again, step by step (Smith and Topin 2018)."""

    name: Annotated[Literal["one_cycle", "OneCycleLR"], AfterValidator(lambda _: "one_cycle")] = (
        Field(description="which scheduler")
    )
    max_lr: float | None = Field(default=None, gt=0, description="the peak; null is train.lr")
    pct_start: float = Field(default=0.3, gt=0, lt=1, description="share of the steps that go up")
    div_factor: float = Field(
        default=25.0, ge=1, description="the first rate is max_lr divided by this"
    )
    final_div_factor: float = Field(
        default=1e4, ge=1, description="the last rate is the first one divided by this"
    )


class ReduceLROnPlateau(Section):
    """Multiply the learning rate by factor when a metric no longer gets better."""

    name: Annotated[
        Literal["plateau", "ReduceLROnPlateau"], AfterValidator(lambda _: "plateau")
    ] = Field(description="which scheduler")
    monitor: Monitor = "val_loss"
    mode: Mode = "auto"
    factor: float = Field(default=0.1, gt=0, lt=1, description="factor of each reduction")
    patience: int = Field(
        default=10, ge=0, le=100_000, description="epochs without improvement before a reduction"
    )
    threshold: float = Field(
        default=1e-4, ge=0, description="relative change that counts as an improvement"
    )
    cooldown: int = Field(
        default=0, ge=0, le=100_000, description="epochs to wait after a reduction"
    )
    min_lr: float = Field(default=0.0, ge=0, description="never go below this")


SCHEDULERS: tuple[type[Section], ...] = (
    StepLR,
    MultiStepLR,
    ExponentialLR,
    CosineAnnealingLR,
    OneCycleLR,
    ReduceLROnPlateau,
)

Scheduler = Annotated[
    StepLR | MultiStepLR | ExponentialLR | CosineAnnealingLR | OneCycleLR | ReduceLROnPlateau,
    Field(discriminator="name"),
    Expected("a mapping, e.g. {name: cosine}"),
]
