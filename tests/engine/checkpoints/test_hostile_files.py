"""Checkpoints made by someone who wishes no good: one line, no code run, no memory taken."""

import hashlib
import io
import pickle
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.checkpoints import archive, checkpoint
from engine.checkpoints.archive import Entry
from engine.errors import CheckpointError

LIMIT = 8 << 20
"""Bytes that refusing a file may take at most."""


@pytest.fixture
def refuse() -> Callable[..., str]:
    """Load a file, see it refused in little memory, and give the reason."""

    def run(path: Path, **kwargs: object) -> str:
        tracemalloc.start()
        try:
            with pytest.raises(CheckpointError) as info:
                checkpoint.load(path, **kwargs)  # type: ignore[arg-type]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < LIMIT
        assert "\n" not in str(info.value)
        return str(info.value).removeprefix(f"{path}: ")

    return run


def forge(path: Path, entries: list[Entry], values: list[bytes], manifest: bytes = b"") -> None:
    """A file that is right in itself, whatever its manifest says."""
    manifest = manifest or archive.encode_manifest({}, entries)
    plan = archive.layout(manifest, entries)
    pieces = [plan.manifest]
    for (_, _, header), value in zip(plan.members, values, strict=True):
        pieces += [header, value]
    path.write_bytes(b"".join([*pieces, plan.tail]))


def entry(name: str, dtype: str, shape: tuple[int, ...], value: bytes) -> Entry:
    crc = zlib.crc32(value, zlib.crc32(archive.npy_header(dtype, shape)))
    return Entry(name, dtype, shape, crc, hashlib.sha256(value).hexdigest())


def manifest_of(path: Path, manifest: bytes) -> None:
    """A file with this manifest, which is not empty, and nothing else."""
    forge(path, [], [], manifest)


def test_forging_works(tmp_path: Path) -> None:
    value = np.arange(3, dtype=np.float32).tobytes()
    forge(tmp_path / "a", [entry("w", "float32", (3,), value)], [value])
    assert checkpoint.load(tmp_path / "a").arrays["w"].tolist() == [0, 1, 2]


def test_a_gigabyte_is_not_allocated(tmp_path: Path, refuse: Callable[..., str]) -> None:
    path = tmp_path / "a"
    forge(path, [entry("w", "float32", (1 << 28,), b"")], [b"x" * 1000])
    assert "its manifest says 1073" in refuse(path)


def test_a_gigabyte_that_is_there_is_not_allocated_when_unexpected(
    tmp_path: Path, refuse: Callable[..., str]
) -> None:
    path = tmp_path / "a"
    big = entry("w", "float32", (1 << 28,), b"")
    plan = archive.layout(archive.encode_manifest({}, [big]), [big])
    with path.open("wb") as file:  # a sparse file: it takes no room on the disk
        file.write(plan.manifest + plan.members[0][2])
        file.seek(plan.size - len(plan.tail))
        file.write(plan.tail)
    reason = refuse(path, expect={"w": (np.float32, (3,))})
    assert reason.endswith("w has shape (268435456,), expected (3,)")


def test_plain_npz_with_a_lying_header(tmp_path: Path, refuse: Callable[..., str]) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("w.npy", archive.npy_header("float32", (1 << 28,)))
    assert refuse(path).startswith("not a cnn-tui checkpoint")


def test_nothing_is_unpickled(tmp_path: Path, refuse: Callable[..., str]) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "ran",))  # type: ignore[return-value]

    path = tmp_path / "a.npz"
    np.savez(path, w=np.array([Bomb()], dtype=object), allow_pickle=True)
    refuse(path)
    path.write_bytes(pickle.dumps(Bomb()))
    refuse(path)
    npy = io.BytesIO()
    np.save(npy, np.array([Bomb()], dtype=object), allow_pickle=True)
    value = npy.getvalue()
    forge(path, [entry("w", "uint8", (len(value),), value)], [value])
    checkpoint.load(path)
    assert not (tmp_path / "ran").exists()


def rezip(source: Path, target: Path, **options: int) -> zipfile.ZipFile:
    """The members of a checkpoint in a zip that Python's own module writes."""
    with zipfile.ZipFile(source) as old:
        new = zipfile.ZipFile(target, "w")
        new.comment = old.comment
        for name in old.namelist():
            new.writestr(name, old.read(name), **options)
    return new


