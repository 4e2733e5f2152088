"""Training: what turns a config into a trained network, and keeps it.

* ``trainer`` - one optimizer step and one evaluation, over micro-batches and workers.
* ``session`` - a whole run: epochs, controls, events, checkpoints, resume.
* ``callbacks`` - what happens after batches and epochs, with Keras' hooks.
* ``checkpoint``, ``store``, ``rundir`` - what is written, durably.
"""
