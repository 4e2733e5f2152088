"""A network looked at from outside: activations, health of its layers, time and memory.

* ``activations`` - a forward and backward pass over some samples, recorded.
* ``health`` - what the numbers of a layer mean, in a word.
* ``profiler`` - time a layer; ``estimate`` - time an epoch, before it is trained.
"""
