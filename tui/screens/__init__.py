"""The screens of the app, a folder each, in the order in which they are shown.

A folder's ``__init__.py`` registers the screen with its number key, title and keys. The module
with the screen itself is imported when the screen is first shown.
"""

from importlib import import_module

for _folder in (
    "configs",
    "train",
    "inspect",
    "inspect.microscope",
    "inspect.microscope.weight",
    "gradients",
    "runs",
    "evaluate",
    "sweeps",
):
    import_module(f"tui.screens.{_folder}")
