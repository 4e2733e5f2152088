"""The IDX format of MNIST and its relatives, gzipped or not.

A file is: two zero bytes, the type of its values (8 for unsigned bytes), the number of axes, the
length of every axis (32 bits, big-endian), the values. Described by its authors at
http://yann.lecun.com/exdb/mnist/.
"""

import hashlib
import io
import math
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.data.dataset import DatasetInfo, FileStatus, Split, Warn, file_status, ignore_warning
from engine.data.safe_read import check_labels, expect_end, fill, open_content
from engine.errors import DataError

_UNSIGNED_BYTE = 8
_ANY_SIZE = 1 << 60
_KINDS = ("images-idx3", "labels-idx1")
_PARTS = ("train", "t10k")
IDX_NAMES = tuple(f"{part}-{kind}-ubyte" for part in _PARTS for kind in _KINDS)
"""Names of MNIST's files, without ``.gz``."""


def _header(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, _UNSIGNED_BYTE, len(shape), *shape)


def read_idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Read a file of unsigned bytes whose shape is known.

    Nothing is allocated before the header has been found to be the expected one, and nothing
    beyond the expected length is decompressed.

    Args:
        path: the file, gzipped or not.
        shape: the shape that it must have.

    Returns:
        The values, uint8, of that shape.

    Raises:
        DataError: the file is missing, cut short, too long, damaged, or holds something else.
    """
    with open_idx(path, shape) as stream:
        return _values(stream, shape)


def _values(stream: io.BufferedIOBase, shape: tuple[int, ...]) -> np.ndarray:
    values = np.empty(shape, np.uint8)
    fill(stream, values)
    expect_end(stream)
    return values


def read_shape(path: Path) -> tuple[int, ...]:
    """Read the shape of the unsigned bytes in a file; one axis or more, none of length 0.

    Raises:
        DataError: the file is missing, or holds something else.
    """
    with open_content(path, _ANY_SIZE) as stream:
        start = stream.read(4)
        if start[:3] != bytes([0, 0, _UNSIGNED_BYTE]) or not start[3:4].strip(b"\0"):
            raise ValueError(f"its magic number is {start.hex()}, expected 0000080N with N axes")
        axes = stream.read(4 * start[3])
        if len(axes) < 4 * start[3]:
            raise ValueError("it is cut short in its header")
        shape = struct.unpack(f">{start[3]}I", axes)
        if 0 in shape:
            raise ValueError(f"its header says {_times(shape)} values")
    return shape


@contextmanager
def open_idx(path: Path, shape: tuple[int, ...]) -> Iterator[io.BufferedIOBase]:
    """Open a file of unsigned bytes whose shape is known, at its first value.

    Raises:
        DataError: the file is missing, or holds something else; on any failure inside the
            ``with``, in one line that names the file.
    """
    with open_content(path, idx_bytes(shape)) as stream:
        skip_header(stream, shape)
        yield stream


def idx_bytes(shape: tuple[int, ...]) -> int:
    """Length of the content of a file."""
    return len(_header(shape)) + math.prod(shape)


def skip_header(stream: io.BufferedIOBase, shape: tuple[int, ...]) -> None:
    """Read the header of a file; raise ValueError if it is not the expected one."""
    got = stream.read(len(_header(shape)))
    if got != _header(shape):
        raise ValueError(_explain_header(got, shape))


def _explain_header(got: bytes, shape: tuple[int, ...]) -> str:
    """Explain how a header differs from the expected one."""
    if len(got) < 4 + 4 * len(shape):
        return f"it is cut short: {len(got)} bytes"
    if got[:4] != _header(shape)[:4]:
        return f"its magic number is {got[:4].hex()}, expected {_header(shape)[:4].hex()}"
    axes = struct.unpack(f">{len(shape)}I", got[4:])
    return f"its header says {_times(axes)} values, expected {_times(shape)}"


def _times(axes: tuple[int, ...]) -> str:
    return "×".join(f"{axis:,}" for axis in axes)


@dataclass(frozen=True, kw_only=True)
class IdxDataset(DatasetInfo):
    """A data set of four IDX files under MNIST's names, or others.

    Attributes:
        folders: where to look, below the root or absolute; downloads go to the first.
        sha256: of the decompressed content, by the file's name without ``.gz``; a file that has
            none is checked by the checksum of its download.
        parts: what the names of the files to train and to test on begin with.
        first_label: the label of the first class.
        transposed: whether rows and columns are exchanged in the files.
    """

    folders: tuple[str, ...]
    sha256: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[str, str] = _PARTS
    first_label: int = 0
    transposed: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files, without ``.gz``."""
        return tuple(f"{part}-{kind}-ubyte" for part in self.parts for kind in _KINDS)

    def _shape(self, name: str) -> tuple[int, ...]:
        """Shape of a file's values, by its name without ``.gz``."""
        count = self.train_size if name.startswith(self.parts[0]) else self.test_size
        return (count, *self.image_shape[1:]) if "-images-" in name else (count,)

    def _found(self, folder: Path) -> dict[str, list[Path]]:
        """Find the files in a folder for every name, best first.

        Gzipped ones come first: they carry a checksum. Then those with a dot in their name, as
        some archives unpack to.
        """
        found = {}
        for name in self.names:
            dotted = name.replace("-idx", ".idx")
            paths = [folder / one for one in (f"{name}.gz", name, f"{dotted}.gz", dotted)]
            there = [path for path in paths if os.path.isfile(path)]
            if there:
                found[name] = there
        return found

    def folder(self, root: Path) -> Path:
        return root / self.folders[0]

    def places(self, root: Path) -> list[Path]:
        folders = [root / folder for folder in self.folders]
        return [folder for folder in folders if len(self._found(folder)) == len(self.names)]

    def read(self, place: Path, warn: Warn = ignore_warning) -> tuple[Split, Split]:
        found = self._found(place)
        return self._splits(
            {
                name: self._read_first(name, found.get(name, [place / f"{name}.gz"]), warn)
                for name in self.names
            }
        )

    def _splits(self, arrays: Mapping[str, np.ndarray]) -> tuple[Split, Split]:
        """Both splits of the content of the files, by their names."""
        train_images, train_labels, test_images, test_labels = (arrays[name] for name in self.names)
        return self._split(train_images, train_labels), self._split(test_images, test_labels)

    def _split(self, images: np.ndarray, labels: np.ndarray) -> Split:
        if self.transposed:
            images = np.ascontiguousarray(images.transpose(0, 2, 1))
        return Split(images[:, None], labels.astype(np.int64) - self.first_label)

    def _read_first(self, name: str, paths: Sequence[Path], warn: Warn) -> np.ndarray:
        """Read the first undamaged file of several."""
        problems: list[DataError] = []
        for path in paths:
            try:
                values = self._read_file(path, name)
            except DataError as error:
                problems.append(error)
                continue
            for problem in problems:
                warn(f"{problem}; {path} was read instead")
            return values
        raise problems[0]

    def _read_file(self, path: Path, name: str) -> np.ndarray:
        with open_idx(path, self._shape(name)) as stream:
            return self._read_values(stream, name)

    def _read_values(self, stream: io.BufferedIOBase, name: str) -> np.ndarray:
        """Read the values behind a header; raise ValueError or EOFError if they are not right."""
        values = _values(stream, self._shape(name))
        if "-labels-" in name:
            check_labels(values, len(self.classes), self.first_label)
        return values

    def check(self, path: Path) -> None:
        name = path.name.removesuffix(".gz").replace(".idx", "-idx")
        if name not in self.sha256:
            if not any(path.name == file.name and file.check(path) for file in self.downloads):
                self._read_file(path, name)
            return
        digest = hashlib.sha256()
        shape = self._shape(name)
        with open_content(path, idx_bytes(shape)) as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
        if digest.hexdigest() != self.sha256[name]:
            raise DataError(
                f"{path}: its content has SHA-256 {digest.hexdigest()[:12]}…, "
                f"expected {self.sha256[name][:12]}…"
            )

    def verify(self, root: Path) -> list[FileStatus]:
        folder = max((root / folder for folder in self.folders), key=lambda f: len(self._found(f)))
        found = self._found(folder)
        states = []
        for name in self.names:
            for path in found.get(name, [folder / f"{name}.gz"]):
                states.append(file_status(self, path))
                if states[-1].state == "ok":
                    break  # those after it are not read
        return states
