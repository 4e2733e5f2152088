"""Checkpoints: arrays and metadata in one file, and their retention.

* ``archive`` - the ``.npz`` container, read without trust.
* ``checkpoint`` - a checkpoint written and read.
* ``safetensors_file``, ``plain_npz`` - weights of other programs, and of exports.
* ``tensors`` - what such files say of their arrays.
* ``network_state`` - the weights of a network, from any of them.
* ``retention`` - the checkpoints of a run: latest, best, and those that are removed.
"""
