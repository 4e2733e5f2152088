"""CIFAR-10: 60,000 colour photos in ten classes (Krizhevsky 2009), binary version.

The binary version only: the Python version is made of pickles, and a pickle can run code. A file
is a row of records of 3,073 bytes: the label, then 32×32 red, green and blue pixels.
Described by its author at https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import hashlib
import io
import math
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.data.dataset import (
    PICKLED,
    DatasetInfo,
    Download,
    FileStatus,
    Split,
    Warn,
    file_status,
    ignore_warning,
)
from engine.data.registry import register
from engine.data.safe_read import check_labels, expect_end, fill, open_content, skip
from engine.errors import DataError

_FOLDER = "cifar-10-batches-bin"
_ARCHIVE = "cifar-10-binary.tar.gz"
_TRAIN_FILES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
_TEST_FILE = "test_batch.bin"
_FILES = (*_TRAIN_FILES, _TEST_FILE)
_BLOCK = 512
# Room in the archive for what is not used: headers, the readme, the names of the classes.
_ARCHIVE_EXTRA = 1 << 20


@dataclass(frozen=True, kw_only=True)
class CifarDataset(DatasetInfo):
    """CIFAR-10 as an unpacked folder, or as the publisher's archive, which is read in place."""

    def _shape(self, name: str) -> tuple[int, int]:
        """Number and size of the records of a file."""
        count = self.test_size if name == _TEST_FILE else self.train_size // len(_TRAIN_FILES)
        return count, 1 + math.prod(self.image_shape)

    def folder(self, root: Path) -> Path:
        return root

    def places(self, root: Path) -> list[Path]:
        archive = root / _ARCHIVE
        folders = [
            folder
            for folder in (root / _FOLDER, root)
            if all(os.path.isfile(folder / name) for name in _FILES)
        ]
        # The archive comes first, because it carries a checksum.
        return [archive, *folders] if os.path.isfile(archive) else folders

    def read(self, place: Path, warn: Warn = ignore_warning) -> tuple[Split, Split]:
        if place.is_dir():
            records = {name: self._read_file(place / name) for name in _FILES}
        else:
            records = self._read_archive(place)
        train = self._split([records.pop(name) for name in _TRAIN_FILES])
        return train, self._split([records[_TEST_FILE]])

    def _split(self, parts: list[np.ndarray]) -> Split:
        images = np.concatenate([records[:, 1:] for records in parts])
        labels = np.concatenate([records[:, 0] for records in parts])
        return Split(images.reshape(-1, *self.image_shape), labels.astype(np.int64))

    def _read_file(self, path: Path) -> np.ndarray:
        records = np.empty(self._shape(path.name), np.uint8)
        with open_content(path, records.nbytes) as stream:
            fill(stream, records)
            expect_end(stream)
            check_labels(records[:, 0], len(self.classes))
        return records

    def _read_archive(self, path: Path) -> dict[str, np.ndarray]:
        """Read the records of every file in the archive; nothing is unpacked to disk.

        Only the headers are left to ``tarfile``: its own reader follows what a forged archive
        tells it (links, long names, sizes beyond the end of the file) for as long as it says.
        """
        limit = _ARCHIVE_EXTRA + sum(math.prod(self._shape(name)) for name in _FILES)
        found: dict[str, np.ndarray] = {}
        with open_content(path, limit) as stream:
            while any(block := stream.read(_BLOCK)):  # a block of zeros is the end
                member = tarfile.TarInfo.frombuf(block, "utf-8", "replace")
                name = member.name.rpartition("/")[2]
                unread = -(-member.size // _BLOCK) * _BLOCK
                if name in _FILES:
                    found[name] = self._read_member(stream, member, name, again=name in found)
                    unread -= member.size
                skip(stream, unread)
            while stream.read(1 << 16):
                pass  # to the end, where the checksum is
            if missing := [name for name in _FILES if name not in found]:
                raise ValueError(f"it has no {', '.join(missing)}")
        return found

    def _read_member(
        self, stream: io.BufferedIOBase, member: tarfile.TarInfo, name: str, *, again: bool
    ) -> np.ndarray:
        records = np.empty(self._shape(name), np.uint8)
        if again:
            raise ValueError(f"it has {name} twice")
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            raise ValueError(f"its {name} is not a regular file")
        if member.size != records.nbytes:
            raise ValueError(f"its {name} has {member.size:,} bytes, expected {records.nbytes:,}")
        fill(stream, records)
        try:
            check_labels(records[:, 0], len(self.classes))
        except ValueError as exc:
            raise ValueError(f"its {name}: {exc}") from exc
        return records

    def check(self, path: Path) -> None:
        """Check the archive by its checksum, or an unpacked file by its structure."""
        if path.name != _ARCHIVE:
            self._read_file(path)
            return
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as exc:
            raise DataError(f"{path}: {exc.strerror}") from exc
        expected = self.downloads[0].sha256
        if digest != expected:
            raise DataError(f"{path}: it has SHA-256 {digest[:12]}…, expected {expected:.12}…")

    def verify(self, root: Path) -> list[FileStatus]:
        archive, paths = root / _ARCHIVE, []
        for folder in (root / _FOLDER, root):
            if any(os.path.isfile(folder / name) for name in _FILES):
                paths = [folder / name for name in _FILES]
                break
        if os.path.isfile(archive) or not paths:
            paths.append(archive)
        return [file_status(self, path) for path in paths]


CIFAR10 = register(
    CifarDataset(
        name="cifar10",
        title="CIFAR-10",
        classes=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        image_shape=(3, 32, 32),
        train_size=50_000,
        test_size=10_000,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        downloads=(
            Download(
                _ARCHIVE,
                170_052_171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        unreadable=(
            ("cifar-10-batches-py", f"the Python version, {PICKLED}"),
            ("cifar-10-python.tar*", f"the Python version, {PICKLED}"),
            ("cifar-10-batches-mat", "the Matlab version, which is not read"),
            ("cifar-10-matlab.tar*", "the Matlab version, which is not read"),
            ("cifar-100-*", "CIFAR-100, another data set"),
        ),
    )
)
