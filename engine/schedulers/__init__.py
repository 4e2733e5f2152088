"""Learning rate schedules, with PyTorch's names, arguments and numbers.

To add one, write its class in a new file, with ``@register("name")`` above it, and import it here.
"""

from engine.schedulers.formulas import CosineAnnealingLR as CosineAnnealingLR
from engine.schedulers.formulas import ExponentialLR as ExponentialLR
from engine.schedulers.formulas import FixedLR as FixedLR
from engine.schedulers.formulas import MultiStepLR as MultiStepLR
from engine.schedulers.formulas import OneCycleLR as OneCycleLR
from engine.schedulers.formulas import StepLR as StepLR
from engine.schedulers.plateau import ReduceLROnPlateau as ReduceLROnPlateau
from engine.schedulers.scheduler import SCHEDULERS as SCHEDULERS
from engine.schedulers.scheduler import Scheduler as Scheduler
from engine.schedulers.scheduler import SchedulerOptions as SchedulerOptions
from engine.schedulers.triangle import TriangleLR as TriangleLR
from engine.schedulers.warmup import Warmup as Warmup
