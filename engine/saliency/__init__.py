"""Saliency: which pixels of an image speak for a class.

To add a method, write it in a file here, decorate it with ``method``, and import it below, in the
place that it is to have in lists; the command and the app follow. (``X as X`` exports a name,
PEP 484.)
"""

from engine.saliency import gradients as gradients  # isort: split

from engine.saliency import occlusion as occlusion  # isort: split

from engine.saliency import grad_cam as grad_cam  # isort: split

from engine.saliency.heat_map import METHODS as METHODS
from engine.saliency.heat_map import HeatMap as HeatMap
from engine.saliency.heat_map import explain as explain
