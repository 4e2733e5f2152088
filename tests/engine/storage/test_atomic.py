"""Atomic writing: the old file or the new one, and no litter."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from engine.storage import atomic


def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_creates_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a"
    atomic.write_atomic(path, b"one")
    atomic.write_atomic(path, lambda file: file.write(b"two"), fsync=False)
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

    monkeypatch.setattr(atomic, operation, fail)
    with pytest.raises(OSError, match="Input/output"):
        atomic.write_atomic(path, b"new")
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
        atomic.write_atomic(path, write)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_file_and_folder_are_flushed_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    for name in ("open_new", "sync", "replace", "sync_folder"):
        real = getattr(atomic, name)

        def spy(*args: object, name: str = name, real: object = real) -> object:
            calls.append(name)
            return real(*args)  # type: ignore[operator]

        monkeypatch.setattr(atomic, name, spy)
    atomic.write_atomic(tmp_path / "a", b"x")
    assert calls == ["open_new", "sync", "replace", "sync_folder"]


def test_replaces_a_link_and_not_its_target(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"mine")
    link.symlink_to(target)
    atomic.write_atomic(link, b"new")
    assert target.read_bytes() == b"mine"
    assert not link.is_symlink()


def test_a_link_of_the_users_is_written_through(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to("target")
    atomic.write_atomic(link, b"new", follow_symlinks=True)
    assert (target.read_bytes(), link.is_symlink()) == (b"new", True)
    atomic.write_atomic(link, b"newer", follow_symlinks=True)
    assert (target.read_bytes(), link.is_symlink()) == (b"newer", True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
def test_only_plain_files_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, follow: bool
) -> None:
    path = tmp_path / "x"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            monkeypatch.chdir(tmp_path)  # the path of a socket may not be long
            server.bind("x")
    else:
        try:
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))  # a null device of our own
        except PermissionError:
            pytest.skip("only root makes devices")
    before = os.lstat(path)
    with pytest.raises(OSError, match=r"it is a folder|not a plain file"):
        atomic.write_atomic(path, b"x", follow_symlinks=follow)
    assert os.path.samestat(os.lstat(path), before)
    assert names(tmp_path) == ["x"]


@pytest.mark.skipif(os.name == "nt", reason="no permissions of that kind there")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o666, 0o755, 0o444])
def test_a_rewritten_file_keeps_its_permissions(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(mode)

    def write(file: BinaryIO) -> None:
        (temporary,) = (name for name in names(tmp_path) if name != "a")
        assert stat.S_IMODE((tmp_path / temporary).stat().st_mode) == mode
        file.write(b"new")

    atomic.write_atomic(path, write)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_a_file_that_root_rewrites_stays_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    os.chown(path, 12345, 54321)
    atomic.write_atomic(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)


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
    assert {path.name for path in atomic.sweep(tmp_path)} == litter
    assert set(names(tmp_path)) == others


def test_sweep_leaves_what_this_process_is_writing(tmp_path: Path) -> None:
    def write(file: BinaryIO) -> None:
        file.write(b"x")
        assert atomic.sweep(tmp_path) == []

    atomic.write_atomic(tmp_path / "a", write)
    assert names(tmp_path) == ["a"]


def test_sweep_of_a_missing_folder_is_harmless(tmp_path: Path) -> None:
    assert atomic.sweep(tmp_path / "none") == []


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
        atomic.open_regular(path)


def test_read_limited_refuses_large_files_and_links(tmp_path: Path) -> None:
    path, link = tmp_path / "a", tmp_path / "link"
    path.write_bytes(b"12345")
    link.symlink_to(path)
    assert atomic.read_limited(path, 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        atomic.read_limited(path, 4)
    with pytest.raises(OSError, match="symbolic links"):
        atomic.read_limited(link, 5)


def test_make_folder_makes_parents_and_keeps_what_is_there(tmp_path: Path) -> None:
    atomic.make_folder(tmp_path / "a" / "b")
    (tmp_path / "a" / "b" / "file").write_bytes(b"")
    atomic.make_folder(tmp_path / "a" / "b")
    assert names(tmp_path / "a" / "b") == ["file"]


def test_a_file_in_the_way_of_a_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(NotADirectoryError, match="a is not a folder"):
        atomic.make_folder(tmp_path / "a")
    with pytest.raises(NotADirectoryError, match="a is not a folder"):
        atomic.make_folder(tmp_path / "a" / "b" / "c")
