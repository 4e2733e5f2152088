"""The course of a training: the metrics of every epoch, as arrays."""

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from engine.numbers import metric

_WIDTH, _HEIGHT, _MARGIN = 280, 120, 8
"""Of a curve, in pixels."""

_PAIRS = (("loss", "val_loss"), ("acc", "val_acc"))
"""The curves that share a picture: on the training samples, and on those held out."""


class History(Mapping[str, np.ndarray]):
    """The metrics of every epoch by name, each an array (epochs,); in a notebook, curves.

    The names are those of ``metrics.csv``: ``loss`` and ``acc`` on the training samples, while
    they were trained on; ``val_loss`` and ``val_acc`` on those held out; ``lr``, ``grad_norm``,
    ``seconds``, ``samples_per_s``.

    Args:
        rows: the metrics of each epoch, by name.
        stopped: why training ended before its last epoch; None if it did not.
        notes: what there is to say about samples, settings and curves, in a line each.

    Examples:
        >>> history = History([{"loss": 0.9, "acc": 0.5}, {"loss": 0.4, "acc": 0.75}])
        >>> history
        History(2 epochs: loss 0.4000, acc 0.7500)
        >>> history["loss"]
        array([0.9, 0.4])
        >>> history.to_dict()
        {'loss': [0.9, 0.4], 'acc': [0.5, 0.75]}
    """

    def __init__(
        self,
        rows: Sequence[Mapping[str, float | None]],
        stopped: str | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        names = list(dict.fromkeys(name for row in rows for name in row))
        self._arrays = {
            name: np.array([_number(row.get(name)) for row in rows], np.float64) for name in names
        }
        self.epochs = len(rows)
        self.stopped = stopped
        self.notes = tuple(notes)

    def to_dict(self) -> dict[str, list[float]]:
        """Plain lists by name, for ``json`` or ``pandas.DataFrame``."""
        return {name: array.tolist() for name, array in self._arrays.items()}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            known = ", ".join(self._arrays) or "none before the first epoch"
            raise KeyError(f"there is no metric {name!r}; there are {known}")
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        last = (
            f"{name} {metric(self[name][-1])}" for pair in _PAIRS for name in pair if name in self
        )
        told = f": {', '.join(last)}" if self.epochs else ""
        stopped = f"; {self.stopped}" if self.stopped else ""
        return f"History({self.epochs} epoch{'s' * (self.epochs != 1)}{told}{stopped})"

    def _repr_html_(self) -> str:
        """Curves of loss and accuracy, one picture each, and the last values in words."""
        pictures = [self._picture([name for name in pair if name in self]) for pair in _PAIRS]
        return f"<div>{''.join(pictures)}<div>{html.escape(repr(self))}</div></div>"

    def _picture(self, names: Sequence[str]) -> str:
        """An SVG of some curves: solid in training, dashed on the samples held out."""
        finite = [self[name][np.isfinite(self[name])] for name in names]
        values = np.concatenate([*finite, np.empty(0)])
        if not values.size:
            return ""
        low, high = float(values.min()), float(values.max())
        lines = [
            self._line(self[name], low, high, dashed=name.startswith("val_")) for name in names
        ]
        told = [f"{name} ({'dashed' if name.startswith('val_') else 'solid'})" for name in names]
        caption = html.escape(f"{', '.join(told)}, from {metric(low)} to {metric(high)}")
        return (
            f'<figure style="display:inline-block;margin:4px"><svg width="{_WIDTH}" '
            f'height="{_HEIGHT}" role="img" aria-label="{caption}" style="border:1px solid #8888">'
            f"{''.join(lines)}</svg><figcaption><small>{caption}</small></figcaption></figure>"
        )

    def _line(self, values: np.ndarray, low: float, high: float, *, dashed: bool) -> str:
        x = np.linspace(_MARGIN, _WIDTH - _MARGIN, max(len(values), 2))
        y = _HEIGHT - _MARGIN - (values - low) / ((high - low) or 1) * (_HEIGHT - 2 * _MARGIN)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=False) if np.isfinite(b))
        dash = ' stroke-dasharray="5 3"' if dashed else ""
        mark = f'<circle cx="{points.partition(",")[0]}" cy="{points.partition(",")[2]}" r="2"/>'
        dot = mark if len(points.split()) == 1 else ""
        return (
            f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.5"'
            f"{dash}/>{dot}"
        )


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
