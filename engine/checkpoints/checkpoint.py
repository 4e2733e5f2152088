"""Checkpoints: arrays and counters of a run in one verified file.

The file is an .npz that ``np.load`` reads, with a manifest inside (see ``archive``). Nothing is
ever pickled. A file that was truncated, changed in any single bit, or forged is refused in one
line, before anything of a size that the file chose is allocated.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike

from engine.checkpoints import archive
from engine.checkpoints.archive import JSON, Entry, FormatError, Layout
from engine.errors import CheckpointError
from engine.sanitize import printable
from engine.storage import atomic

ALLOW_NON_FINITE = "allow_non_finite"
"""Key of ``meta`` that, when true, lets ``save`` keep NaN and infinity in arrays."""

Expected = Mapping[str, tuple[DTypeLike, tuple[int, ...]]]
"""Name of an array -> (dtype, shape): what a network can load."""

_LISTED = 10  # problems named in one message


@dataclass(frozen=True)
class Checkpoint:
    """Content of a checkpoint.

    Attributes:
        meta: counters, settings and history: plain JSON.
        arrays: the arrays by name, in the order of their names.
    """

    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]


def save(
    path: atomic.StrPath,
    arrays: Mapping[str, np.ndarray],
    meta: Mapping[str, JSON],
    *,
    follow_symlinks: bool = False,
    durable: bool = True,
) -> None:
    """Write a checkpoint, atomically and durably; the same state gives the same bytes.

    The arrays must not change during the call.

    Args:
        path: the file to create or to replace; its folder must exist. Nothing is appended to it.
        arrays: bool, uint8, int32, int64, float32 or float64, of any layout in memory. Names are
            made of ``A-Z a-z 0-9 _ . -``, with ``/`` between parts: ``model/0.weight``.
        meta: plain JSON without NaN and infinity. Tuples come back as lists.
        follow_symlinks: see ``atomic.write_atomic``.
        durable: wait for the disk; see its ``fsync``.

    Raises:
        CheckpointError: the state cannot be stored, holds a number that is not finite (unless
            ``meta["allow_non_finite"]`` is true), or the disk refused. The old file is untouched.
    """
    try:
        stored = {
            archive.check_name(name): _storable(name, array) for name, array in arrays.items()
        }
        if meta.get(ALLOW_NON_FINITE) is not True:
            _check_finite(stored)
        names = sorted(stored)
        entries = [archive.describe(name, stored[name]) for name in names]
        plan = archive.layout(archive.encode_manifest(meta, entries), entries)

        def write(file: BinaryIO) -> None:
            file.write(plan.manifest)
            for entry, _, header in plan.members:
                file.write(header)
                file.write(archive.raw(stored[entry.name]))
            file.write(plan.tail)

        atomic.write_atomic(path, write, fsync=durable, follow_symlinks=follow_symlinks)
    except FormatError as exc:
        raise CheckpointError(f"{os.fspath(path)}: not saved: {exc}") from exc
    except OSError as exc:
        raise CheckpointError(f"{os.fspath(path)}: not saved: {exc.strerror or exc}") from exc


def load(
    path: atomic.StrPath,
    expect: Expected | None = None,
    *,
    only: str | tuple[str, ...] = "",
    skip: tuple[str, ...] = (),
) -> Checkpoint:
    """Read a checkpoint and verify it.

    Args:
        path: the file.
        expect: the arrays there must be, no more and no fewer, each with dtype and shape. It is
            compared before anything is allocated. Without it, the size of the file is the limit.
        only: a prefix, or several: read (and expect) just the arrays whose names begin so. The
            values of the others are then not read, and not verified.
        skip: prefixes of those that are not read (nor expected) in spite of ``only``.

    Raises:
        CheckpointError: missing, unreadable, damaged, or not what ``expect`` says.
    """
    try:
        with atomic.open_regular(path) as file:
            meta, plan, end = _read_plan(file)
            wanted = {
                entry.name
                for entry, _, _ in plan.members
                if entry.name.startswith(only) and not entry.name.startswith(skip)
            }
            if expect is not None:
                members = [entry for entry, _, _ in plan.members if entry.name in wanted]
                _check_expected(members, expect)
            _compare(file, 0, plan.manifest, "its beginning is damaged")
            arrays = {}
            for entry, offset, header in plan.members:
                _compare(file, offset, header, f"the header of {entry.name!r} is damaged")
                if entry.name in wanted:
                    arrays[entry.name] = _read_array(file, entry)
            _compare(file, end, plan.tail, "its directory is damaged")
    except FormatError as exc:
        raise CheckpointError(f"{os.fspath(path)}: {exc}") from exc
    except OSError as exc:
        raise CheckpointError(f"{os.fspath(path)}: {reason_of(exc)}") from exc
    except MemoryError as exc:
        raise CheckpointError(f"{os.fspath(path)}: does not fit into memory") from exc
    return Checkpoint(meta, arrays)


def read_meta(path: atomic.StrPath) -> dict[str, Any]:
    """Read the ``meta`` of a checkpoint; the arrays are neither read nor verified.

    Raises:
        CheckpointError: missing, unreadable, truncated, or with a damaged manifest.
    """
    return _read_head(path)[0]


def read_table(path: atomic.StrPath) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Read dtype and shape of every array by name; the arrays are neither read nor verified.

    Raises:
        CheckpointError: as ``read_meta``.
    """
    _, plan = _read_head(path)
    return {entry.name: (entry.dtype, entry.shape) for entry, _, _ in plan.members}


