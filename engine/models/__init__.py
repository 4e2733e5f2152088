"""Networks: from a list of layer specs, or by the name of a preset."""

from engine.models.builder import LayerSpec, build, freeze, spec_problems
from engine.models.presets import PRESETS, preset

__all__ = ["PRESETS", "LayerSpec", "build", "freeze", "preset", "spec_problems"]
