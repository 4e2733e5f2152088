"""The end of a run whose loss is no longer a finite number."""

import math

from engine.callbacks.callback import Callback, CallbackOptions, Logs, register
from engine.errors import Diverged


@register("terminate_on_nan", "always on; accepted")
class TerminateOnNaN(Callback):
    """End a run as diverged when the loss of an epoch or its validation is not finite.

    Every run has it. A batch with a loss or a gradient that is not finite ends the run by itself,
    before the update; this callback sees a validation loss that is not finite.
    """

    class Options(CallbackOptions):
        """Stop when the loss is no longer a number: always on."""

    always_on = True
    shapes_result = False

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        for name in ("loss", "val_loss"):
            if not math.isfinite(logs[name]):
                raise Diverged(f"{name} is {logs[name]}", epoch, None, logs["lr"])
