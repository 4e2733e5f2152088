"""Optimizers: what to do with a gradient."""

from engine.optim.clipping import clip_grad_norm, global_norm
from engine.optim.optimizer import Optimizer, OptimizerState
from engine.optim.rules import OPTIMIZERS, SGD, Adam, AdamW, Momentum, RMSprop

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adam",
    "AdamW",
    "Momentum",
    "Optimizer",
    "OptimizerState",
    "RMSprop",
    "clip_grad_norm",
    "global_norm",
]
