"""Callbacks: what happens beside training, after a batch or an epoch; names as in Keras.

To add one, write its class in a new file, with ``@register("name", "what it does")`` above it,
and import it here.
"""

from engine.callbacks.best import EarlyStopping as EarlyStopping
from engine.callbacks.best import ModelCheckpoint as ModelCheckpoint
from engine.callbacks.callback import CALLBACKS as CALLBACKS
from engine.callbacks.callback import Callback as Callback
from engine.callbacks.callback import CallbackOptions as CallbackOptions
from engine.callbacks.callback import Logs as Logs
from engine.callbacks.csv_logger import CSVLogger as CSVLogger
from engine.callbacks.tensorboard import TensorBoard as TensorBoard
from engine.callbacks.terminate_on_nan import TerminateOnNaN as TerminateOnNaN
