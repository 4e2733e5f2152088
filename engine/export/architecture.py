"""Architecture of an exported network: layers, input, classes."""

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Architecture:
    """A network's description, enough to rebuild it and to feed it.

    Attributes:
        layers: the specs, as in a config's ``layers:``.
        input_shape: (C, H, W).
        classes: their names, in the order of the outputs.
        mean, std: per channel, of pixels divided by 255: input = (pixel / 255 − mean) / std.
    """

    layers: list[Any]
    input_shape: tuple[int, ...]
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def to_json(self) -> str:
        """Encode as JSON text."""
        return json.dumps(asdict(self), indent=2) + "\n"
