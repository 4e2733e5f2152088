"""Gradients by ``backward``, compared with numerical ones.

* ``check_layer`` - the input and every parameter of a layer.
* ``check_network`` - those of a network with its loss.
* ``Report``, ``Row``, ``Measured`` - what was compared, and how far apart it is.
* ``differences`` - central differences; ``extrapolation`` - where no single step is good.
* ``deterministic`` - a layer that gives the same output every time.

``docs/gradient-check-tutorial.md`` explains the method, its error bounds and its traps.
"""

from engine.gradcheck.differences import Mode
from engine.gradcheck.layer import check_layer
from engine.gradcheck.network import check_network
from engine.gradcheck.report import Measured, Report, Row

__all__ = ["Measured", "Mode", "Report", "Row", "check_layer", "check_network"]
