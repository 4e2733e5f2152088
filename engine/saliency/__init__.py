"""Saliency: which pixels of an image speak for a class.

To add a method, write it in a file here, decorate it with ``method``, and import it below; the
command and the app follow. (``X as X`` exports a name, PEP 484.)
"""

from engine.saliency import grad_cam as grad_cam
from engine.saliency import gradients as gradients
from engine.saliency import occlusion as occlusion
from engine.saliency.heat_map import METHODS as METHODS
from engine.saliency.heat_map import HeatMap as HeatMap
from engine.saliency.heat_map import explain as explain
