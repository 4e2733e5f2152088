"""A table of the metrics of every epoch."""

import csv
import io
from pathlib import Path
from typing import Any

from pydantic import Field

from engine import path_templates
from engine.callbacks.callback import Callback, CallbackOptions, Logs, register
from engine.options import OutputFile
from engine.storage import atomic


@register("csv_logger", "write the metrics of every epoch to a table")
class CSVLogger(Callback):
    """Write the metrics of all epochs as a table, again after every epoch.

    Args:
        filepath: the file; its folder is made. A brace in its name is written twice, as in all
            names of ``engine.path_templates``.
    """

    class Options(CallbackOptions):
        """Write the metrics of every epoch as a line of a table."""

        filepath: OutputFile = Field(description="file to write, e.g. metrics.csv")

        @classmethod
        def starting_values(cls, name: str) -> dict[str, Any]:
            return {"filepath": f"reports/{name}.csv"}

    shapes_result = False

    def __init__(self, filepath: Path) -> None:
        self.filepath = Path(path_templates.fill(str(filepath), 0, {}))

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        table = io.StringIO()
        writer = csv.DictWriter(table, ["epoch", *logs], lineterminator="\n")
        writer.writeheader()
        for number, past in enumerate([*self.run.history, dict(logs)], start=1):
            writer.writerow({"epoch": number} | {k: past.get(k, "") for k in logs})
        try:
            atomic.make_folder(self.filepath.parent)
            atomic.write_atomic(self.filepath, table.getvalue().encode(), follow_symlinks=True)
        except OSError as error:
            self.run.warn(
                f"{self.filepath}: the metrics were not written: {error.strerror or error}"
            )
