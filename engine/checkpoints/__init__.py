"""Checkpoints: arrays and facts in one file, and which of them are kept.

* ``archive`` - the ``.npz`` container, read without trust.
* ``checkpoint`` - a checkpoint written and read.
* ``retention`` - the checkpoints of a run: latest, best, and those that are removed.
"""
