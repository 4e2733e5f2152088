"""Learning rate schedules, with PyTorch's names, arguments and numbers."""

from engine.schedulers.formulas import (
    CosineAnnealingLR,
    ExponentialLR,
    FixedLR,
    MultiStepLR,
    OneCycleLR,
    StepLR,
)
from engine.schedulers.plateau import ReduceLROnPlateau
from engine.schedulers.scheduler import Scheduler
from engine.schedulers.warmup import Warmup

SCHEDULERS: dict[str, type[Scheduler]] = {
    "step": StepLR,
    "multi_step": MultiStepLR,
    "exponential": ExponentialLR,
    "cosine": CosineAnnealingLR,
    "one_cycle": OneCycleLR,
    "plateau": ReduceLROnPlateau,
}

__all__ = [
    "SCHEDULERS",
    "CosineAnnealingLR",
    "ExponentialLR",
    "FixedLR",
    "MultiStepLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "Scheduler",
    "StepLR",
    "Warmup",
]
