"""The explanations of the layers, a file a family; a row of the tests holds each to the network."""

from engine.microscope.layers import elementwise as elementwise
from engine.microscope.layers import features as features
from engine.microscope.layers import windows as windows