def test_foreign_zips_of_the_same_content_are_refused(
    tmp_path: Path, refuse: Callable[..., str]
) -> None:
    source, path = tmp_path / "a", tmp_path / "b"
    checkpoint.save(source, {"w": np.zeros(20_000_000, np.uint8)}, {})
    rezip(source, path, compress_type=zipfile.ZIP_DEFLATED).close()
    assert path.stat().st_size < 100_000
    refuse(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("extra", ["w.npy", "manifest.json", "hidden.npy", "../../evil"])
def test_extra_and_duplicate_members_are_refused(
    tmp_path: Path, refuse: Callable[..., str], extra: str
) -> None:
    source, path = tmp_path / "a", tmp_path / "b"
    checkpoint.save(source, {"w": np.zeros(3, np.float32)}, {})
    file = rezip(source, path)
    file.writestr(extra, b"surprise")
    file.close()
    refuse(path)


ROW = '["w","float32",[3],0,"' + "0" * 64 + '"]'


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (" ", "not JSON"),
        ("[" * 200_000, "not JSON"),
        ('{"version":' + "9" * 5000 + "}", "not JSON"),
        ("[]", "not that of"),
        ('{"format":"zip"}', "not that of"),
        ('{"arrays":[],"format":"cnn-tui checkpoint","meta":{},"version":2}', "this program reads"),
        ('{"arrays":[],"format":"cnn-tui checkpoint","meta":{},"version":true}', "version True"),
        ('{"arrays":[],"format":"cnn-tui checkpoint","meta":[],"version":1}', "not well formed"),
        ('{"arrays":{},"format":"cnn-tui checkpoint","meta":{},"version":1}', "not well formed"),
        ('{"arrays":[],"format":"cnn-tui checkpoint","version":1}', "not well formed"),
        ('{"arrays":[],"format":"cnn-tui checkpoint","meta":{},"version":1} ', "not well formed"),
        ('{"arrays":[],"format":"cnn-tui checkpoint","meta":{},"more":0,"version":1}', "not well"),
        (
            '{"arrays":[],"format":"cnn-tui checkpoint","meta":{"a":1,"a":2},"version":1}',
            "not well formed",
        ),
        ('{"arrays":[],"format":"cnn-tui checkpoint","meta":{"a":NaN},"version":1}', "not JSON"),
        ('{"arrays":[],"format":"cnn-tui checkpoint","meta":{"a":1e999},"version":1}', "not JSON"),
    ],
    ids=range(15),
)
def test_manifests_that_are_none(
    tmp_path: Path, refuse: Callable[..., str], manifest: str, reason: str
) -> None:
    manifest_of(tmp_path / "a", manifest.encode())
    assert reason in refuse(tmp_path / "a")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1", "describes an array wrongly"),
        ("[]", "describes an array wrongly"),
        (ROW.replace('"w"', "7"), "name of an array"),
        (ROW.replace('"w"', '"../w"'), "name of an array"),
        (ROW.replace('"w"', '"\\u001b[2J"'), "name of an array"),
        (ROW.replace("float32", "object"), "has dtype"),
        (ROW.replace('"float32"', "[[]]"), "has dtype"),
        (ROW.replace("[3]", "3"), "no valid shape"),
        (ROW.replace("[3]", "[-1]"), "no valid shape"),
        (ROW.replace("[3]", "[3.0]"), "no valid shape"),
        (ROW.replace("[3]", "[true]"), "no valid shape"),
        (ROW.replace("[3]", f"[0,{1 << 40},{1 << 40}]"), "no valid shape"),
        (ROW.replace("[3]", f"[{1 << 64}]"), "no valid shape"),
        (ROW.replace("[3]", str([1] * 33).replace(" ", "")), "no valid shape"),
        (ROW.replace("[3]", f"[{1 << 31}]"), "take 8589"),
        (ROW.replace(",0,", ",-1,"), "no valid CRC-32"),
        (ROW.replace(",0,", f",{1 << 32},"), "no valid CRC-32"),
        (ROW.replace("0" * 64, "0" * 63), "no valid SHA-256"),
        (f"{ROW},{ROW}", "not sorted at 'w'"),
        (ROW.replace('"w"', '"x"') + f",{ROW}", "not sorted at 'w'"),
        (",".join(["[]"] * 65001), "65001 arrays"),
    ],
    ids=range(21),
)
def test_manifests_that_describe_arrays_wrongly(
    tmp_path: Path, refuse: Callable[..., str], row: str, reason: str
) -> None:
    text = f'{{"arrays":[{row}],"format":"cnn-tui checkpoint","meta":{{}},"version":1}}'
    manifest_of(tmp_path / "a", text.encode())
    message = refuse(tmp_path / "a")
    assert reason in message
    assert "\x1b" not in message


def test_a_manifest_without_end_is_not_read(tmp_path: Path, refuse: Callable[..., str]) -> None:
    size = archive.MANIFEST_LIMIT + 1
    manifest_of(tmp_path / "a", b" " * size)
    limit = archive.MANIFEST_LIMIT
    assert refuse(tmp_path / "a") == f"its manifest takes {size} bytes, more than {limit}"


def test_a_bool_is_true_or_false(tmp_path: Path, refuse: Callable[..., str]) -> None:
    forge(tmp_path / "a", [entry("w", "bool", (2,), b"\1\2")], [b"\1\2"])
    assert refuse(tmp_path / "a") == "array 'w' holds bytes that are no bool"


def test_read_meta_refuses_too(tmp_path: Path) -> None:
    manifest_of(tmp_path / "a", b"[]")
    with pytest.raises(CheckpointError, match="not that of"):
        checkpoint.read_meta(tmp_path / "a")
