"""Small pictures keep the aspect and the colours of an image."""

import numpy as np
import pytest

from engine.images.thumbnails import thumbnail


@pytest.mark.parametrize(
    ("shape", "side", "expected"),
    [
        ((1, 28, 28), 28, (28, 28)),
        ((3, 64, 32), 16, (16, 8)),
        ((3, 300, 1), 12, (12, 1)),
        ((1, 8, 5), 20, (8, 5)),
        ((1, 2, 500), 12, (1, 12)),
    ],
)
def test_neither_side_is_longer_and_the_aspect_stays(
    shape: tuple[int, int, int], side: int, expected: tuple[int, int]
) -> None:
    picture = thumbnail(np.full(shape, 90, np.uint8), side)
    assert picture.shape == (shape[0], *expected)
    assert (picture == 90).all()


def test_a_pixel_is_the_mean_of_those_it_stands_for() -> None:
    image = np.zeros((3, 4, 4), np.uint8)
    image[0, :2, :2] = [[10, 30], [50, 70]]
    assert thumbnail(image, 2)[:, 0, 0].tolist() == [40, 0, 0]
