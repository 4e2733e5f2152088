"""Format of a checkpoint: an .npz whose every byte follows from its manifest and arrays.

A checkpoint is a zip archive, stored without compression. The first member is ``manifest.json``:
format version, the run's counters and settings (``meta``), and name, dtype, shape, CRC-32 and
SHA-256 of every array. The arrays follow as ``<name>.npy``, sorted by name, so that ``np.load``
reads the file (it gives the manifest as bytes). The archive's comment is the SHA-256 of the
manifest.

There is one way to write a given state. A reader therefore does not interpret what the archive
says about itself: it works out from the manifest what every other byte has to be, and compares.
That leaves no room for duplicate or hidden members, foreign bytes before, between or after them,
compression, lying sizes, or a flipped bit in a field that zip readers ignore.
"""

import hashlib
import itertools
import json
import math
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.sanitize import literal

# ``Any`` stands for JSON again: recursive aliases reject dict[str, float] where JSON is wanted.
JSON = None | bool | int | float | str | Sequence[Any] | Mapping[str, Any]

FORMAT = "cnn-tui checkpoint"
VERSION = 1
MANIFEST = "manifest.json"
MANIFEST_LIMIT = 32 << 20
"""Largest manifest in bytes: the history of all epochs that a config may ask for."""
SIZE_LIMIT = (1 << 32) - 1
"""Largest file in bytes: a zip archive without the 64-bit extension."""

DTYPES = {
    "bool": np.dtype("|b1"),
    "uint8": np.dtype("|u1"),
    "int32": np.dtype("<i4"),
    "int64": np.dtype("<i8"),
    "float32": np.dtype("<f4"),
    "float64": np.dtype("<f8"),
}
"""The dtypes a checkpoint holds, and how each is written, on any machine."""

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_NEEDS = 20  # zip 2.0
_MADE_BY = 3 << 8 | 20  # on Unix, for the file mode
_MODE = 0o100644 << 16
_DATE = 1 << 5 | 1  # 1980-01-01, the first a zip can hold: the same state gives the same file
_COMMENT = "sha256:"
END_SIZE = _END.size + len(_COMMENT) + 64
HEAD_SIZE = _LOCAL.size + len(MANIFEST)
_NAME = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
_MAX_NAME, _MAX_DIMENSIONS, _MAX_ARRAYS = 250, 32, 65000


class FormatError(ValueError):
    """Bytes are not a checkpoint, or state cannot be stored as one; the message says why."""


@dataclass(frozen=True)
class Entry:
    """Manifest entry of one array."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    crc32: int
    sha256: str

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * DTYPES[self.dtype].itemsize


@dataclass(frozen=True)
class Layout:
    """Layout of a checkpoint file.

    Attributes:
        manifest: the first bytes of the file: the manifest with the header before it.
        members: for each array its entry, the offset of its header, and the header's bytes; the
            array's values follow the header.
        tail: the last bytes: central directory, end record and comment.
        size: length of the file in bytes.
    """

    manifest: bytes
    members: list[tuple[Entry, int, bytes]]
    tail: bytes
    size: int


def check_name(name: object) -> str:
    """Check the name of an array; raise FormatError if it is invalid."""
    if not isinstance(name, str) or len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        raise FormatError(f"{literal(name)} cannot be the name of an array")
    # ``np.load`` takes '.npy' off, and unzip must stay in its folder.
    parts = name.split("/")
    if name.endswith(".npy") or name == MANIFEST or "." in parts or ".." in parts:
        raise FormatError(f"{literal(name)} cannot be the name of an array")
    return name


def describe(name: str, array: np.ndarray) -> Entry:
    """Make the entry of an array in C order with a dtype of ``DTYPES``."""
    dtype, values = array.dtype.newbyteorder("=").name, raw(array)
    header = npy_header(dtype, array.shape)
    digest = hashlib.sha256(values).hexdigest()
    return Entry(name, dtype, array.shape, zlib.crc32(values, zlib.crc32(header)), digest)


def raw(array: np.ndarray) -> memoryview:
    """Bytes of an array in C order, without a copy."""
    return array.reshape(-1).view(np.uint8).data


def npy_header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Header of a .npy file, version 1.0.

    NumPy's own writer pads differently from release to release, so it is not used here.
    """
    fields = {"descr": DTYPES[dtype].str, "fortran_order": False, "shape": shape}
    text = repr(fields)
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode("ascii")


def encode_manifest(meta: Mapping[str, JSON], entries: Sequence[Entry]) -> bytes:
    """Encode the manifest as canonical JSON: sorted keys, no spaces, ASCII.

    Raises:
        FormatError: ``meta`` is not plain JSON (NaN and infinity are not), or too large.
    """
    meta = dict(meta)
    _check_json(meta, "meta")
    rows = [
        [entry.name, entry.dtype, list(entry.shape), entry.crc32, entry.sha256] for entry in entries
    ]
    content = _dump({"format": FORMAT, "version": VERSION, "meta": meta, "arrays": rows})
    if len(content) > MANIFEST_LIMIT:
        raise FormatError(f"meta takes {len(content)} bytes, more than {MANIFEST_LIMIT}")
    if len(entries) > _MAX_ARRAYS:
        raise FormatError(f"{len(entries)} arrays, more than {_MAX_ARRAYS}")
    return content


