"""Tables of text, for commands and reports."""

from collections.abc import Callable, Sequence


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    sides: str = "",
    measure: Callable[[str], int] = len,
) -> str:
    """Aligned columns, two spaces apart, a line a row; no line ends with spaces.

    Args:
        header: the first line.
        rows: as many cells each.
        sides: ``r`` or ``l`` for each column, which side its cells are aligned to; those that are
            not named are aligned to the left.
        measure: the width of a text; another one for texts of any script.
    """
    lines = [header, *rows]
    widths = [max(measure(line[i]) for line in lines) for i in range(len(header))]
    sides = sides.ljust(len(header), "l")
    return "\n".join(
        "  ".join(
            " " * (width - measure(cell)) + cell
            if side == "r"
            else cell + " " * (width - measure(cell))
            for cell, width, side in zip(line, widths, sides, strict=True)
        ).rstrip()
        for line in lines
    )
