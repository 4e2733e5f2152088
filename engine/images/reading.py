"""Reading of image files by Pillow: PNG, JPEG, BMP, GIF, WebP, TIFF.

Whatever a file holds (palette, transparency, 16 bits, CMYK, a turned photograph), what comes out is
grey or red, green and blue in 8 bits. Sizes are checked before anything is decoded.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps

from engine.errors import DataError
from engine.images.ink import WORKING_SIDE, as_ink
from engine.images.preparation import Preparation
from engine.sanitize import printable

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")
"""What is opened; Pillow's other readers (EPS runs a program) are not asked."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")

MAX_FILE_BYTES = 256 << 20
"""Of one image file; no camera's is larger."""

# For the whole process, as a thread cannot have filters of its own: a size beyond the limit is
# refused below, and what is odd about a file but can be read is no news.
warnings.filterwarnings("ignore", module=r"PIL\.")

_GREY = {"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
_ON_THEIR_SIDE = {5, 6, 7, 8}  # EXIF orientations that exchange width and height
_PAPER = (255, 255, 255)
_CHUNK = 1 << 16
_DRAFT = 2  # a JPEG is decoded at no less than so many times the size that is needed


def read_image(file: Path | BinaryIO, shape: tuple[int, int, int], how: Preparation) -> np.ndarray:
    """Read an image and bring it to a size.

    Args:
        file: a file, or its content.
        shape: (C, H, W) of the result; C is 1 for grey or 3 for red, green and blue.
        how: what becomes of another aspect, or whether strokes are looked for (``as_ink``).

    Returns:
        uint8, (C, H, W), C-contiguous.

    Raises:
        DataError: it is no image of a known format, is damaged, or too large; the message does not
            name the file.
    """
    channels, height, width = shape
    if how.ink and channels == 1:
        image = open_image(file, channels, draft=(WORKING_SIDE, WORKING_SIDE))
        return as_ink(to_array(image)[0], (height, width))[None]
    image = open_image(file, channels, draft=(width, height))
    return to_array(resized(image, (width, height), how))


def open_image(
    file: Path | BinaryIO, channels: int, *, draft: tuple[int, int] | None = None
) -> Image.Image:
    """Open and decode an image, upright, in the modes ``L`` or ``RGB``.

    Args:
        file: a file, or its content.
        channels: 1 for grey, 3 for red, green and blue.
        draft: (width, height) that is needed; a large JPEG is decoded at a fraction of its size.

    Raises:
        DataError: as ``read_image``.
    """
    with _opened(file) as image:
        if draft is not None:
            image.draft(None, (_DRAFT * draft[0], _DRAFT * draft[1]))
        image.load()
        return _upright(image, "L" if channels == 1 else "RGB")


class Header(NamedTuple):
    """Size of an image as it is seen, upright, and whether it is one of greys by its mode."""

    width: int
    height: int
    grey: bool


def read_header(file: Path | BinaryIO) -> Header:
    """Read size and colours of an image without decoding it.

    Args:
        file: a file, or its content.

    Raises:
        DataError: as ``read_image``.
    """
    with _opened(file) as image:
        width, height = image.size
        if image.getexif().get(ExifTags.Base.Orientation) in _ON_THEIR_SIDE:
            width, height = height, width
        return Header(width, height, image.mode in _GREY)


@contextmanager
def _opened(file: Path | BinaryIO) -> Iterator[Image.Image]:
    """Open an image whose size is within the limits; whatever goes wrong is a DataError."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            _check_size(image)
            yield image
    except DataError:
        raise
    except Image.UnidentifiedImageError:
        raise DataError(
            "not an image of a known format (PNG, JPEG, BMP, GIF, WebP, TIFF)"
        ) from None
    except Image.DecompressionBombError:
        raise DataError(_too_large()) from None
    except MemoryError:
        raise DataError("too large for the memory") from None
    except OSError as error:
        # The disk's have a code; a decoder's are words: "image file is truncated (3 bytes ...)".
        reason = error.strerror or printable(str(error), 200) or "cannot be decoded"
        raise DataError(reason[:1].lower() + reason[1:]) from None
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        reason = printable(str(error), 200)
        raise DataError(f"cannot be decoded ({type(error).__name__}: {reason})") from None


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        raise DataError(_too_large(width, height))


def _too_large(width: int = 0, height: int = 0) -> str:
    size = f"{width:,}x{height:,} pixels" if width else "too many pixels"
    return f"{size}, more than the limit of {Image.MAX_IMAGE_PIXELS or 0:,} in all; make it smaller"


def _upright(image: Image.Image, mode: str) -> Image.Image:
    """Turn as EXIF says, scale to 8 bits, put what is transparent on white paper."""
    turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith("I") or turned.mode == "F":
        turned = _to_8_bits(turned)
    if turned.has_transparency_data:
        turned = turned.convert("RGBA")
        paper = Image.new("RGBA", turned.size, (*_PAPER, 255))
        turned = Image.alpha_composite(paper, turned)
    return turned if turned.mode == mode else turned.convert(mode)


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Scale grey of more bits: 16 bits to 8; of floats those from 0 to 1, or else 0 to 255."""
    values = np.asarray(image)
    rows = max(1, _CHUNK // max(image.width, 1))
    blocks = [slice(first, first + rows) for first in range(0, image.height, rows)]
    scale = 255.0 / 65535.0
    if image.mode == "F":
        highest = max(_finite(values[block]).max(initial=0.0) for block in blocks)
        scale = 255.0 if highest <= 1.0 else 1.0
    pixels = np.empty(values.shape, np.uint8)
    for block in blocks:  # all at once would take 24 bytes a pixel
        pixels[block] = np.rint(np.clip(_finite(values[block]) * scale, 0, 255))
    return Image.fromarray(pixels)


def _finite(values: np.ndarray) -> np.ndarray:
    """Values as float64, with 0 for those that are no finite numbers."""
    return np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def resized(image: Image.Image, size: tuple[int, int], how: Preparation) -> Image.Image:
    """Bring an image to (width, height), with anti-aliasing.

    An image that has the size already keeps its pixels.
    """
    if image.size == size:
        return image
    if how.fit == "stretch":
        return image.resize(size, Image.Resampling.LANCZOS)
    if how.fit == "crop":
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    return ImageOps.pad(image, size, Image.Resampling.LANCZOS, color=0)


def to_array(image: Image.Image) -> np.ndarray:
    """The pixels of an ``L`` or ``RGB`` image as uint8, (C, H, W), C-contiguous."""
    pixels = np.asarray(image, dtype=np.uint8)
    pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(pixels)


def content_of(file: BinaryIO) -> BinaryIO:
    """Read the content of an image file into memory, to its end, where archives check it.

    Raises:
        DataError: it is too large.
        OSError: it cannot be read.
    """
    content = io.BytesIO()
    while chunk := file.read(_CHUNK):  # a read of the limit would take as much memory
        content.write(chunk)
        if content.tell() > MAX_FILE_BYTES:
            raise DataError(f"more than the limit of {MAX_FILE_BYTES:,} bytes")
    content.seek(0)
    return content
