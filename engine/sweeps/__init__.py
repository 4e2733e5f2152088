"""Sweeps: many trainings of one config, each with other values of some keys.

* ``grid`` and ``ranges`` - the values of each key, and their combinations; ``plan`` - the trials,
  each checked; ``planner`` - trials planned from earlier ones; ``pruning`` - when one is stopped.
* ``folder`` and ``manifest`` - the folder of a sweep; ``results`` - its table; ``course`` - its
  metric by epoch;
  ``importance`` - which of its settings matter.
* ``sweep`` - the process that hands out the trials; ``child`` - one that trains them.
* ``listing`` - sweeps as they are on disk, read while others train them.

See ``docs/sweeps.md``.
"""
