"""An arithmetic, written as lines that one can follow."""

from collections.abc import Sequence, Set

import numpy as np
from textual.content import Content

from engine.arrays import Array
from engine.microscope.arithmetic import Arithmetic, Term
from tui import text

_NUMBER, _LEAST = 6, 4
"""Characters of a number in a grid. Where there is no room for the least, terms are listed."""

LISTED = 8
"""Terms or channels that are listed; what is left is summed up in a line."""

_GAP = 3
_EQUAL = 1e-4
"""Relative difference up to which float32 and another order of additions are to blame."""


def heaviest_channel(shown: Arithmetic) -> int:
    """The input channel whose products weigh most."""
    sums = channel_sums(shown)
    return int(np.nan_to_num(np.abs(sums)).argmax()) if len(sums) else 0


def channel_sums(shown: Arithmetic) -> Array:
    """The sum of the products of every input channel; empty without channels and weights."""
    if shown.patch is None or shown.kernel is None or shown.patch.ndim != 3:
        return np.zeros(0)
    products = shown.patch.astype(np.float64) * shown.kernel
    return products.sum(axis=(1, 2))


def written(shown: Arithmetic, channel: int, width: int) -> list[Content]:
    """All of an arithmetic.

    Args:
        shown: it.
        channel: the input channel whose products are shown.
        width: columns that there are.
    """
    lines: list[Content] = []
    patch = shown.patch
    if patch is not None and patch.ndim == 3 and _size(patch.shape[2], width, True) >= _LEAST:
        lines += _grids(shown, min(channel, len(patch) - 1), width)
    elif shown.terms:
        lines += _largest(shown, width)
    if lines and shown.steps:
        lines.append(Content(""))
    for step in shown.steps:
        lines += _step(step.words, step.formula, step.value, width)
    return lines


def verdict(shown: Arithmetic) -> Content:
    """What it adds up to, and what the network has."""
    adds, has = text.metric(shown.value), text.metric(shown.network)
    same = shown.difference < _EQUAL or (np.isnan(shown.value) and np.isnan(shown.network))
    mark, style = ("✓", "bold $success") if same else ("≠", "bold $warning")
    return Content.styled(f"{mark} adds up to {adds}, the network has {has}", style)


# -- patch × kernel ---------------------------------------------------------------------------


def _grids(shown: Arithmetic, channel: int, width: int) -> list[Content]:
    assert shown.patch is not None
    patch = shown.patch[channel]
    of = f" of channel {channel}" if len(shown.patch) > 1 else ""
    if shown.kernel is None:
        lines = _flow([_grid("input" + of, patch, width, _chosen(shown, channel))], width)
        if any(term.chosen for term in shown.terms):
            lines.append(Content.styled("* the largest one is taken", "$muted"))
        return lines
    kernel = shown.kernel[channel]
    products = patch.astype(np.float64) * kernel
    blocks = [
        _grid("input" + of, patch, width),
        _grid("× weights", kernel, width),
        _grid("= products", products, width),
    ]
    lines = _flow(blocks, width)
    if len(shown.patch) > 1:
        lines.append(Content(""))
        lines.append(total(f"channel {channel} adds up to", float(products.sum()), width))
        lines += _channels(channel_sums(shown), channel, width)
    return lines


def _chosen(shown: Arithmetic, channel: int) -> set[tuple[int, int]]:
    """Row and column in the patch of the numbers that a maximum takes."""
    if shown.patch_origin is None:
        return set()
    first, top, left = shown.patch_origin
    return {
        (term.place[1] - top, term.place[2] - left)
        for term in shown.terms
        if term.chosen
        and term.place is not None
        and len(term.place) == 3
        and term.place[0] - first == channel
    }


