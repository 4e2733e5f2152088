"""A report as one HTML page: its figures are inside, and it loads nothing."""

import base64
from collections.abc import Mapping, Sequence
from html import escape

from engine.reports.document import Block, Heading, Listing, Paragraph, Picture, Table
from engine.sanitize import printable, visible

_SCALE = 0.66
"""Width on the page of a dot of a figure; letters are then as large as those around it."""

_SHORT = 24
"""Characters up to which what a row is about stays in one line, as the name of a run."""

_STYLE = """
:root { color-scheme: light; --ink: #1b1f24; --faint: #57606a; --line: #d0d7de; --back: #f6f8fa; }
* { box-sizing: border-box; }
body { color: var(--ink); background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1.25rem;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 .8rem; padding-bottom: .25rem;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .6rem; }
figure { margin: 1rem 0; text-align: center; }
img { max-width: 100%; height: auto; }
.scroll { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92em; }
th, td { padding: .28rem .8rem .28rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: break-word; }
th { color: var(--faint); font-weight: 600; }
td.r, th.r { text-align: right; }
td.r, td.name { white-space: nowrap; }
td.key { color: var(--faint); white-space: nowrap; }
.note { border-left: 4px solid #9a6700; background: #fff8e5; padding: .5rem .8rem; }
pre { background: var(--back); border: 1px solid var(--line); padding: .8rem; font-size: .85em;
  line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere; }
@page { margin: 16mm; }
@media print {
  body { max-width: none; margin: 0; padding: 0; font-size: 10pt; }
  h1, h2, h3 { break-after: avoid; }
  figure, table, tr, .note { break-inside: avoid; }
  p:has(+ .scroll) { break-after: avoid; }
  thead { display: table-header-group; }
  .scroll { overflow: visible; }
  img { max-width: 88%; max-height: 115mm; width: auto; }
  .note, pre { background: none; }
}
"""


def page(blocks: Sequence[Block], pictures: Mapping[str, bytes]) -> str:
    """The whole page.

    Args:
        blocks: of ``document.compose``.
        pictures: PNG files by name.
    """
    title = next(block.text for block in blocks if isinstance(block, Heading))
    body = "\n".join(_block(block, pictures) for block in blocks)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{_text(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""


def _block(block: Block, pictures: Mapping[str, bytes]) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level}>{_text(block.text)}</h{block.level}>"
    if isinstance(block, Paragraph):
        mark = ' class="note"' if block.is_note else ""
        return f"<p{mark}>{'Note: ' if block.is_note else ''}{_text(block.text)}</p>"
    if isinstance(block, Picture):
        content = pictures[block.name]
        data = base64.b64encode(content).decode("ascii")
        width = round(_SCALE * int.from_bytes(content[16:20], "big"))
        about = _text(block.about)
        return (
            f'<figure><img alt="{about}" width="{width}" src="data:image/png;base64,{data}">'
            "</figure>"
        )
    if isinstance(block, Listing):
        return f"<pre>{escape(visible(block.text))}</pre>"
    return _table(block)


def _table(table: Table) -> str:
    bare = not any(table.header)
    kinds = list(table.align)
    if bare:
        kinds[0] = "key"

    def row(tag: str, cells: Sequence[str]) -> str:
        marks = list(kinds)
        if tag == "td" and marks[0] == "l" and len(cells[0]) <= _SHORT:
            marks[0] = "name"
        marked = (
            f"<{tag}{f' class={mark}' if mark else ''}>{_text(cell)}</{tag}>"
            for mark, cell in zip(marks, cells, strict=True)
        )
        return f"<tr>{''.join(marked)}</tr>"

    head = "" if bare else f"<thead>{row('th', table.header)}</thead>"
    rows = "\n".join(row("td", cells) for cells in table.rows)
    return f'<div class="scroll"><table>{head}<tbody>\n{rows}\n</tbody></table></div>'


def _text(text: str) -> str:
    return escape(printable(text, None))
