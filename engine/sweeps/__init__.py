"""Sweeps: many trainings of one config, each with other values of some keys.

* ``grid`` - the values of each key, and their combinations; ``plan`` - the trials, each checked.
* ``folder`` - the folder of a sweep: manifest, lock, runs; ``results`` - its table;
  ``importance`` - which of its settings matter.
* ``sweep`` - the process that hands out the trials; ``child`` - one that trains them.

See ``docs/sweeps.md``.
"""
