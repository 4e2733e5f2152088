"""Small data sets in the publishers' formats, for the tests of their readers."""

import dataclasses
import gzip
import hashlib
import io
import struct
import tarfile
from pathlib import Path

import numpy as np

from engine.data.cifar import CifarDataset
from engine.data.dataset import Download
from engine.data.idx import IDX_NAMES, IdxDataset
from engine.data.sets.cifar10 import CIFAR10
from engine.data.sets.mnist import MNIST

TRAIN, TEST = 200, 30
CIFAR_NAMES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")


def idx_bytes(array: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, 6, mtime=0)


def small_mnist() -> tuple[IdxDataset, dict[str, np.ndarray]]:
    """MNIST with 200 + 30 images of noise, and the arrays by file name."""
    rng = np.random.default_rng(7)
    arrays = {}
    for name in IDX_NAMES:
        count = TRAIN if name.startswith("train") else TEST
        if "images" in name:
            arrays[name] = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        else:
            arrays[name] = rng.permutation(np.arange(count, dtype=np.uint8) % 10)
    contents = {name: idx_bytes(array) for name, array in arrays.items()}
    info = dataclasses.replace(
        MNIST,
        train_size=TRAIN,
        test_size=TEST,
        sha256={name: hashlib.sha256(data).hexdigest() for name, data in contents.items()},
        downloads=tuple(
            Download(f"{name}.gz", len(packed), hashlib.sha256(packed).hexdigest())
            for name, packed in ((name, gzipped(data)) for name, data in contents.items())
        ),
        mirrors=(),
    )
    return info, arrays


def write_mnist(folder: Path, arrays: dict[str, np.ndarray], *, packed: bool = True) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzipped(idx_bytes(array)))
        else:
            (folder / name).write_bytes(idx_bytes(array))


def small_cifar() -> tuple[CifarDataset, dict[str, bytes]]:
    """CIFAR-10 with 5 × 6 + 8 images of noise, and the content of its files."""
    rng = np.random.default_rng(8)
    contents = {}
    for name in CIFAR_NAMES:
        records = rng.integers(0, 256, (8 if name == "test_batch.bin" else 6, 3073), np.uint8)
        records[:, 0] %= 10
        contents[name] = records.tobytes()
    packed = tar_bytes(contents)
    archive = Download("cifar-10-binary.tar.gz", len(packed), hashlib.sha256(packed).hexdigest())
    info = dataclasses.replace(
        CIFAR10, train_size=30, test_size=8, downloads=(archive,), mirrors=()
    )
    return info, contents


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, "elsewhere" if kind in b"12" else ""
    return info


def raw_tar(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A gzipped tar of members whose headers may say anything."""
    out = io.BytesIO()
    for info, data in members:
        out.write(info.tobuf(tarfile.GNU_FORMAT))
        out.write(data + bytes(-len(data) % 512))
    out.write(bytes(1024))
    return gzipped(out.getvalue())


def tar_bytes(contents: dict[str, bytes], folder: str = "cifar-10-batches-bin/") -> bytes:
    """The publisher's archive: a folder, the files and some others."""
    readme = b"see the web page"
    return raw_tar(
        [
            (member(folder, kind=tarfile.DIRTYPE), b""),
            (member(f"{folder}readme.html", len(readme)), readme),
            *((member(folder + name, len(data)), data) for name, data in contents.items()),
        ]
    )
