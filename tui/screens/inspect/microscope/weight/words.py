"""What is known of a weight, written as lines that one can follow."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from textual.content import Content

from engine.microscope.arithmetic import Arithmetic
from tui import text
from tui.screens.inspect.microscope import words
from tui.screens.inspect.microscope.weight.look import WeightLook

LISTED = words.LISTED


def gradient(found: WeightLook, chosen: int, classes: Sequence[str], width: int) -> list[Content]:
    """Where the gradient comes from: the largest products, their sum, the share of each sample.

    Args:
        found: the weight.
        chosen: which of the largest products has a mark.
        classes: their names.
        width: columns that there are.
    """
    shown = found.weight.gradient.arithmetic
    terms = tuple(
        replace(term, chosen=k == chosen) if k < LISTED else term
        for k, term in enumerate(shown.terms)
    )
    lines = words.written(replace(shown, terms=terms), 0, width)
    samples = found.weight.gradient.samples
    if not len(samples):
        return lines
    order = np.argsort(-np.abs(np.nan_to_num(samples)), kind="stable")
    rows = []
    for k in order[:LISTED].tolist():
        name = text.line(classes[int(found.step.labels[k])])
        rows.append((text.cut(f"{k}: {name}", 13), float(samples[k])))
    rest = order[LISTED:]
    if len(rest):
        rows.append((f"{len(rest)} others", float(samples[rest].sum())))
    heading = f"share of the {len(samples)} samples: number, class"
    return [
        *lines,
        Content(""),
        Content.styled(text.cut(heading, width), "$primary"),
        *words.bars(rows, width),
        words.total("the whole batch", float(samples.sum()), width),
    ]


def update(found: WeightLook, note: str, width: int) -> list[Content]:
    """The optimizer's arithmetic, from the gradient to the new weight.

    Args:
        found: the weight.
        note: what the optimizer remembers.
        width: columns that there are.
    """
    optimizer = found.step.optimizer
    heading = f"{type(optimizer).__name__}, learning rate {text.significant(optimizer.lr)}"
    lines = [Content.styled(heading, "$primary")]
    lines += [Content.styled(line, "$muted") for line in text.wrapped(note, width)]
    weight = found.weight
    shown = Arithmetic("", (), weight.steps, weight.after, weight.after)
    return [*lines, Content(""), *words.written(shown, 0, width)]


def before_and_after(found: WeightLook) -> Content:
    """The weight before and after the step."""
    weight = found.weight
    return Content.assemble(
        (f"before {text.significant(weight.before, 5)}, ", "$muted"),
        (f"after {text.significant(weight.after, 5)}", "bold $success"),
        (f", by {text.exponent(weight.after - weight.before, 2)}", "$muted"),
    )
