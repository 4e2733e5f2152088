"""Training: turns a config into a trained network.

* ``trainer`` - one optimizer step and one evaluation, over micro-batches and workers.
* ``session`` - a whole run: epochs, controls, events, checkpoints, resume.
* ``factory`` - the objects that a config names; ``callbacks`` - Keras' hooks.
* ``saver`` and ``run_state`` - what a checkpoint of a run holds, and when it is written.
"""
