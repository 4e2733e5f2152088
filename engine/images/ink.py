"""Strokes on paper, in a photograph or a drawing, made into an image as those of MNIST.

MNIST's digits are light on black: scaled, with their proportions, into a box of 20 by 20 pixels by
anti-aliasing, and placed in 28 by 28 so that their centre of mass is in the middle (LeCun, Bottou,
Bengio and Haffner, 'Gradient-based learning applied to document recognition', 1998, section III).
A network that knows no others needs a photograph to be brought into this form:

1. The paper is estimated as a smooth surface: at first one of second degree, then the mean of what
   is around and is no ink (after Gatos, Pratikakis and Perantonis, 'Adaptive degraded document
   image binarization', 2006). What most of the border is like is paper.
2. A threshold between paper and ink (Otsu, 'A threshold selection method from gray-level
   histograms', 1979) is made soft: paper is 0, ink 255, and edges stay between them.
3. Of the connected strokes, specks are dropped, and what reaches in from the border.
4. Strokes thinner than MNIST's are made as thick; then all is scaled and centred.

A sheet that lies on something dark is first cut out, and small strokes are looked at from nearer.
"""

import numpy as np
from PIL import Image, ImageFilter

WORKING_SIDE = 224
"""Pixels of the longer side at which strokes are looked for."""

Box = tuple[slice, slice]
"""Rows and columns."""

_BOX, _SIDE = 20, 28
_BLACK = 25  # of 255: the brightest that counts as black
_LIGHT = 127  # of 255: the brightest that counts as not light
_THIN_SHARE = 0.3  # of the pixels: strokes cover less; MNIST's at most a quarter, mostly an eighth
_CROSSED = 0.1  # of the border: more ink is there on no image in MNIST's form
_FILLED = 0.45  # of the side: what an image in MNIST's form fills at least

_BLUR = 0.005  # of the side: noise, and the grain of paper
_AROUND = 0.08  # of the side: how far around the paper is taken to be alike
_STEP = 3  # pixels; every third of them is enough to estimate a surface
_SMALL = 0.45  # of the longer side: smaller strokes are looked at from nearer
_SHEET = 0.15  # of the image: a sheet of paper has at least that
_FULL = 0.65  # of the box around it: a sheet of paper fills that, and no digit
_EDGE = 0.04  # of a sheet's shorter side: what is left out along its edges
_LEAST_CONTRAST = 16.0  # grey levels between ink and paper; less is noise
_SPECK = 0.04  # of the largest stroke's ink: what is no stroke
_INSIDE = 0.15  # of the largest stroke's ink: inside there is one, so those at the border are not
_THIN = 2.0  # twentieths of the digit's longer side: the thinnest stroke that is left as it is


