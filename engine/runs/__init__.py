"""Run folders: what a run writes, where it lives, and how runs are listed and compared.

* ``directory`` - one run folder; ``listing`` - the runs of a folder; ``groups`` - those of several
  seeds, and their spread.
* ``metrics_csv`` and ``results_csv`` - the tables; ``record`` - ``run.json``.
* ``provenance`` and ``environment`` - what the weights were trained from, and on what.
* ``locations`` - where a run reads and writes; ``progress`` - how far it has come.

``engine.runs.load("runs/...")`` opens one from Python, see ``engine.api.saved_run``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.api.saved_run import load as load
else:

    def __getattr__(name: str) -> object:
        """``load``, which stands above this room, and is looked up when it is asked for."""
        if name != "load":
            raise AttributeError(f"module 'engine.runs' has no attribute {name!r}")
        from importlib import import_module

        return import_module("engine.api.saved_run").load
