"""The screens of the app, in the order of their number keys.

A new screen is a file here with its ``.tcss`` beside it, a line in ``SCREENS``, and rows in
``tui/keymap.py``.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.screens.base import BaseScreen


@dataclass(frozen=True)
class ScreenSpec:
    """A screen, before it is imported.

    Attributes:
        key: its number key.
        id: its name in the keymap.
        title: in the top line.
        hint: what it is for, in a few words.
        place: ``module:class`` in ``tui.screens``.
    """

    key: str
    id: str
    title: str
    hint: str
    place: str

    def make(self) -> "BaseScreen":
        """A new screen; it is imported when it is first looked at."""
        module, name = self.place.split(":")
        return getattr(import_module(f"tui.screens.{module}"), name)()


SCREENS: tuple[ScreenSpec, ...] = (
    ScreenSpec(
        "1", "configs", "Configs", "choose, understand and edit", "configs.screen:ConfigsScreen"
    ),
    ScreenSpec("2", "train", "Train", "curves, progress and controls", "train.screen:TrainScreen"),
    ScreenSpec(
        "3", "inspect", "Inspect", "layers, filters, gradients", "inspect.screen:InspectScreen"
    ),
    ScreenSpec(
        "4", "gradients", "Gradients", "check the gradients", "gradients.screen:GradientsScreen"
    ),
    ScreenSpec("5", "runs", "Runs", "compare, resume, export", "runs.screen:RunsScreen"),
    ScreenSpec(
        "6", "evaluate", "Evaluate", "test set, confusion matrix", "evaluate.screen:EvaluateScreen"
    ),
)

TITLES = {spec.id: spec.title for spec in SCREENS} | {"edit": "Editor", "draw": "Draw"}
"""What every screen is called, those over others too."""
