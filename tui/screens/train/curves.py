"""The curves of a training as pictures: what is drawn, not how."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Array
from engine.events import Logs
from tui.charts import scales
from tui.charts.figure import Band, Marker, Picture, Series
from tui.state.seed_progress import SeedProgress
from tui.state.training import Training

SMOOTHING = {"light": 60, "strong": 12, "off": 0}
"""The window is this part of all points."""


_DOTS = 40
"""With more epochs than this, dots would hide the line."""


@dataclass(frozen=True)
class Points:
    """The metrics of a training over epochs, read once for all charts."""

    x: Array
    loss: Array
    acc: Array
    lr: Array
    epochs: Array
    history: tuple[Logs, ...]
    end: float
    changes: tuple[tuple[float, float], ...]
    broken_at: float | None
    seeds: SeedProgress | None = None

    def logged(self, name: str) -> Array:
        """A metric of every epoch that has it; NaN where it is missing."""
        return np.array([logs.get(name, np.nan) for logs in self.history], dtype=np.float64)


def read(training: Training) -> Points:
    """All points so far; empty before the first."""
    curve, session, started = training.curve(), training.session, training.started
    if curve is None or session is None or started is None:
        nothing = np.zeros(0)
        return Points(nothing, nothing, nothing, nothing, nothing, (), 1.0, (), None)
    steps = max(started.steps_per_epoch, 1)
    x = curve.column("step") / steps
    loss, acc, lr = (curve.column(name) for name in ("loss", "acc", "lr"))
    before = training.history[: started.epoch]
    if before:  # a resumed run: of the epochs before, only their means are known
        x = np.concatenate([np.arange(1.0, len(before) + 1), x])
        loss, acc, lr = (
            np.concatenate([[logs.get(name, np.nan) for logs in before], column])
            for name, column in (("loss", loss), ("acc", acc), ("lr", lr))
        )
    now = max(float(x[-1]) if len(x) else 0.0, float(len(training.history)))
    broken = now if training.ended is not None and training.ended.status == "diverged" else None
    return Points(
        x=x,
        loss=loss,
        acc=acc,
        lr=lr,
        epochs=np.arange(1.0, len(training.history) + 1),
        history=tuple(training.history),
        end=now if training.ended is not None else scales.horizon(now, started.epochs),
        changes=tuple((step / steps, rate) for step, rate in training.lr_changes),
        broken_at=broken,
        seeds=training.seeds,
    )


def seeds_band(points: Points, metric: str) -> tuple[Band, ...]:
    """Mean ± std of a metric over the seeds that finished before; of one, a dotted line."""
    found = points.seeds.bands.get(metric) if points.seeds else None
    if found is None:
        return ()
    low, high = found.mean - found.std, found.mean + found.std
    return (Band("curve-lr", found.epochs, low, high),)


def metric_picture(points: Points, name: str, *, log: bool, smoothing: str) -> Picture:
    """Training and validation of ``loss`` or ``acc``, with the best epoch marked."""
    raw = scales.finite(points.loss if name == "loss" else points.acc)
    part = SMOOTHING[smoothing]
    series = []
    if part and len(raw) > part:
        series.append(Series("raw", "curve-train-dim", points.x, raw, backdrop=True))
        raw = scales.smooth(raw, scales.steady(max(3, len(raw) // part)))
    series.append(Series("train", "curve-train", points.x, raw))
    validation = scales.finite(points.logged(f"val_{name}"))
    if len(validation):
        series.append(Series("val", "curve-val", points.epochs, validation))
        if len(validation) <= _DOTS:
            series.append(Series("val", "curve-val", points.epochs, validation, marker="•"))
    marks = [Marker("▴", "curve-lr", x, -np.inf) for x, _ in points.changes]
    best = best_epoch(points, name)
    if best is not None:
        marks.append(Marker("★", "curve-val", points.epochs[best], validation[best]))
    if points.broken_at is not None:
        marks.append(Marker("✗", "error", points.broken_at, np.inf))
    limits = None if log or name == "loss" else (1.0, 1.0)
    settled = 0.03 * points.end if len(points.x) >= 60 else 0.0
    return Picture(
        tuple(series),
        tuple(marks),
        points.end,
        log,
        limits,
        settled,
        bands=seeds_band(points, f"val_{name}"),
    )


def lr_picture(points: Points, *, log: bool) -> Picture:
    """The learning rate, with the changes by hand marked."""
    series = Series("lr", "curve-lr", points.x, points.lr)
    marks = tuple(Marker("▲", "curve-lr", x, rate) for x, rate in points.changes)
    return Picture((series,), marks, points.end, log)


def best_epoch(points: Points, name: str) -> int | None:
    """The index of the best epoch by validation; None before the first."""
    values = scales.finite(points.logged(f"val_{name}"))
    if not np.isfinite(values).any():
        return None
    return int(np.nanargmin(values) if name == "loss" else np.nanargmax(values))
