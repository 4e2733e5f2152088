"""Names of classes in the columns of tables."""

from rich.cells import cell_len, set_cell_size


def cut_name(name: str, width: int) -> str:
    """A name in so many cells; of a longer one both ends, as classes may be numbered."""
    if cell_len(name) <= width:
        return name
    start = (width - 1) - (width - 1) // 3
    end = name[::-1]
    while cell_len(end) > width - 1 - start:
        end = end[:-1]
    return set_cell_size(name, start).rstrip() + "…" + end[::-1]
