"""Textual's SVG pictures, made to look alike everywhere.

Textual asks for a font from the network, which a README does not get, and many fonts draw no
braille dots and leave seams between blocks. So what is a picture is drawn as one here; words stay
words.
"""

import html
import re

FONT = '"Fira Code", ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace'
WIDTH, HEIGHT, BASELINE = 12.2, 24.4, 18.5
"""Of a cell, and how far below its top the letters stand."""
DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""Column and row of the dot that each bit of a braille character is for."""
BLOCKS = {"▀": (0.0, 0.5)} | {"▁▂▃▄▅▆▇█"[k]: ((7 - k) / 8, 1.0) for k in range(8)}
"""From where to where they fill a cell."""
DRAWN = re.compile(f"[⠀-⣿]|([{''.join(BLOCKS)}])\\1*")

_TEXT = re.compile(
    r'(?P<start><text class="(?P<style>[^"]*)" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)"[^>]*>)'
    r"(?P<text>[^<]*)</text>"
)


def portable(svg: str) -> str:
    """The same picture without fonts from the network, its dots and blocks drawn as paths."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("font-family: Fira Code, monospace", f"font-family: {FONT}")
    svg = _TEXT.sub(_drawn, svg)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def _drawn(match: re.Match[str]) -> str:
    """A text whose dots and blocks are drawn, and what is left of it."""
    text = html.unescape(match["text"])
    path = ""
    x, top = float(match["x"]), float(match["y"]) - BASELINE
    for found in DRAWN.finditer(text):
        left, character = x + found.start() * WIDTH, found[0][0]
        if character in BLOCKS:
            start, end = BLOCKS[character]
            width = len(found[0]) * WIDTH + 0.2
            path += _box(left, top + start * HEIGHT, width, (end - start) * HEIGHT)
        else:
            path += _dots(left, top, ord(character) - ord("⠀"))
    if not path and not DRAWN.search(text):
        return match[0]
    rest = DRAWN.sub(lambda found: "\xa0" * len(found[0]), text)
    words = f"{match['start']}{html.escape(rest)}</text>" if rest.strip() else ""
    drawing = f'<path class="{match["style"]}" d="{path}"/>' if path else ""
    return drawing + words


def _dots(left: float, top: float, bits: int) -> str:
    return "".join(
        _box(left + 1.8 + 6.1 * column, top + 1.7 + 6.1 * row, 3, 3)
        for bit, (column, row) in enumerate(DOTS)
        if bits >> bit & 1
    )


def _box(x: float, y: float, width: float, height: float) -> str:
    return f"M{x:.1f} {y:.1f}h{width:.4g}v{height:.4g}h-{width:.4g}z"
