"""Image files of every kind, and of no kind, become grey or red, green and blue in 8 bits."""

import io
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.errors import DataError
from engine.images import AS_IT_IS, Preparation, reading
from engine.images.reading import content_of, read_header, read_image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def file_of(image: Image.Image, kind: str = "PNG", **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return io.BytesIO(file.getvalue())


def read(image: Image.Image, channels: int = 3, kind: str = "PNG", **options: Any) -> np.ndarray:
    """What an image becomes that was written as a file; (H, W, C), as it is looked at."""
    shape = (channels, image.height, image.width)
    return read_image(file_of(image, kind, **options), shape, AS_IT_IS).transpose(1, 2, 0)


def noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "WEBP", "TIFF"])
def test_pixels_stay_as_they_are(kind: str) -> None:
    grey = noise((6, 5))
    options = {"lossless": True} if kind == "WEBP" else {}
    found = read(Image.fromarray(grey), 1, kind, **options)
    assert (found[..., 0] == grey).all()
    assert found.dtype == np.uint8


def test_a_jpeg_is_as_near_as_jpegs_are() -> None:
    grey = np.linspace(0, 255, 64).astype(np.uint8).reshape(8, 8)
    assert (
        abs(read(Image.fromarray(grey), 1, "JPEG", quality=95)[..., 0].astype(int) - grey).max() < 8
    )


def test_colours_and_greys_turn_into_one_another() -> None:
    colour = Image.new("RGB", (2, 2), RED)
    assert read(colour, 1)[0, 0, 0] == 76  # 0.299 of red, as ITU-R 601 has it
    grey = Image.new("L", (2, 2), 90)
    assert read(grey, 3)[0, 0].tolist() == [90, 90, 90]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_stands_upright(orientation: int) -> None:
    # Where EXIF's orientation says that the first stored row and column are.
    seen = np.array([[10, 80, 150], [200, 230, 250]], np.uint8)
    undo = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
        5: lambda a: a.T, 6: lambda a: np.rot90(a, 1), 7: lambda a: np.rot90(a, 2).T,
        8: lambda a: np.rot90(a, -1),
    }  # fmt: skip
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](seen)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    header = read_header(file_of(stored, "PNG", exif=exif))
    assert (header.height, header.width) == seen.shape
    found = read_image(file_of(stored, "PNG", exif=exif), (1, 2, 3), AS_IT_IS)
    assert (found[0] == seen).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_lies_on_white_paper(mode: str) -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 0))
    options: dict[str, Any] = {}
    if mode == "P":
        image = Image.new("P", (2, 1))
        image.putpalette([0, 0, 0, 0, 0, 0])
        image.putpixel((1, 0), 1)
        options = {"transparency": 1}
    found = read(image.convert(mode), 3, **options)
    assert found[0].tolist() == [[0, 0, 0], list(WHITE)]


def test_half_transparent_is_half_white() -> None:
    assert read(Image.new("RGBA", (1, 1), (0, 0, 0, 128)), 1)[0, 0, 0] == 127


def test_a_palette_gives_its_colours() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *BLUE])
    image.putpixel((1, 0), 1)
    assert read(image)[0].tolist() == [list(RED), list(BLUE)]


def test_sixteen_bits_become_eight() -> None:
    values = np.array([[0, 257, 32_896, 65_535]], np.uint16)
    assert read(Image.fromarray(values), 1)[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize(
    ("values", "expected"), [([0.0, 0.5, 1.0], [0, 128, 255]), ([0.0, 100.0, 300.0], [0, 100, 255])]
)
def test_floats_are_shares_or_levels(values: list[float], expected: list[int]) -> None:
    image = Image.fromarray(np.array([[*values, np.nan]], np.float32))
    assert read(image, 1, "TIFF")[0, :, 0].tolist() == [*expected, 0]


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_many_bits_take_no_more_memory_than_the_file_says(kind: type) -> None:
    side = 1000
    values = np.arange(side * side, dtype=np.uint32).reshape(side, side) % 60_000
    file = file_of(Image.fromarray(values.astype(kind)), "TIFF")
    tracemalloc.start()
    image = reading.open_image(file, 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * side * side  # all of it as float64 is 8 bytes a pixel, and that three times
    scale = 255 / 65535 if kind is np.uint16 else 1
    assert (np.asarray(image) == np.rint(np.clip(values * scale, 0, 255))).all()


def test_black_and_white_of_one_bit() -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    assert read(image, 1)[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_the_inks_of_print_become_light(kind: str) -> None:
    found = read(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), 3, kind)[4, 4].astype(int)
    assert abs(found - RED).max() < 8


def test_an_animation_is_its_first_frame() -> None:
    frames = [Image.new("RGB", (2, 2), colour) for colour in (GREEN, RED)]
    found = read(frames[0], 3, "GIF", save_all=True, append_images=frames[1:])
    assert found[0, 0].tolist() == list(GREEN)


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        ("pad", [[0, 0, 0, 0], [9, 9, 90, 90], [9, 9, 90, 90], [0, 0, 0, 0]]),
        ("crop", [[9, 9, 90, 90]] * 4),
        ("stretch", [[9, 9, 90, 90]] * 4),
    ],
)
def test_another_aspect_is_padded_cropped_or_stretched(fit: Any, expected: list[list[int]]) -> None:
    stored = np.repeat([[9, 90]], 4, axis=1).repeat(4, axis=0).astype(np.uint8)  # 4 high, 8 wide
    found = read_image(file_of(Image.fromarray(stored)), (1, 4, 4), Preparation(fit=fit))
    assert abs(found[0].astype(int) - expected).max() <= 12, found


