"""Fixes that several rules offer."""

from engine.hints.evidence import Evidence
from engine.hints.registry import Fix

ROUND = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)
"""Learning rates are offered in these steps of every power of ten."""


def set_to(key: str, value: float) -> str:
    """A key of the config and a number, as ``--set`` takes them."""
    return f"{key}={value:g}"


def scaled_lr(evidence: Evidence, factor: float) -> Fix:
    """The learning rate of the config, times a factor, as a round number."""
    lr = evidence.config.train.lr
    wanted = lr * factor
    mantissa, _, exponent = f"{wanted:e}".partition("e")
    nearest = min(ROUND, key=lambda step: abs(step - float(mantissa)))
    new = float(f"{nearest}e{exponent}")
    word = "lower" if factor < 1 else "raise"
    return Fix(f"{word} the learning rate from {lr:g} to {new:g}", (set_to("train.lr", new),))


def clip(evidence: Evidence) -> Fix:
    """Clip the gradient; where it is clipped already, a third of the learning rate."""
    if evidence.config.train.clip_norm is not None:
        return scaled_lr(evidence, 1 / 3)
    return Fix("clip the norm of the gradient at 1", ("train.clip_norm=1.0",))


def stop_early(evidence: Evidence, best: int) -> Fix:
    """Stop when validation no longer improves; else, with other callbacks, fewer epochs.

    Args:
        evidence: of the training.
        best: the best epoch, from 1.
    """
    if evidence.config.callbacks:
        return Fix(f"train only {best} epochs", (set_to("train.epochs", best),))
    return Fix(
        "stop after five epochs without a better val_loss, and keep the best weights",
        ("callbacks=[early_stopping: {monitor: val_loss, patience: 5}]",),
    )