def decode_manifest(content: bytes) -> tuple[dict[str, Any], list[Entry]]:
    """Decode a manifest into meta and entries; only ``encode_manifest``'s output is accepted.

    Raises:
        FormatError: with the reason.
    """
    try:
        manifest = json.loads(content)
        same = _dump(manifest) == content
    except (ValueError, RecursionError) as exc:
        raise FormatError("its manifest is not JSON") from exc
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise FormatError(f"its manifest is not that of a {FORMAT}")
    version = manifest.get("version")
    if type(version) is not int or version != VERSION:
        raise FormatError(f"format version {literal(version)}, this program reads {VERSION}")
    meta, rows = manifest.get("meta"), manifest.get("arrays")
    known = {"format", "version", "meta", "arrays"}
    if not (same and set(manifest) == known and isinstance(meta, dict) and isinstance(rows, list)):
        raise FormatError("its manifest is not well formed")
    if len(rows) > _MAX_ARRAYS:
        raise FormatError(f"{len(rows)} arrays, more than {_MAX_ARRAYS}")
    entries = [_entry(row) for row in rows]
    for before, after in itertools.pairwise(entries):
        if before.name >= after.name:
            raise FormatError(f"its arrays are not sorted at {after.name!r}")
    return meta, entries


def layout(manifest: bytes, entries: Sequence[Entry]) -> Layout:
    """Compute every byte of the file but the arrays' values.

    Raises:
        FormatError: the file would be larger than ``SIZE_LIMIT``.
    """
    size = len(_member_header(MANIFEST, 0, 0)) + len(manifest)
    for entry in entries:
        size += _LOCAL.size + len(entry.name) + 4
        size += len(npy_header(entry.dtype, entry.shape)) + entry.nbytes
    if size > SIZE_LIMIT:
        raise FormatError(f"its arrays take {size} bytes, more than {SIZE_LIMIT}")

    crc = zlib.crc32(manifest)
    start = _member_header(MANIFEST, crc, len(manifest)) + manifest
    directory = [_directory_row(MANIFEST, crc, len(manifest), 0)]
    members, offset = [], len(start)
    for entry in entries:
        npy, name = npy_header(entry.dtype, entry.shape), entry.name + ".npy"
        length = len(npy) + entry.nbytes
        header = _member_header(name, entry.crc32, length) + npy
        members.append((entry, offset, header))
        directory.append(_directory_row(name, entry.crc32, length, offset))
        offset += len(header) + entry.nbytes
    rows = b"".join(directory)
    comment = (_COMMENT + hashlib.sha256(manifest).hexdigest()).encode("ascii")
    count = len(directory)
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, len(rows), offset, len(comment))
    tail = rows + end + comment
    return Layout(start, members, tail, offset + len(tail))


def manifest_length(head: bytes) -> int:
    """Length of the manifest, from the first ``HEAD_SIZE`` bytes of a file.

    Raises:
        FormatError: the file does not begin with a manifest, or it is too long.
    """
    if len(head) < HEAD_SIZE or head[_LOCAL.size :] != MANIFEST.encode("ascii"):
        raise FormatError(f"not a {FORMAT}, or its beginning is damaged")
    length: int = _LOCAL.unpack_from(head)[8]
    if length > MANIFEST_LIMIT:
        raise FormatError(f"its manifest takes {length} bytes, more than {MANIFEST_LIMIT}")
    return length


def check_digest(manifest: bytes, end: bytes) -> None:
    """Compare a manifest with the digest in the last ``END_SIZE`` bytes of its file.

    Raises:
        FormatError: they do not belong together.
    """
    if not end.startswith(b"PK\x05\x06"):
        raise FormatError("truncated, or its end is damaged")
    if end[-64:] != hashlib.sha256(manifest).hexdigest().encode("ascii"):
        raise FormatError("its manifest is damaged")


def _member_header(name: str, crc: int, size: int) -> bytes:
    encoded = name.encode("ascii")
    header = _LOCAL.pack(b"PK\x03\x04", _NEEDS, 0, 0, 0, _DATE, crc, size, size, len(encoded), 0)
    return header + encoded


def _directory_row(name: str, crc: int, size: int, offset: int) -> bytes:
    encoded = name.encode("ascii")
    fields = (_MADE_BY, _NEEDS, 0, 0, 0, _DATE, crc, size, size, len(encoded), 0, 0, 0, 0)
    return _CENTRAL.pack(b"PK\x01\x02", *fields, _MODE, offset) + encoded


def _entry(row: object) -> Entry:
    if not isinstance(row, list) or len(row) != 5:
        raise FormatError("its manifest describes an array wrongly")
    name, dtype, shape, crc32, sha256 = row
    check_name(name)
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise FormatError(f"array {name!r} has dtype {literal(dtype)}, not one of {_choices()}")
    if not isinstance(shape, list) or len(shape) > _MAX_DIMENSIONS:
        raise FormatError(f"array {name!r} has no valid shape")
    if not all(type(length) is int and 0 <= length < 1 << 63 for length in shape):
        raise FormatError(f"array {name!r} has no valid shape")
    # Zeros do not count here: NumPy cannot make an array of shape (0, 2**40, 2**40) either.
    if math.prod(length or 1 for length in shape) * DTYPES[dtype].itemsize >= 1 << 63:
        raise FormatError(f"array {name!r} has no valid shape")
    if type(crc32) is not int or not 0 <= crc32 < 1 << 32:
        raise FormatError(f"array {name!r} has no valid CRC-32")
    if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise FormatError(f"array {name!r} has no valid SHA-256")
    return Entry(name, dtype, tuple(shape), crc32, sha256)


def _dump(value: object) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def _check_json(value: object, where: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise FormatError(f"{where} has the key {literal(key)}, which is not a string")
            _check_json(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_json(item, f"{where}[{index}]")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise FormatError(f"{where} is {value}, which JSON cannot hold: use None")
    elif not (value is None or isinstance(value, str | int)):
        raise FormatError(f"{where} is a {type(value).__name__}, not plain JSON")


def _choices() -> str:
    return ", ".join(DTYPES)
