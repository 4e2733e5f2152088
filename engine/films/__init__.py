"""Films: a few of the moments that a network went through, kept with its run.

* ``schedule`` - which moments are kept: most of the first epoch, then epochs, thinned.
* ``film`` - the frames of a run's film: writing, thinning, reading.
"""
