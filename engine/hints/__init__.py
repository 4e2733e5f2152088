"""Hints: what the curves and the layers of a training say, why, and what to change.

A rule is a pure function of ``Evidence``, registered with its name, title and reason; it answers
with the facts in a line, and where one key of the config helps, with the fix. ``holding`` asks
all of them.
"""

from engine.hints import curves, data, layers, rates  # noqa: F401, they register their rules
from engine.hints.evidence import Evidence as Evidence
from engine.hints.evidence import LayerStats as LayerStats
from engine.hints.evidence import Look as Look
from engine.hints.registry import RULES as RULES
from engine.hints.registry import Fix as Fix
from engine.hints.registry import Hint as Hint
from engine.hints.registry import Rule as Rule
from engine.hints.registry import holding as holding
