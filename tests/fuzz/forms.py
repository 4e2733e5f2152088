"""The forms of data sets that an import reads."""

import gzip
import io
import random
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from engine.importing import ImportOptions, open_source
from tests.fuzz.fuzzing import Target
from tests.fuzz.mutations import mutate
from tests.support.data_files import idx_bytes, tar_bytes

_TOKENS = [b"nan", b"-1", b"1e9", b'"', b"\n", b"\r\n", b";", b"\x00", b"256", b"0.5",
           b"\xef\xbb\xbf",
           b"<f8", b"|O", b"<i8", b"True", b"<U4", b"PK\x03\x04", b"\x1f\x8b", b"\xff" * 4,
           b"train.bin"]  # fmt: skip


def _photo(kind: str) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 256, (12, 9, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def _zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _tarred(members: dict[str, bytes]) -> bytes:
    return gzip.decompress(tar_bytes(members, ""))


def forms(folder: Path) -> Target:
    """Tables, NumPy archives, IDX files, archives of images; opened and read to their end."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 4, 4), dtype=np.uint8)
    labels = np.arange(6) % 3
    values = np.concatenate([labels[:, None], images.reshape(6, -1)], axis=1).tolist()
    names = ",".join(["label", *(f"pixel{i}" for i in range(16))])
    table = "\n".join([names, *(",".join(map(str, row)) for row in values)]).encode()
    arrays, packed = io.BytesIO(), io.BytesIO()
    np.savez(arrays, x=images, y=labels)
    one_hot = np.eye(3)[labels]
    np.savez_compressed(
        packed, x_train=images / 255, y_train=one_hot, x_test=images, y_test=one_hot
    )
    records = rng.integers(0, 20, (6, 3074), dtype=np.uint8).tobytes()
    names_of_classes = "\n".join(map(str, range(20))).encode()
    cifar = {"train.bin": records, "test.bin": records, "fine_label_names.txt": names_of_classes}
    archive = gzip.decompress(tar_bytes(cifar, "cifar-100-binary/"))
    photos = {f"{kind[0]}/x.{kind}": _photo(kind) for kind in ("png", "jpeg", "gif", "webp", "bmp")}
    idx = folder / "idx"
    idx.mkdir()
    (idx / "train-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    good = [
        ("table.csv", table),
        ("arrays.npz", arrays.getvalue()),
        ("packed.npz", packed.getvalue()),
        ("idx/train-images-idx3-ubyte", idx_bytes(images)),
        ("cifar.tar.gz", archive),
        ("photos.zip", _zipped(photos)),
        ("photos.tar", _tarred(photos)),
        ("photos.tar.gz", _tarred(photos)),
    ]

    def bad(chance: random.Random) -> tuple[str, bytes]:
        name, content = chance.choice(good)
        return name, mutate(content, [content], _TOKENS, chance)

    def read(item: tuple[str, bytes]) -> None:
        name, content = item
        path = folder / name
        path.write_bytes(gzip.compress(content, 1) if name.endswith(".gz") else content)
        size = (4, 4) if name.startswith("photos") else None
        with open_source(path, ImportOptions("set", size=size)) as source:
            for part in source.parts.values():
                for block in part.blocks(np.arange(len(part.labels))):
                    assert block.images.shape[1:] == source.image_shape
                    assert block.images.dtype == np.uint8

    return Target("imports", good, bad, read, 2)
