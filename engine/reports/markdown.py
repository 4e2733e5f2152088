"""A report as Markdown, with links to its figures."""

import re
from collections.abc import Sequence

from engine.reports.document import Block, Heading, Listing, Paragraph, Picture, Table
from engine.sanitize import printable, visible

# Whatever GitHub's and CommonMark's Markdown may read as something else, HTML included.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!~&$^])")


def page(blocks: Sequence[Block], folder: str) -> str:
    """The whole file.

    Args:
        blocks: of ``document.compose``.
        folder: of the figures, relative to the file.
    """
    return "\n\n".join(_block(block, folder) for block in blocks) + "\n"


def _block(block: Block, folder: str) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {_text(block.text)}"
    if isinstance(block, Paragraph):
        return f"> Note: {_text(block.text)}" if block.is_note else _text(block.text)
    if isinstance(block, Picture):
        return f"![{_text(block.about)}]({folder}/{block.name})"
    if isinstance(block, Listing):
        longest = max(map(len, re.findall("`+", block.text)), default=0)
        fence = "`" * max(3, longest + 1)
        return f"{fence}yaml\n{visible(block.text).rstrip()}\n{fence}"
    return _table(block)


def _table(table: Table) -> str:
    rule = ["---:" if side == "r" else "---" for side in table.align]
    lines = [table.header, rule, *table.rows]
    cells = [line if line is rule else [_text(cell) for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _text(text: str) -> str:
    """Text that no Markdown is read into."""
    return _SPECIAL.sub(r"\\\1", printable(text, None))
