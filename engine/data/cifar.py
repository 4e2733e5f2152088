"""The format of CIFAR-10 and CIFAR-100, binary version.

The binary version only: the Python version is made of pickles, and a pickle can run code. A file
is a row of records: a byte a label, of which CIFAR-10 has one and CIFAR-100 two, then 32×32 red,
green and blue pixels. Described by its author at https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import math
import os
import tarfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.data.dataset import (
    DatasetInfo,
    FileStatus,
    Split,
    Warn,
    file_status,
    ignore_warning,
)
from engine.data.safe_read import check_labels, expect_end, fill, open_content, skip
from engine.errors import DataError

_BLOCK = 512
# Room in the archive for what is not used: headers, the readme, the names of the classes.
_ARCHIVE_EXTRA = 1 << 20


@dataclass(frozen=True, kw_only=True)
class CifarDataset(DatasetInfo):
    """One of the sets as an unpacked folder, or as the publisher's archive, which is read in place.

    The archive is the only download.

    Attributes:
        folders: where unpacked files are looked for, below the root.
        train_files: names of the files to train on, all of one length.
        test_file: name of the file to test on.
        labels: labels of a record, a byte each.
        label: which of them is taken.
    """

    folders: tuple[str, ...]
    train_files: tuple[str, ...]
    test_file: str
    labels: int = 1
    label: int = 0

    @property
    def _files(self) -> tuple[str, ...]:
        return (*self.train_files, self.test_file)

    def _archive(self, root: Path) -> Path:
        return root / self.downloads[0].name

    def _shape(self, name: str) -> tuple[int, int]:
        """Number and size of the records of a file."""
        count = (
            self.test_size if name == self.test_file else self.train_size // len(self.train_files)
        )
        return count, self.labels + math.prod(self.image_shape)

    def folder(self, root: Path) -> Path:
        return root

    def places(self, root: Path) -> list[Path]:
        archive = self._archive(root)
        folders = [
            folder
            for folder in (root / name for name in self.folders)
            if all(os.path.isfile(folder / name) for name in self._files)
        ]
        # The archive comes first, because it carries a checksum.
        return [archive, *folders] if os.path.isfile(archive) else folders

    def read(self, place: Path, warn: Warn = ignore_warning) -> tuple[Split, Split]:
        if place.is_dir():
            records = {name: self._read_file(place / name) for name in self._files}
        else:
            records = self._read_archive(place)
        train = self._split([records.pop(name) for name in self.train_files])
        return train, self._split([records[self.test_file]])

    def _split(self, parts: list[np.ndarray]) -> Split:
        images = np.concatenate([records[:, self.labels :] for records in parts])
        labels = np.concatenate([records[:, self.label] for records in parts])
        return Split(images.reshape(-1, *self.image_shape), labels.astype(np.int64))

    def _read_file(self, path: Path) -> np.ndarray:
        records = np.empty(self._shape(path.name), np.uint8)
        with open_content(path, records.nbytes) as stream:
            fill(stream, records)
            expect_end(stream)
            check_labels(records[:, self.label], len(self.classes))
        return records

    def _read_archive(self, path: Path) -> dict[str, np.ndarray]:
        """Read the records of every file in the archive; nothing is unpacked to disk."""
        sizes = {name: math.prod(self._shape(name)) for name in self._files}

        def check_size(name: str, size: int) -> None:
            if size != sizes[name]:
                raise ValueError(f"its {name} has {size:,} bytes, expected {sizes[name]:,}")

        found = read_members(path, self._files, _ARCHIVE_EXTRA + sum(sizes.values()), check_size)
        if missing := [name for name in self._files if name not in found]:
            raise DataError(f"{path}: it has no {', '.join(missing)}")
        records = {name: found[name].reshape(self._shape(name)) for name in self._files}
        for name, values in records.items():
            try:
                check_labels(values[:, self.label], len(self.classes))
            except ValueError as exc:
                raise DataError(f"{path}: its {name}: {exc}") from exc
        return records

    def check(self, path: Path) -> None:
        """Check the archive by its checksum, or an unpacked file by its structure."""
        if path.name != self.downloads[0].name:
            self._read_file(path)
            return
        self.downloads[0].check(path)

    def verify(self, root: Path) -> list[FileStatus]:
        archive, paths = self._archive(root), []
        for folder in (root / name for name in self.folders):
            if any(os.path.isfile(folder / name) for name in self._files):
                paths = [folder / name for name in self._files]
                break
        if os.path.isfile(archive) or not paths:
            paths.append(archive)
        return [file_status(self, path) for path in paths]


def read_members(
    path: Path,
    names: Collection[str],
    limit: int,
    check_size: Callable[[str, int], None],
) -> dict[str, np.ndarray]:
    """Read files of a tar archive, gzipped or not, in place.

    Only the headers are left to ``tarfile``: its own reader follows what a forged archive tells it
    (links, long names, sizes beyond the end of the file) for as long as it says.

    Args:
        path: the archive.
        names: of the files, without their folders; those that are missing are left out.
        limit: bytes of the unpacked archive that are allowed.
        check_size: called with name and size of a file before it is read; raises ValueError if it
            has another size than it should.

    Returns:
        The bytes of every file, uint8, by its name.

    Raises:
        DataError: it is damaged, or hostile.
    """
    found: dict[str, np.ndarray] = {}
    with open_content(path, limit) as stream:
        while any(block := stream.read(_BLOCK)):  # a block of zeros is the end
            member = tarfile.TarInfo.frombuf(block, "utf-8", "replace")
            name = member.name.rpartition("/")[2]
            unread = -(-member.size // _BLOCK) * _BLOCK
            if name in names:
                if name in found:
                    raise ValueError(f"it has {name} twice")
                if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                    raise ValueError(f"its {name} is not a regular file")
                check_size(name, member.size)
                found[name] = np.empty(member.size, np.uint8)
                fill(stream, found[name])
                unread -= member.size
            skip(stream, unread)
        while stream.read(1 << 16):
            pass  # to the end, where the checksum is
    return found
