"""The rows of the table of layers, and the words about the chosen image."""

from collections.abc import Callable, Sequence

import numpy as np
from textual.content import Content

from engine.inspection.health import LayerFacts
from engine.layers import shape_text
from tui import text
from tui.charts.layer_images import LayerPlace
from tui.state.network_inspector import Samples
from tui.widgets.line import TextPart
from tui.widgets.table import Cell, Column

LEVELS = {
    "good": "success",
    "note": "muted",
    "warning": "bold warning",
    "error": "bold error",
    "none": "muted",
}

COLUMNS = (
    Column("layer", flexible=True, least=14, about="its place in the network, and its kind."),
    Column("output", rank=2, about="what it hands on for an image: maps × height × width."),
    Column("params", right=True, rank=6, about="how many numbers it learns."),
    Column("mean", right=True, rank=5, least=6,
           about="of its weights; near 0 in most networks."),
    Column("std", right=True, rank=4, least=5,
           about="how far its weights spread; a training widens it slowly."),
    Column("grad rms", right=True, rank=1,
           about="root mean square of its gradients: how strongly the loss pulls at a weight. Much "
           "smaller than in the other layers: it vanishes, and the layer learns nothing."),
    Column("step size", right=True, rank=1, least=6,
           about="how much the last step changed the weights, relative to their size; about 0.1% "
           "is healthy, above 1% is fast, below 0.001% hardly moves."),
    Column("silent", right=True, rank=3,
           about="share of a ReLU's channels that were 0 for every image; flagged from 40% on."),
    Column("health", least=9, about="the numbers before it in a word; advice is below the table."),
)  # fmt: skip


def flagged(facts: Sequence[LayerFacts]) -> list[LayerFacts]:
    """The layers whose numbers are a warning or worse."""
    return [fact for fact in facts if fact.health.level in ("warning", "error")]


def flags(flagged: Sequence[LayerFacts]) -> Content:
    """Which layer is flagged and with what, how many more, and the key that goes there."""
    if not flagged:
        return Content("")
    first, more = flagged[0], len(flagged) - 1
    words = f"! layer {first.name}: {first.health.word}{f', {more} more' if more else ''}"
    return Content.assemble((words, "$warning"), ("  f", "bold $accent"), (" goes there", "$muted"))


def cells_of(place: LayerPlace, facts: LayerFacts) -> tuple[Cell, ...]:
    """The row of a layer."""
    dead = "" if facts.dead is None else f"{facts.dead:.0%}"
    worry = "warning" if facts.health.word in ("dead", "dying") else "foreground"
    return (
        (f"{place.name} {place.layer.removesuffix('()')}", "foreground"),
        (shape_text(place.out_shape), "muted"),
        (f"{place.parameters:,}" if place.parameters else "", "muted"),
        (_number(facts.mean, text.short), "foreground"),
        (_number(facts.std, text.short), "foreground"),
        (_number(facts.grad_rms, text.exponent), "foreground"),
        (_number(facts.update_ratio, text.percent), "foreground"),
        (dead, worry),
        (f"{facts.health.symbol} {facts.health.word}", LEVELS[facts.health.level]),
    )


def _number(value: float | None, write: Callable[[float], str]) -> str:
    return "" if value is None else write(value)


def prediction_parts(logits: np.ndarray, samples: Samples, sample: int) -> tuple[TextPart, ...]:
    """The prediction for the image, and whether it is right."""
    label = samples.label(sample)
    name = text.cut(text.line(samples.classes[label]), 12)
    head = (
        TextPart("image ", "$muted", "sample(1)"),
        TextPart(f"#{samples.index(sample)}: {name}", "$muted", "sample(1)"),
    )
    if logits.shape != (len(samples.classes),) or not np.isfinite(logits).all():
        return head
    shares = np.exp(logits - logits.max(), dtype=np.float64)
    best = int(logits.argmax())
    right = best == label
    words = f"  {'✓' if right else '✗'} predicted {text.cut(text.line(samples.classes[best]), 12)} "
    return (
        *head,
        TextPart(f"{words}{shares[best] / shares.sum():.0%}", "$success" if right else "$error"),
    )