def as_ink(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Make an image of strokes one of MNIST's form.

    An image that has it already (its size, light on a black border, and filled) is returned
    unchanged. Without any strokes the result is black.

    Args:
        pixels: grey, uint8 (H, W), of any size.
        shape: (H, W) of the result.

    Returns:
        uint8, (H, W).
    """
    if pixels.shape == shape and _is_in_form(pixels):
        return pixels
    strokes, scale = _find(pixels)
    sheet = _sheet(pixels)
    if sheet is not None:
        on_it, scale_there = _find(pixels[sheet])
        if on_it.any():
            pixels, strokes, scale = pixels[sheet], on_it, scale_there
    if strokes.any() and _longest(strokes) < _SMALL * max(strokes.shape):
        near = _enlarged(_box(strokes), _longest(strokes) / 2, scale)
        strokes, _ = _find(pixels[near])
    return np.rint(centred(_thickened(strokes), shape) * 255).astype(np.uint8)


def _find(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """The strokes of an image in its working size, and how often that fits into its own."""
    small = _working_size(pixels)
    return _strokes(_ink(small)), max(pixels.shape) / max(small.shape)


def _working_size(pixels: np.ndarray) -> np.ndarray:
    image = Image.fromarray(pixels)
    image.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
    return np.asarray(image, np.float32)


def _sheet(pixels: np.ndarray) -> Box | None:
    """The place of a light sheet of paper on something dark; None if there is none."""
    grey = _working_size(pixels)
    light = grey > _otsu(grey)
    if _border(light).mean() > 0.5:
        return None
    labels = _connected(light)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    box = _box(labels == sizes.argmax())
    height, width = (places.stop - places.start for places in box)
    sides = [place.start == 0 for place in box]
    sides += [place.stop == side for place, side in zip(box, grey.shape, strict=True)]
    if sum(sides) > 1:  # rather the part of the paper that is in the light
        return None
    if height * width < _SHEET * grey.size or sizes.max() < _FULL * height * width:
        return None
    return _enlarged(box, -_EDGE * min(height, width), max(pixels.shape) / max(grey.shape))


def _enlarged(box: Box, by: float, scale: float) -> Box:
    """A box with more on each side, or less, in pixels that are so many times smaller."""
    rows, columns = (
        slice(max(0, int((side.start - by) * scale)), max(1, int((side.stop + by) * scale)))
        for side in box
    )
    return rows, columns


def is_strokes(pixels: np.ndarray) -> bool:
    """Whether an image, uint8 (H, W), has MNIST's form, and strokes rather than filled shapes.

    All of MNIST's digits have; of Fashion-MNIST's clothes three in ten.
    """
    return _is_in_form(pixels) and bool((pixels > _LIGHT).mean() < _THIN_SHARE)


def centred(ink: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Scale ink to MNIST's box of 20 in 28, or in proportion, its centre of mass in the middle.

    Args:
        ink: float32 (H, W) from 0 to 1, at least 2 by 2.
        shape: (H, W) of the result.

    Returns:
        float32, (H, W), from 0 to 1; black where there is no ink.
    """
    result = np.zeros(shape, np.float32)
    if not ink.any():
        return result
    cut = ink[_box(ink)]
    scale = _box_side(shape) / max(cut.shape)
    height, width = (max(1, round(side * scale)) for side in cut.shape)
    image = Image.fromarray(np.ascontiguousarray(cut, np.float32))
    fitted = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR)).clip(0, 1)
    mass = fitted.sum()
    if mass == 0:
        return result
    rows, columns = np.indices(fitted.shape)
    centre = (int(np.rint((places * fitted).sum() / mass)) for places in (rows, columns))
    top, left = (
        min(max(side // 2 - place, 0), side - length)
        for place, side, length in zip(centre, shape, fitted.shape, strict=True)
    )
    result[top : top + height, left : left + width] = fitted
    return result


def _box_side(shape: tuple[int, int]) -> int:
    return max(1, round(min(shape) * _BOX / _SIDE))


def _is_in_form(pixels: np.ndarray) -> bool:
    border = _border(pixels)
    light = pixels > _LIGHT
    if (border > _BLACK).mean() > _CROSSED or not light.any():
        return False
    return _longest(light) >= _FILLED * min(pixels.shape)


def _border(pixels: np.ndarray) -> np.ndarray:
    """The pixels of the first and last row and column, one after the other."""
    return np.concatenate([*pixels[[0, -1]], *pixels[:, [0, -1]].T])


def _box(ink: np.ndarray) -> Box:
    """The rows and columns from the first with ink to the last."""
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _longest(ink: np.ndarray) -> int:
    """The longer side of the box around ink."""
    return max(places.stop - places.start for places in _box(ink))


def _ink(grey: np.ndarray) -> np.ndarray:
    """How much ink every pixel has, from 0 for paper to 1; grey is (H, W), from 0 to 255."""
    smooth = _blurred(grey, _BLUR * max(grey.shape))
    surface = _surface(smooth)
    difference = smooth - surface
    light = difference >= _otsu(difference)
    dark_ink = bool(_border(light).mean() > 0.5)
    is_paper = light == dark_ink
    surface += np.median(difference[is_paper]) if is_paper.any() else 0
    for _ in range(3):
        paper = _mean_around(smooth, is_paper, surface)
        difference = paper - smooth if dark_ink else smooth - paper
        is_paper = difference < _otsu(difference)
    threshold = _otsu(difference)
    is_ink = difference >= threshold
    if not is_ink.any() or is_ink.all():
        return np.zeros_like(grey)
    ink, rest = float(np.median(difference[is_ink])), float(np.median(difference[~is_ink]))
    if ink - rest < _LEAST_CONTRAST:
        return np.zeros_like(grey)
    low, high = (rest + threshold) / 2, (threshold + ink) / 2
    soft: np.ndarray = ((difference - low) / max(high - low, 1.0)).clip(0, 1)
    return soft


def _surface(grey: np.ndarray) -> np.ndarray:
    """The surface of second degree with the least absolute distance, nearly; so ink has no say."""
    rows, columns = (np.linspace(-1, 1, side, dtype=np.float32) for side in grey.shape)
    y, x = np.meshgrid(rows, columns, indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=2)
    step = _STEP if min(grey.shape) >= 10 * _STEP else 1
    some = terms[::step, ::step].reshape(-1, 6)
    values = grey[::step, ::step].ravel()
    weights = np.ones_like(values)
    found = np.zeros(6, np.float32)
    for _ in range(8):  # iteratively reweighted least squares
        weighed = some * weights[:, None]
        found = np.linalg.lstsq(weighed.T @ some, weighed.T @ values, rcond=None)[0]
        weights = 1 / np.maximum(np.abs(values - some @ found), 2.0)
    return terms @ found.astype(np.float32)


def _mean_around(grey: np.ndarray, where: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """The mean of the chosen pixels around each one; ``otherwise`` where there is none near."""
    radius = _AROUND * max(grey.shape)
    share = _blurred(where.astype(np.float32), radius)
    total = _blurred(np.where(where, grey - otherwise, 0).astype(np.float32), radius)
    return otherwise + total / (share + 0.02)


def _blurred(values: np.ndarray, radius: float) -> np.ndarray:
    """Blur by two means over squares, one after the other; beyond the border is what is at it."""
    reach = round(radius)
    if reach == 0:
        return values
    width = 2 * reach + 1
    for _ in range(2):
        for _ in range(2):  # along the rows, then along the columns
            padded = np.pad(values, ((0, 0), (reach + 1, reach)), mode="edge")
            sums = np.cumsum(padded, axis=1, dtype=np.float64)
            values = ((sums[:, width:] - sums[:, :-width]) / width).T
    return values.astype(np.float32)


def _otsu(values: np.ndarray) -> float:
    """The threshold that parts the values into two groups with the least variance inside."""
    counts, edges = np.histogram(values, bins=256)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = values.size - below
    sums = np.cumsum(counts * middles)
    low = sums[:-1] / np.maximum(below, 1)
    high = (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    between = below * above * (high - low) ** 2.0
    return float(edges[1 + int(between.argmax())])


def _strokes(ink: np.ndarray) -> np.ndarray:
    """The ink without specks, and without what is at the border if there are strokes inside."""
    labels = _connected(ink > 0)
    places = labels.ravel()
    mass = np.bincount(places, ink.ravel(), minlength=places.max() + 1)
    mass[0] = 0
    inside = mass.copy()
    inside[_border(labels)] = 0
    if inside.max() >= _INSIDE * mass.max():
        mass = inside
    kept = (mass > 0) & (mass >= _SPECK * mass.max())
    return np.where(kept[labels], ink, 0).astype(np.float32)


def _connected(where: np.ndarray) -> np.ndarray:
    """Number the connected regions, of eight neighbours; 0 is what is in none.

    Every pixel takes the highest number around it, and then the number that the pixel of that
    number has, until nothing changes: so a number doubles its reach with every step.
    """
    height, width = where.shape
    numbers = np.zeros((height + 2, width + 2), np.int64)
    inner = numbers[1:-1, 1:-1]
    inner[where] = np.flatnonzero(np.pad(where, 1).ravel())
    while True:
        before = inner.copy()
        rows = np.maximum(np.maximum(numbers[:-2], numbers[1:-1]), numbers[2:])
        highest = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
        inner[where] = highest[where]
        inner[where] = numbers.ravel()[inner[where]]
        if np.array_equal(before, inner):
            break
    _, regions = np.unique(inner[where], return_inverse=True)
    labels = np.zeros(where.shape, np.int64)
    labels[where] = regions + 1
    return labels


def _thickened(ink: np.ndarray) -> np.ndarray:
    """Make strokes thicker that would be thinner than MNIST's in the result."""
    if not ink.any():
        return ink
    unit = _longest(ink) / _BOX
    solid = np.pad(ink >= 0.5, 1)
    edges = sum(np.count_nonzero(np.diff(solid, axis=axis)) for axis in (0, 1))
    # Twice the area of a stroke by its outline, which counted in pixels is longer, on average over
    # all directions by 4/pi.
    thickness = 8 / np.pi * np.count_nonzero(solid) / max(edges, 1)
    reach = round((_THIN * unit - thickness) / 2)
    if reach < 1:
        return ink
    image = Image.fromarray(np.rint(np.pad(ink, reach) * 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.MaxFilter(2 * reach + 1)), np.float32) / 255
