"""A workbench: a copy of a training to be taken apart, broken and restored, batch by batch.

* ``Workbench`` - a training of its own; ``LayerPass`` - what one layer did with a batch.
* ``FAULTS``, ``Fault`` - mistakes to make on purpose.
* ``sweep``, ``read``, ``RateRange`` - a short training whose learning rate grows, and its meaning.
"""

from engine.workbench.bench import LayerPass, Workbench
from engine.workbench.faults import FAULTS, Fault
from engine.workbench.rate_sweep import RatePoint, RateRange, Reading, read, sweep

__all__ = [
    "FAULTS",
    "Fault",
    "LayerPass",
    "RatePoint",
    "RateRange",
    "Reading",
    "Workbench",
    "read",
    "sweep",
]
