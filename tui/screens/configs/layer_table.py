"""The layers of a network with their shapes and sizes."""

from textual.content import Content

from engine.layers import Summary, SummaryRow, shape_text
from tui import text

_BAR = "▏▎▍▌▋▊▉█"


def layer_table(summary: Summary, width: int) -> Content:
    """A table that fits the width: layer, output shape, parameters, memory, multiply-adds.

    A bar behind the multiply-adds shows where the arithmetic is.
    """
    wide = width >= 74
    head = ["", "layer", "output", "params", *(["memory"] if wide else []), "mult-adds"]
    rows = [_cells(row, wide) for row in summary.rows]
    memory = [text.size(summary.activation_bytes)] if wide else []
    total = ["", "per sample", "", text.count(summary.parameters), *memory]
    total.append(text.count(summary.multiply_adds))
    lines = [head, *rows, total]
    sizes = [max(len(line[i]) for line in lines) for i in range(len(head))]
    bar = 8 if width - sum(sizes) - 2 * len(sizes) - len(head[1]) > 20 else 0
    fixed = sum(sizes) - sizes[1] + 2 * (len(sizes) - 1) + (bar + 1 if bar else 0)
    sizes[1] = max(8, min(sizes[1], width - fixed))
    largest = max((row.multiply_adds for row in summary.rows), default=0)
    found = [Content.styled(_line(head, sizes), "$muted")]
    for row, cells in zip(summary.rows, rows, strict=True):
        name, *rest = _split(cells, sizes)
        style = "$foreground" if row.parameters else "$muted"
        parts = [(name, style), *[(piece, "$muted") for piece in rest[:1]]]
        parts += [(piece, style) for piece in rest[1:]]
        if bar and largest:
            parts.append((f" {_share(row.multiply_adds / largest, bar)}", "$primary 70%"))
        found.append(Content.assemble(*parts))
    found.append(Content.styled("─" * min(width, fixed + sizes[1]), "$border"))
    found.append(Content.styled(_line(total, sizes), "bold"))
    return Content("\n").join(found)


def _cells(row: SummaryRow, wide: bool) -> list[str]:
    return [
        row.name,
        text.line(row.layer).removesuffix("()"),
        shape_text(row.output_shape),
        text.count(row.parameters) if row.parameters else "·",
        *([text.size(row.activation_bytes)] if wide else []),
        text.count(row.multiply_adds) if row.multiply_adds else "·",
    ]


def _split(cells: list[str], sizes: list[int]) -> list[str]:
    first = f"{cells[0]:>{sizes[0]}}  {_fit(cells[1], sizes[1])}"
    rest = [
        f"  {cell:<{size}}" if i == 0 else f"  {cell:>{size}}"
        for i, (cell, size) in enumerate(zip(cells[2:], sizes[2:], strict=True))
    ]
    return [first, *rest]


def _line(cells: list[str], sizes: list[int]) -> str:
    return "".join(_split(cells, sizes))


def _fit(cell: str, size: int) -> str:
    return f"{cell:<{size}}" if len(cell) <= size else cell[: size - 1] + "…"


def _share(part: float, width: int) -> str:
    eighths = round(part * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_BAR[rest - 1] if rest else "")) or (_BAR[0] if part > 0 else "")
