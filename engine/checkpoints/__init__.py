"""Checkpoints: arrays and metadata in one file, and their retention.

* ``archive`` - the ``.npz`` container, read without trust.
* ``checkpoint`` - a checkpoint written and read.
* ``retention`` - the checkpoints of a run: latest, best, and those that are removed.
"""
