"""Import of images and labels, in whatever form they come, as a data set of our own.

A new form is one file in this folder with a function that opens it, decorated by ``opener``: every
module here is imported.
"""

import pkgutil
from importlib import import_module

from engine.importing.importer import Duplicate, Found, Imported, import_data_set
from engine.importing.opening import open_source, opener, openers
from engine.importing.source import Block, ImportOptions, Part, Source, Unreadable, Watch

__all__ = [
    "Block",
    "Duplicate",
    "Found",
    "ImportOptions",
    "Imported",
    "Part",
    "Source",
    "Unreadable",
    "Watch",
    "import_data_set",
    "open_source",
    "opener",
    "openers",
]

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
