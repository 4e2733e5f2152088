"""Run folders: what a run writes, where it lives, and how runs are listed and compared.

* ``directory`` - one run folder; ``listing`` - the runs of a folder.
* ``metrics_csv`` and ``results_csv`` - the tables; ``record`` - ``run.json``.
* ``provenance`` and ``environment`` - what the weights were trained from, and on what.
* ``locations`` - where a run reads and writes; ``progress`` - how far it has come.
"""
