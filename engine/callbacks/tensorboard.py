"""Event files for TensorBoard, with the metrics of every epoch as scalars."""

import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from engine import paths
from engine.callbacks.callback import Callback, CallbackOptions, Logs, register
from engine.errors import MissingPackageError, require_package
from engine.options import FilePath
from engine.storage import atomic

PACKAGE = "tensorboard"
FOLDER = "tensorboard"
"""The folder in a run's own, where no other is given."""
FILE = "events.out.tfevents.0.cnn-tui"
"""TensorBoard takes what has 'tfevents' in its name."""

_VERSION = "brain.Event:2"
_MOST = 256 << 20
"""Bytes of a file of ours, with room to spare: an epoch has some 200."""


def check_installed() -> None:
    """Check that TensorBoard is there, whose own code writes the events.

    Raises:
        MissingPackageError: it is not; the message says how to install it.
    """
    require_package(PACKAGE, "tensorboard", "it needs")


@register("tensorboard", "write the metrics of every epoch for TensorBoard")
class TensorBoard(Callback):
    """Write the metrics of every epoch as scalars for TensorBoard; the step is the epoch, from 1.

    One event holds an epoch. Before the first one is written, what is in the file is compared with
    the epochs that the run knows: a run that was killed and resumed has each of them once.

    Args:
        log_dir: the folder, in which every run has one of its own by its id; None for
            ``tensorboard`` in the run's folder.

    Source: the format of TFRecord files, https://www.tensorflow.org/tutorials/load_data/tfrecord.
    """

    class Options(CallbackOptions):
        """Write the metrics of every epoch for TensorBoard."""

        output_key = "log_dir"

        log_dir: FilePath | None = Field(
            default=None, description="folder for it; null for the run's own"
        )

        def check(self) -> None:
            check_installed()
            if self.log_dir is not None:
                paths.check_writable(self.log_dir / FILE)

        def with_output(self, folder: Path, path: Path) -> "CallbackOptions":
            return self.model_copy(update={"log_dir": folder / path})

    shapes_result = False

    def __init__(self, log_dir: Path | None = None) -> None:
        self.log_dir = log_dir
        self._file: Path | None = None
        self._size = -1

    def on_train_begin(self) -> None:
        try:
            check_installed()
        except MissingPackageError as error:
            raise MissingPackageError(f"callbacks: tensorboard: {error}") from None

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        try:
            file = self._file = self._file or self._place()
            self._append(file, epoch, logs)
        except OSError as error:
            self._size = -1
            where = self._file or FOLDER
            self.run.warn(f"{where}: the events were not written: {error.strerror or error}")

    def _place(self) -> Path:
        """The event file of this run."""
        own = self.run.folder
        if self.log_dir is not None:
            name = time.strftime("%Y%m%d-%H%M%S") if own is None else own.name
            return self.log_dir / name / FILE
        if own is None:
            raise OSError("there is no folder of the run; give log_dir")
        return own / FOLDER / FILE

    def _append(self, file: Path, epoch: int, logs: Logs) -> None:
        if file.parent.is_symlink():
            raise OSError("its folder is a symbolic link")
        atomic.make_folder(file.parent)
        with atomic.open_regular(file, follow_symlinks=False, update=True) as stream:
            new = b""
            if stream.seek(0, os.SEEK_END) != self._size:  # the first epoch, or another's bytes
                if stream.tell() > _MOST:
                    raise OSError("it is no file of ours")
                stream.seek(0)
                done, end = _epochs_of(stream.read(), most=epoch)
                stream.seek(end)
                stream.truncate()
                missing = self.run.history[done:epoch]
                new = b"" if end else _record(file_version=_VERSION)
                new += b"".join(map(_scalars, range(done, epoch), missing))
            new += _scalars(epoch, logs)
            if stream.write(new) < len(new):
                raise OSError("no space left")
            self._size = stream.tell()


def _scalars(epoch: int, logs: Logs) -> bytes:
    """The record of an epoch, counted from 0."""
    values = [{"tag": name, "simple_value": value} for name, value in logs.items()]
    return _record(step=epoch + 1, summary={"value": values})


def _record(**fields: Any) -> bytes:
    """An event as TensorBoard's writer writes it: length and content, with a checksum of each."""
    from io import BytesIO

    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    stream = BytesIO()
    RecordWriter(stream).write(Event(wall_time=time.time(), **fields).SerializeToString())
    return stream.getvalue()


def _epochs_of(content: bytes, most: int) -> tuple[int, int]:
    """How many epochs a file begins with, at most so many, and where the last of them ends."""
    done = end = 0
    for number, (event, after) in enumerate(_events(content)):
        if number > most or (event.step if number else event.file_version) != (number or _VERSION):
            break
        done, end = number, after
    return done, end


def _events(content: bytes) -> Iterator[tuple[Any, int]]:
    """The events of a file with their ends, up to the first that is cut or damaged."""
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    start = 0
    while len(header := content[start : start + 12]) == 12:
        size, checksum = struct.unpack("<QI", header)
        data = content[start + 12 : start + 12 + size]
        tail = content[start + 12 + size : start + 16 + size]
        if checksum != masked_crc32c(header[:8]) or tail != struct.pack("<I", masked_crc32c(data)):
            return
        try:
            event = Event.FromString(data)
        except DecodeError:
            return
        start += 16 + size
        yield event, start
