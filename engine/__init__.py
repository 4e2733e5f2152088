"""The engine: convolutional networks in plain NumPy, every backward pass written by hand.

    from engine import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sequential

is the way in for notebooks: names with a capital come from ``engine.api``, when they are asked for.
All else is in the rooms below: ``engine.layers``, ``engine.data``, ``engine.optim``, ...

No terminal code lives here: the engine never imports ``tui``, ``textual``, ``rich`` or
``plotext`` (import-linter and a test hold it to that).
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:  # ``typing`` would take a tenth of the time of --help
    from engine.api import CNNClassifier as CNNClassifier
    from engine.api import History as History
    from engine.api import SavedRun as SavedRun
    from engine.api import Sequential as Sequential
    from engine.api.layers import *  # noqa: F403  (the stub has their names)
else:
    # The rooms are modules in small letters, and import each other: what stands above them is
    # looked up by its name, so that ``import engine`` stays as light as it is.
    def __getattr__(name: str) -> object:
        """A public class of ``engine.api``, or a layer."""
        if not name[:1].isupper():
            raise AttributeError(f"module 'engine' has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module("engine.api"), name)

    def __dir__() -> list[str]:
        from importlib import import_module

        return [*globals(), *dir(import_module("engine.api"))]
