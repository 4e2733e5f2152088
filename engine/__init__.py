"""The engine: convolutional networks in plain NumPy, every backward pass written by hand.

No terminal code lives here: the engine never imports ``tui``, ``textual``, ``rich`` or
``plotext`` (import-linter and a test hold it to that).
"""

__version__ = "0.1.0"
