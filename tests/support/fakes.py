"""Trainings that never ran, with numbers that are the same everywhere."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from engine.config import Config, loads
from engine.events import Ended, EpochEnded, LearningRateChanged, Started, Warned
from engine.hints import RULES, Fix, Hint
from engine.train.controls import Controls
from engine.train.metric_buffer import MetricBuffer
from engine.train.run_state import Progress
from tui.app import CnnApp
from tui.messages import TrainingEvent

STEPS, EPOCHS = 113, 12
RUN = "20260314-150926-quickstart-3fa2"

HINTS = tuple(
    Hint(rule, RULES[rule].title, words, RULES[rule].why, fix)
    for rule, words, fix in (
        (
            "overfitting",
            "val_loss rose from 0.31 in epoch 3 to 0.36, while loss fell from 0.36 to 0.11",
            Fix("shift the training images by up to 2 pixels", ("data.augment.shift=2",)),
        ),
        ("lr_high", "a step changes the weights of a layer by 14%; about 0.1% is healthy",
         Fix("lower the learning rate from 0.003 to 0.001", ("train.lr=0.001",))),
        ("not_normalised", "the images reach the network with mean 33 and deviation 79", None),
    )
)  # fmt: skip


def quickstart() -> Config:
    return loads(
        "name: quickstart\ndataset: mnist_mini\nmodel: lenet_mnist\n"
        "train: {epochs: 12, batch_size: 32, lr: 0.003, optimizer: adam}\n"
    )


def _noise(k: int) -> float:
    """Between -1 and 1, and the same on every machine."""
    return math.sin(12.9898 * k) * math.cos(78.233 * k)


def _loss(epoch: float) -> float:
    return 0.06 + 2.24 * math.exp(-1.6 * epoch) + 0.25 * math.exp(-0.3 * epoch)


def _lr(epoch: float) -> float:
    return 0.0015 * (1 + math.cos(math.pi * epoch / EPOCHS))


def train_to(
    app: CnnApp,
    epoch: float,
    *,
    phase: str = "training",
    status: str = "",
    hints: tuple[Hint, ...] = (),
) -> None:
    """Let the app show a training that is (or ended) so far.

    Args:
        app: the app.
        epoch: how far, in epochs.
        phase: of the session, while it is not over.
        status: how it ended; empty if it did not.
        hints: that hold.
    """
    training, config = app.training, quickstart()
    buffer, controls = MetricBuffer(), Controls()
    steps = round(epoch * STEPS)
    for k in range(1, steps + 1):
        at = k / STEPS
        noise = _noise(k)
        loss = max(1e-3, _loss(at) * (1 + 0.5 * noise))
        acc = min(1.0, max(0.0, 1 - 0.28 * _loss(at) * (1 - 0.6 * noise)))
        buffer.append(k, loss, acc, _lr(at), 1.0)
    if status == "diverged":
        buffer.append(steps + 1, 41.7, 0.1, 1e6, 1e5)
        buffer.append(steps + 2, 3.1e7, 0.1, 1e6, 1e9)
    done = int(epoch)
    session: Any = SimpleNamespace(
        metric_buffer=buffer,
        controls=controls,
        history=[],
        rates_before=(),
        phase=phase,
        done=steps % STEPS,
        total=STEPS,
        steps_per_epoch=STEPS,
        progress=Progress(
            epoch=done,
            step=steps - done * STEPS,
            global_step=steps,
            samples=(steps - done * STEPS) * 32,
            epoch_seconds=(steps - done * STEPS) * 0.008,
            seconds=steps * 0.008,
            trained=steps * 32,
        ),
        hinting=SimpleNamespace(current=hints),
        state=SimpleNamespace(trainer=SimpleNamespace(optimizer=SimpleNamespace(lr=_lr(epoch)))),
    )
    if phase == "paused":
        controls.pause()
    training._clear(config, session)
    training._running = not status

    def told(event: Any) -> None:
        training.on_training_event(TrainingEvent(session, event))

    training._note("info", "starting quickstart")
    told(Started(RUN, Path("runs") / RUN, 0, 0, EPOCHS, STEPS, 3600, 61706, "mnist_mini", 42))
    logs: dict[str, float] = {}
    for i in range(1, done + 1):
        noise = _noise(1000 + i)
        loss, val_loss = _loss(i), _loss(i) * (0.8 + 0.15 * noise)
        logs = {
            "loss": loss,
            "acc": 1 - 0.28 * loss,
            "val_loss": val_loss,
            "val_acc": 1 - 0.25 * val_loss,
            "lr": _lr(i),
            "seconds": 0.9,
            "samples_per_s": 4000.0,
        }
        told(EpochEnded(i, EPOCHS, logs))
        if i == 3:
            told(LearningRateChanged(3 * STEPS + 20, 0.0034))
        if i == 5:
            told(Warned("metrics.csv: not written: No space left on device"))
    if status:
        reasons = {
            "diverged": "diverged in epoch 1, batch 36, at learning rate 1e+06: the loss is nan; "
            "the first output that is not finite is that of layer 0 Conv2D(1→6, k=5, padding=2). "
            "Try a smaller lr, or train.clip_norm",
            "stopped": "stopped by hand",
        }
        test = {"test_loss": 0.0821, "test_acc": 0.977} if status == "finished" else {}
        best = {"epoch": 11.0, **logs} if logs else {}
        told(
            Ended(
                RUN, Path("runs") / RUN, status, reasons.get(status, ""),  # type: ignore[arg-type]
                done, steps * 0.008, 4000.0, logs, best, test,
            )
        )  # fmt: skip
