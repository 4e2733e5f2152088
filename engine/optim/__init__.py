"""Optimizers: update rules that turn gradients into steps.

To add one, write its class in a new file, with ``@register("name")`` above it, and import it here.
"""

from engine.optim.muon import Muon as Muon
from engine.optim.optimizer import OPTIMIZERS as OPTIMIZERS
from engine.optim.optimizer import Optimizer as Optimizer
from engine.optim.rules import SGD as SGD
from engine.optim.rules import Adam as Adam
from engine.optim.rules import AdamW as AdamW
from engine.optim.rules import Momentum as Momentum
from engine.optim.rules import RMSprop as RMSprop
