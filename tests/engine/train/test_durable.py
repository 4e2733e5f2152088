"""Atomic writing: the old file or the new one, and no litter."""

import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from engine.train import durable


def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_creates_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a"
    durable.write_atomic(path, b"one")
    durable.write_atomic(path, lambda file: file.write(b"two"), fsync=False)
    assert path.read_bytes() == b"two"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("operation", ["open_new", "sync", "replace"])
def test_failed_operation_keeps_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail(*args: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(durable, operation, fail)
    with pytest.raises(OSError, match="Input/output"):
        durable.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failing_writer_keeps_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def write(file: BinaryIO) -> None:
        file.write(b"half")
        raise error

    with pytest.raises(error):
        durable.write_atomic(path, write)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_file_and_folder_are_flushed_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    for name in ("open_new", "sync", "replace", "sync_folder"):
        real = getattr(durable, name)

        def spy(*args: object, name: str = name, real: object = real) -> object:
            calls.append(name)
            return real(*args)  # type: ignore[operator]

        monkeypatch.setattr(durable, name, spy)
    durable.write_atomic(tmp_path / "a", b"x")
    assert calls == ["open_new", "sync", "replace", "sync_folder"]


def test_replaces_a_link_and_not_its_target(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"mine")
    link.symlink_to(target)
    durable.write_atomic(link, b"new")
    assert target.read_bytes() == b"mine"
    assert not link.is_symlink()


def test_sweep_takes_only_files_of_dead_writers(tmp_path: Path) -> None:
    dead = dead_pid()
    litter = {
        f".cnn-tui-{dead}-0123abcd.tmp",
        f".cnn-tui-{os.getpid()}-0123abcd.tmp",  # an earlier process with this id
        ".cnn-tui-9999999999-0123abcd.tmp",  # no such id can exist
    }
    others = {
        f".cnn-tui-{os.getppid()}-0123abcd.tmp",
        f".cnn-tui-{dead}-0123abcd.tmp.bak",
        f"cnn-tui-{dead}-0123abcd.tmp",
        "step-00000001.npz",
    }
    for name in litter | others:
        (tmp_path / name).write_bytes(b"x")
    assert {path.name for path in durable.sweep(tmp_path)} == litter
    assert set(names(tmp_path)) == others


def test_sweep_leaves_what_this_process_is_writing(tmp_path: Path) -> None:
    def write(file: BinaryIO) -> None:
        file.write(b"x")
        assert durable.sweep(tmp_path) == []

    durable.write_atomic(tmp_path / "a", write)
    assert names(tmp_path) == ["a"]


def test_sweep_of_a_missing_folder_is_harmless(tmp_path: Path) -> None:
    assert durable.sweep(tmp_path / "none") == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_only_regular_files_are_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")
    with pytest.raises(OSError, match="not a regular file"):
        durable.open_regular(path)


def test_read_limited_refuses_large_files_and_links(tmp_path: Path) -> None:
    path, link = tmp_path / "a", tmp_path / "link"
    path.write_bytes(b"12345")
    link.symlink_to(path)
    assert durable.read_limited(path, 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        durable.read_limited(path, 4)
    with pytest.raises(OSError, match="symbolic links"):
        durable.read_limited(link, 5)


def test_make_folder_makes_parents_and_keeps_what_is_there(tmp_path: Path) -> None:
    durable.make_folder(tmp_path / "a" / "b")
    (tmp_path / "a" / "b" / "file").write_bytes(b"")
    durable.make_folder(tmp_path / "a" / "b")
    assert names(tmp_path / "a" / "b") == ["file"]
