"""Forms that hold pixels and labels in files of their own: tables, arrays, IDX, CIFAR.

A new form is one file here with a function that opens it, decorated by ``opener``.
"""

import pkgutil
from importlib import import_module

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