def test_a_wide_image_is_cropped_at_its_sides_and_stretched_as_a_whole() -> None:
    stored = np.zeros((10, 30), np.uint8)
    stored[:, :10] = 255
    crop, stretch = (
        read_image(file_of(Image.fromarray(stored)), (1, 10, 10), Preparation(fit=fit))[0]
        for fit in ("crop", "stretch")
    )
    assert not crop[:, 2:].any()
    assert stretch[:, 0].min() > 200


def test_an_image_of_one_pixel_becomes_any_size() -> None:
    assert (read_image(file_of(Image.new("L", (1, 1), 7)), (1, 9, 9), AS_IT_IS) == 7).all()


@pytest.mark.parametrize(
    ("mode", "grey"), [("1", True), ("L", True), ("LA", True), ("I;16", True), ("RGB", False)]
)
def test_a_header_tells_size_and_greys(mode: str, grey: bool) -> None:
    assert read_header(file_of(Image.new(mode, (4, 3)))) == (4, 3, grey)


def with_size(width: int, height: int) -> io.BytesIO:
    """A PNG that says it has a size."""
    data = bytearray(file_of(Image.new("L", (1, 1))).getvalue())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return io.BytesIO(data)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (io.BytesIO(b""), "not an image of a known format"),
        (io.BytesIO(b"text"), "not an image of a known format"),
        (io.BytesIO(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), "not an image"),
        (with_size(10_000, 10_000), "10,000x10,000 pixels, more than the limit of 89,478,485"),
        (with_size(20_000, 20_000), "too many pixels, more than the limit of 89,478,485"),
        (io.BytesIO(file_of(Image.fromarray(noise((9, 9)))).getvalue()[:99]), "truncated"),
        (Path("nowhere.png"), "no such file or directory"),
        (Path("."), "directory"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_is_no_image_is_said_in_a_line(file: Any, reason: str) -> None:
    with pytest.raises(DataError, match=f"(?i){reason}") as caught:
        read_image(file, (1, 4, 4), AS_IT_IS)
    assert str(caught.value).isprintable()


def test_a_jpeg_that_is_cut_short_is_refused_even_if_most_of_it_is_there() -> None:
    data = file_of(Image.fromarray(noise((40, 40, 3))), "JPEG").getvalue()
    with pytest.raises(DataError, match="truncated"):
        read_image(io.BytesIO(data[:-200]), (3, 40, 40), AS_IT_IS)
    read_header(io.BytesIO(data[:-200]))


def test_a_large_jpeg_is_decoded_small_and_looks_the_same() -> None:
    rows = np.linspace(0, 255, 512).astype(np.uint8)
    image = Image.fromarray(np.stack([rows] * 512))
    found = read_image(file_of(image, "JPEG", quality=95), (1, 16, 16), AS_IT_IS)[0].astype(int)
    expected = np.asarray(image.resize((16, 16), Image.Resampling.LANCZOS)).astype(int)
    assert abs(found - expected).max() <= 3


def test_a_file_that_is_too_large_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 1 << 16)
    assert content_of(io.BytesIO(bytes(1 << 16))).read() == bytes(1 << 16)
    file = io.BytesIO(bytes(1 << 20))
    with pytest.raises(DataError, match="more than the limit of 65,536 bytes"):
        content_of(file)
    assert file.tell() == 2 << 16
