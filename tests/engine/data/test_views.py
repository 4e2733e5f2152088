"""Views of test images: which they are, and that their shares add up to one."""

import numpy as np
import pytest

from engine.data.views import PLAIN, VIEWS, View

IMAGES = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)


@pytest.mark.parametrize("name", VIEWS)
def test_shares_add_up_to_one_and_half_is_where_the_image_is(name: str) -> None:
    views = VIEWS[name]
    assert sum(views.values()) == 1
    assert sum(share for view, share in views.items() if view.move == 0) == (
        1 if name == "mirror" else 0.5
    )
    mirrored = sum(share for view, share in views.items() if view.mirrored)
    assert mirrored == (0 if name == "shift" else 0.5)


def test_a_view_is_shifted_by_a_pixel_along_the_diagonal_then_mirrored() -> None:
    np.testing.assert_array_equal(PLAIN.apply(IMAGES), IMAGES)
    np.testing.assert_array_equal(View(mirrored=True).apply(IMAGES), IMAGES[..., ::-1])
    down = View(1).apply(IMAGES)
    np.testing.assert_array_equal(down[:, :, 1:, 1:], IMAGES[:, :, :-1, :-1])
    np.testing.assert_array_equal(down[:, :, 0, 1:], IMAGES[:, :, 1, :-1])  # reflected
    np.testing.assert_array_equal(down[:, :, 1:, 0], IMAGES[:, :, :-1, 1])
    up = View(-1, mirrored=True).apply(IMAGES)
    np.testing.assert_array_equal(up[:, :, :-1, 1:], IMAGES[:, :, 1:, :0:-1])
