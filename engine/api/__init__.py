"""The library's front door: from arrays to a trained network in ten lines, in a notebook.

``from engine import Sequential, Conv2D, Dense`` leads here; nothing is loaded before it is asked
for. ``Sequential`` is a network that finds out its sizes, ``layers`` are layers without sizes,
``CNNClassifier`` speaks scikit-learn's protocol, ``SavedRun`` is a run of ``cnn-tui train``, and
``History`` the curves of either. All of them are thin: the trainer, the random numbers and the
files are the command's, and ``model.network`` is the network of ``engine.layers`` that it trains.
"""

from typing import Any

from engine.api import layers
from engine.api.classifier import CNNClassifier as CNNClassifier
from engine.api.history import History as History
from engine.api.saved_run import SavedRun as SavedRun
from engine.api.sequential import Sequential as Sequential
from engine.layers import LAYERS

PUBLIC = ("CNNClassifier", "History", "SavedRun", "Sequential")


def __getattr__(name: str) -> Any:
    """A layer by its name, see ``layers``."""
    return getattr(layers, name)


def __dir__() -> list[str]:
    return sorted({*PUBLIC, *LAYERS})
