"""How an image of any size becomes one of a data set's size."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict

Fit = Literal["pad", "crop", "stretch"]
"""``pad`` adds black bars, ``crop`` cuts off what sticks out, ``stretch`` changes the aspect."""


class Preparation(BaseModel):
    """Preparation of the images of a data set, kept with it and with the weights trained on it.

    Attributes:
        fit: what becomes of an image of another aspect.
        ink: light strokes on black, as MNIST has them: an image file is inverted if it is dark on
            light, cropped to its strokes, and centred by their mass.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    fit: Fit = "pad"
    ink: bool = False


AS_IT_IS = Preparation()
"""For images without a convention of their own."""


def parse_size(text: str) -> tuple[int, int]:
    """Height and width, of a size that was typed: ``32`` or ``32x48``.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"([0-9]{1,5})(?:[x×]([0-9]{1,5}))?", text)
    if found is None:
        raise ValueError(f"expected a size such as 32 or 32x48, got {text!r}")
    return int(found[1]), int(found[2] or found[1])