def _size(columns: int, width: int, marked: bool) -> int:
    """Characters of a number where so many of them are in a line."""
    return min(_NUMBER, (width + 1) // columns - 1 - marked)


def _grid(
    title: str, numbers: Array, width: int, chosen: Set[tuple[int, int]] = frozenset()
) -> list[Content]:
    """A title and the numbers under it, those that are chosen with a star; all lines as wide."""
    columns = numbers.shape[1]
    size = _size(columns, width, bool(chosen))
    wide = columns * (size + 1 + bool(chosen)) - 1
    lines = [Content.styled(text.cut(title, wide).ljust(wide), "$primary")]
    for i, row in enumerate(numbers.tolist()):
        parts = []
        for j, number in enumerate(row):
            gap = " " if j else ""
            mark = ("*" if (i, j) in chosen else " ") if chosen else ""
            style = "bold $success" if (i, j) in chosen else _style(number)
            parts.append((f"{gap}{_narrow(number, size):>{size}}{mark}", style))
        lines.append(Content.assemble(*parts))
    return lines


def _narrow(number: float, size: int) -> str:
    """A number in so few characters, four or more."""
    tried = (text.short(number), *(f"{number:.{digits}f}" for digits in (2, 1, 0)))
    for found in tried:
        if len(found) <= size:
            return "0" if not found.strip("-0.") else found
    return text.exponent(number, 0)[:size]


def _flow(blocks: Sequence[list[Content]], width: int) -> list[Content]:
    """Blocks side by side, as many as fit; the others below them."""
    lines: list[Content] = []
    row: list[list[Content]] = []
    for block in blocks:
        used = sum(one[0].cell_length + _GAP for one in row)
        if row and used + block[0].cell_length > width:
            lines += _beside(row)
            row = []
        row.append(block)
    return lines + _beside(row)


def _beside(row: Sequence[list[Content]]) -> list[Content]:
    gap = Content(" " * _GAP)
    return [gap.join(parts) for parts in zip(*row, strict=True)]


def _channels(sums: Array, channel: int, width: int) -> list[Content]:
    """The sums of the channels that weigh most."""
    order = np.argsort(-np.abs(np.nan_to_num(sums)), kind="stable")
    shown = order[:LISTED].tolist()
    lines = [
        Content(""),
        Content.styled(text.cut("sums of the channels", width), "$primary"),
    ]
    rows = [(f"{'▸' if i == channel else ' '}channel {i}", float(sums[i])) for i in shown]
    if len(order) > LISTED:
        rows.append((f" {len(order) - LISTED} others", float(sums[order[LISTED:]].sum())))
    return [*lines, *bars(rows, width), total("all channels", float(sums.sum()), width)]


# -- terms and steps --------------------------------------------------------------------------


def _largest(shown: Arithmetic, width: int) -> list[Content]:
    """The terms that weigh most, each with its factors, and the sum of the others."""
    terms = shown.largest(LISTED)
    heading = "largest contributions" if len(shown.terms) > 1 else "made of"
    lines = [Content.styled(heading, "$primary")]
    for term in terms:
        lines += _term(term, width)
    if len(shown.terms) > len(terms):
        rest = sum(term.value for term in shown.terms) - sum(term.value for term in terms)
        lines.append(total(f"  the {len(shown.terms) - len(terms):,} others", rest, width))
    return lines


def _term(term: Term, width: int) -> list[Content]:
    mark = "* " if term.chosen else "  "
    factors = " × ".join(_factor(number) for number in term.factors)
    value = text.metric(term.value)
    style = "bold $success" if term.chosen else _style(term.value)
    head = f"{mark}{term.label}"
    calculation = f"{factors} = " if len(term.factors) > 1 else ""
    if text.cell_len(head) + len(calculation) + len(value) + 2 <= width:
        space = width - text.cell_len(head) - len(calculation) - len(value)
        return [
            Content.assemble(
                (head, "$foreground"), (" " * space + calculation, "$muted"), (value, style)
            )
        ]
    lines = [Content.styled(text.cut(head, width), "$foreground")]
    return [*lines, Content.assemble((f"    {calculation}", "$muted"), (value, style))]


def _factor(number: float) -> str:
    return f"({text.short(number)})" if number < 0 else text.short(number)


def _step(words: str, formula: str, value: float, width: int) -> list[Content]:
    """A step: its words and its result, with the formula between them or in lines of its own."""
    *before, last = text.wrapped(words, width - len(text.metric(value)) - 1)
    lines = [*map(Content, before), total(last, value, width)]
    if formula:
        lines += [
            Content.styled(f"  {line}", "$muted") for line in text.wrapped(formula, width - 2)
        ]
    return lines


def total(words: str, value: float, width: int) -> Content:
    """Words at the left, a number at the right."""
    number = text.metric(value)
    words = text.cut(words, width - len(number) - 1)
    space = " " * (width - text.cell_len(words) - len(number))
    return Content.assemble((words, "$foreground"), space, (number, f"bold {_style(value)}"))


def bars(rows: Sequence[tuple[str, float]], width: int) -> list[Content]:
    """A list of words of up to 13 characters and numbers, with bars as long as they are large."""
    most = max((abs(value) for _, value in rows if np.isfinite(value)), default=0.0) or 1.0
    return [_bar(words, value, most, width) for words, value in rows]


def _bar(words: str, value: float, most: float, width: int) -> Content:
    """A row of a list: words, a bar as long as the number is large, the number."""
    number = text.metric(value)
    room = width - 24
    if room < 1:
        return total(words, value, width)
    bar = "━" * round(min(abs(value) / most, 1.0) * room) if np.isfinite(value) else ""
    return Content.assemble(
        (f"{words:<13} ", "$foreground"),
        (f"{bar:<{room}}", _style(value)),
        (f"{number:>10}", _style(value)),
    )


def _style(value: float) -> str:
    """Numbers below zero in another colour; the sign says it too."""
    return "$curve-train" if value < 0 else "$curve-val"
