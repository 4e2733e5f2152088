"""Training: from a config to a trained network.

* ``session`` - a whole run: data, directory, events, checkpoints, resume; ``loop`` - its epochs.
* ``trainer`` - optimizer steps; ``evaluator`` - evaluations; ``worker_program`` - both, as every
  worker computes them, micro-batch by micro-batch.
* ``factory`` - the objects that a config names; ``controls`` - pause, stop, learning rate.
* ``run_state`` and ``saver`` - the content of a run's checkpoints, and when they are written.
"""