def expected(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
    """Table of dtypes and shapes for ``load`` that fits these arrays."""
    return {name: (array.dtype, array.shape) for name, array in arrays.items()}


def _read_head(path: atomic.StrPath) -> tuple[dict[str, Any], Layout]:
    try:
        with atomic.open_regular(path) as file:
            return _read_plan(file)[:2]
    except FormatError as exc:
        raise CheckpointError(f"{os.fspath(path)}: {exc}") from exc
    except OSError as exc:
        raise CheckpointError(f"{os.fspath(path)}: {reason_of(exc)}") from exc


def _storable(name: str, array: np.ndarray) -> np.ndarray:
    """Convert an array to C order and a dtype of the format, without a copy if possible."""
    plain = np.asarray(array)
    kind = plain.dtype.newbyteorder("=").name
    if kind not in archive.DTYPES:
        choices = ", ".join(archive.DTYPES)
        raise FormatError(f"array {name!r} has dtype {plain.dtype}, not one of {choices}")
    # Not np.ascontiguousarray: it makes a vector of a scalar.
    return np.asarray(plain, dtype=archive.DTYPES[kind], order="C")


def _check_finite(arrays: Mapping[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            count = array.size - np.count_nonzero(np.isfinite(array))
            raise FormatError(f"array {name!r} holds {count} numbers that are not finite")


def _read_plan(file: BinaryIO) -> tuple[dict[str, Any], Layout, int]:
    """Read meta, the layout that the manifest implies, and the offset of the tail."""
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        raise FormatError("the file is empty")
    length = archive.manifest_length(file.read(archive.HEAD_SIZE))
    if size < archive.HEAD_SIZE + length + archive.END_SIZE:
        raise FormatError("truncated, or its beginning is damaged")
    manifest = file.read(length)
    file.seek(size - archive.END_SIZE)
    archive.check_digest(manifest, file.read(archive.END_SIZE))
    meta, entries = archive.decode_manifest(manifest)
    plan = archive.layout(manifest, entries)
    if plan.size != size:
        raise FormatError(f"the file has {size} bytes, its manifest says {plan.size}")
    return meta, plan, size - len(plan.tail)


def _compare(file: BinaryIO, offset: int, content: bytes, problem: str) -> None:
    """Compare the bytes at ``offset``; the file is then positioned behind them."""
    file.seek(offset)
    if file.read(len(content)) != content:
        raise FormatError(problem)


def _read_array(file: BinaryIO, entry: Entry) -> np.ndarray:
    array = np.empty(entry.shape, archive.DTYPES[entry.dtype])
    values = archive.raw(array)
    # A buffered reader fills the buffer or has come to the end of the file.
    if file.readinto(values) != entry.nbytes:  # type: ignore[attr-defined]
        raise FormatError("truncated while it was read")
    if hashlib.sha256(values).hexdigest() != entry.sha256:
        raise FormatError(f"array {entry.name!r} is damaged")
    # NumPy computes with a bool as with the byte it is, and 2 is neither true nor false.
    if entry.dtype == "bool" and array.view(np.uint8).max(initial=0) > 1:
        raise FormatError(f"array {entry.name!r} holds bytes that are no bool")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _check_expected(entries: list[Entry], expect: Expected) -> None:
    problem = mismatch(
        {entry.name: (entry.dtype, entry.shape) for entry in entries},
        {name: (np.dtype(dtype).name, tuple(shape)) for name, (dtype, shape) in expect.items()},
    )
    if problem:
        raise FormatError(problem)


def mismatch(
    found: Mapping[str, tuple[str, tuple[int, ...]]],
    expect: Mapping[str, tuple[str, tuple[int, ...]]],
) -> str:
    """How the arrays of a file differ from those of a network, in one line; empty if they do not.

    Args:
        found: name of an array -> (name of the dtype, shape) in the file.
        expect: the same of the network.
    """
    problems = differences(found, expect)
    if not problems:
        return ""
    more = f"; and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
    return "does not fit this network: " + "; ".join(problems[:_LISTED]) + more


def differences(
    found: Mapping[str, tuple[str, tuple[int, ...]]],
    expect: Mapping[str, tuple[str, tuple[int, ...]]],
) -> list[str]:
    """As ``mismatch``, with a line for each array."""
    problems = []
    for name, (dtype, shape) in expect.items():
        if name not in found:
            problems.append(f"{name} is missing, of shape {shape}")
            continue
        its_dtype, its_shape = found[name]
        if its_shape != shape:
            problems.append(f"{name} has shape {its_shape}, expected {shape}")
        elif its_dtype != dtype:
            problems.append(f"{name} is {its_dtype}, expected {dtype}")
    return problems + [
        f"{printable(name, 100)} is not expected, of shape {shape}"
        for name, (_, shape) in found.items()
        if name not in expect
    ]


def reason_of(exc: OSError) -> str:
    """Reason why the system refused a file, in a few words."""
    if isinstance(exc, FileNotFoundError):
        return "no such file"
    return exc.strerror or str(exc)
