"""Checkpoints: arrays and metadata in one file, and their retention.

* ``archive`` - the ``.npz`` container, read without trust.
* ``checkpoint`` - a checkpoint written and read.
* ``safetensors_file`` - weights of other programs.
* ``network_state`` - the weights of a network, from either.
* ``retention`` - the checkpoints of a run: latest, best, and those that are removed.
"""
