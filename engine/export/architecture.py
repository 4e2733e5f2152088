"""Architecture of an exported network: layers, input, classes."""

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.arrays import Array


@dataclass(frozen=True)
class Architecture:
    """A network's description, enough to rebuild it and to feed it.

    Attributes:
        layers: the specs, as in a config's ``layers:``.
        input_shape: (C, H, W).
        classes: their names, in the order of the outputs.
        mean, std: per channel, of pixels divided by 255: input = (pixel / 255 − mean) / std.
        preparation: what becomes of an image file of another size or look before that, as
            ``engine.images.Preparation`` has it.
        dataset: the name of the data set that it was trained on; empty if it is not known.
    """

    layers: list[Any]
    input_shape: tuple[int, ...]
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    preparation: dict[str, Any] = field(default_factory=dict)
    dataset: str = ""

    def normalised(self, images: "Array") -> "Array":
        """The input of the network, from pixels divided by 255; both (N, C, H, W)."""
        import numpy as np

        mean, std = (
            np.array(values, images.dtype).reshape(1, -1, 1, 1) for values in (self.mean, self.std)
        )
        return (images - mean) / std

    def to_dict(self) -> dict[str, Any]:
        """All of it by name."""
        return asdict(self)

    def to_json(self) -> str:
        """Encode as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"
