"""Inspection of a network: activations, health of its layers, time and memory.

* ``activations`` - a forward and backward pass over some samples, recorded.
* ``health`` - the class of each layer: dead, vanishing, too fast, ...
* ``profiler`` - time a layer; ``estimate`` - time an epoch, before it is trained.
"""
