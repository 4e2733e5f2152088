"""The layers: one file a family, ``forward`` directly above its ``backward``.

The docstring of a ``backward`` is its derivation. To add a layer, write it in a file of its own
(``layer.Layer`` says how), decorate it with ``register``, and import it here; ``LAYERS``, by which
configs, checkpoints and the app find layers, follows. Its row in ``tests/support/conformance.py``
proves it. (``X as X`` exports a name, PEP 484.)
"""

from engine.layers.activations import ELU as ELU
from engine.layers.activations import GELU as GELU
from engine.layers.activations import LeakyReLU as LeakyReLU
from engine.layers.activations import ReLU as ReLU
from engine.layers.activations import Sigmoid as Sigmoid
from engine.layers.activations import SiLU as SiLU
from engine.layers.activations import Softmax as Softmax
from engine.layers.activations import Tanh as Tanh
from engine.layers.arguments import ArgumentError as ArgumentError
from engine.layers.containers import Residual as Residual
from engine.layers.containers import Sequential as Sequential
from engine.layers.conv import Conv2D as Conv2D
from engine.layers.dense import Dense as Dense
from engine.layers.dropout import Dropout as Dropout
from engine.layers.global_max import GlobalMaxPool2D as GlobalMaxPool2D
from engine.layers.layer import Layer as Layer
from engine.layers.normalization import BatchNorm1D as BatchNorm1D
from engine.layers.normalization import BatchNorm2D as BatchNorm2D
from engine.layers.pooling import AvgPool2D as AvgPool2D
from engine.layers.pooling import GlobalAvgPool2D as GlobalAvgPool2D
from engine.layers.pooling import MaxPool2D as MaxPool2D
from engine.layers.registry import LAYERS as LAYERS
from engine.layers.registry import register as register
from engine.layers.reshape import Flatten as Flatten
from engine.layers.scale import Scale as Scale
from engine.layers.summary import Summary as Summary
from engine.layers.summary import SummaryRow as SummaryRow
from engine.layers.summary import shape_text as shape_text
from engine.layers.whitening import Whitening2D as Whitening2D
