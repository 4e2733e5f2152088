"""A contact sheet: small pictures side by side in the terminal, two pixels a cell."""

import sys
from collections.abc import Callable, Sequence

import numpy as np
from rich.cells import set_cell_size
from rich.color import Color
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style

from engine.images.thumbnails import thumbnail
from engine.sanitize import printable

Row = list[Segment]

_SIDES = (32, 28, 24, 20, 16, 12)
"""Sides of a picture, in pixels; the largest is taken at which half of the terminal has room."""

_RAMP = " .:-=+*#%@"
_GREY = (0.299, 0.587, 0.114)


def contact_sheet(
    classes: Sequence[str], images: Callable[[int, int], Sequence[np.ndarray]]
) -> str:
    """Draw samples of each class for the terminal that stdout is: one each, or more in one row.

    Without colours they are drawn in characters, the brighter the denser.

    Args:
        classes: their names, as they stand in files.
        images: gives the images of a class, (C, H, W), at most so many.

    Returns:
        Lines with control sequences; empty where stdout is no terminal.
    """
    if sys.stdout is None or not sys.stdout.isatty():
        return ""
    console = Console()
    room = console.height // 2
    coloured = (
        console.color_system in ("truecolor", "256", "windows")
        and not console.no_color
        and not console.options.ascii_only
    )
    fitting = (side for side in _SIDES if _lines(len(classes), side, console) <= room)
    side = next(fitting, _SIDES[-1])
    columns = _columns(side, console)
    pictures = [
        (printable(name, side), _fitted(image, side))
        for i, name in enumerate(classes)
        for image in images(i, max(1, columns // len(classes)))
    ]
    with console.capture() as captured:
        for first in range(0, len(pictures), columns):
            row = pictures[first : first + columns]
            console.print(Segments(_row(row, side, _half_blocks if coloured else _characters)))
    return captured.get().rstrip("\n")


def _columns(side: int, console: Console) -> int:
    return max(1, (console.width + 1) // (side + 1))


def _lines(count: int, side: int, console: Console) -> int:
    return -(-count // _columns(side, console)) * (-(-side // 2) + 1)


def _fitted(image: np.ndarray, side: int) -> np.ndarray:
    """An image in so many pixels, or half as many, as uint8 (h, w, 3)."""
    small = thumbnail(image, side)
    times = side // max(small.shape[1:])
    picture = np.broadcast_to(small, (3, *small.shape[1:])).transpose(1, 2, 0)
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def _row(
    pictures: Sequence[tuple[str, np.ndarray]], side: int, draw: Callable[[np.ndarray], list[Row]]
) -> Row:
    """Pictures side by side, their names under them, and the ends of the lines."""
    height = max(len(picture) for _, picture in pictures)
    drawn = [draw(_padded(picture, height + height % 2, side)) for _, picture in pictures]
    segments: Row = []
    for lines in zip(*drawn, strict=True):
        for line in lines:
            segments += [*line, Segment(" ")]
        segments[-1] = Segment.line()
    segments += [Segment(f"{set_cell_size(name, side)} ") for name, _ in pictures]
    return [*segments, Segment.line()]


def _padded(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """A picture with a margin that is drawn as blanks: negative pixels."""
    padded = np.full((height, width, 3), -1, np.int16)
    padded[: len(picture), : picture.shape[1]] = picture
    return padded


def _half_blocks(picture: np.ndarray) -> list[Row]:
    """Lines of a picture, (2n, w, 3), in colour."""
    cells = zip(picture[::2].tolist(), picture[1::2].tolist(), strict=True)
    return [
        [_cell(tuple(above), tuple(below)) for above, below in zip(*line, strict=True)]
        for line in cells
    ]


def _cell(upper: tuple[int, ...], lower: tuple[int, ...]) -> Segment:
    if upper[0] < 0:
        return Segment(" ")
    back = None if lower[0] < 0 else Color.from_rgb(*lower)
    return Segment("▀", Style(color=Color.from_rgb(*upper), bgcolor=back))


def _characters(picture: np.ndarray) -> list[Row]:
    """Lines of a picture, (2n, w, 3), in characters."""
    grey = (picture.clip(0, 255) @ np.array(_GREY)).reshape(len(picture) // 2, 2, -1).mean(axis=1)
    levels = np.rint(grey / 255 * (len(_RAMP) - 1)).astype(int)
    return [[Segment("".join(_RAMP[level] for level in line))] for line in levels.tolist()]
