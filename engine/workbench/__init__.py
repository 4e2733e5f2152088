"""A workbench: a copy of a training to be taken apart, broken and restored, batch by batch.

* ``Workbench`` - a training of its own; ``LayerPass`` - what one layer did with a batch.
* ``FAULTS``, ``Fault`` - mistakes to make on purpose.
"""

from engine.workbench.bench import LayerPass, Workbench
from engine.workbench.faults import FAULTS, Fault

__all__ = ["FAULTS", "Fault", "LayerPass", "Workbench"]
