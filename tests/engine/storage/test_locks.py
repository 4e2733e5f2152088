"""The lock between processes."""

import os
from pathlib import Path

import pytest

from engine.storage import locks
from engine.storage.locks import Lock, LockHeldError, holder, is_held


def test_it_excludes_until_it_is_released(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    assert holder(path) is None
    with Lock(path) as lock:
        assert is_held(path)
        assert holder(path) == os.getpid()
        assert path.read_text() == f"{os.getpid()}\n"
        with pytest.raises(LockHeldError, match=f"in use by process {os.getpid()}") as info:
            Lock(path, wait=0.02)
        assert info.value.pid == os.getpid()
        lock.release()
        assert not is_held(path)
        assert holder(path) is None, "its number is still in the file"
        Lock(path).release()
    assert path.exists()


def test_a_holder_that_cannot_be_read_is_another_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with Lock(path):
        path.write_text("?")
        with pytest.raises(LockHeldError, match="in use by another process"):
            Lock(path, wait=0)


def test_a_file_that_was_deleted_meanwhile_locks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    real = locks._try_lock
    calls: list[bool] = []

    def deleted_first(file, *, shared: bool = False) -> bool:  # type: ignore[no-untyped-def]
        if not calls:
            path.unlink()
        calls.append(shared)
        return real(file, shared=shared)

    monkeypatch.setattr(locks, "_try_lock", deleted_first)
    with Lock(path):
        assert len(calls) == 2
        assert path.exists()
        assert is_held(path)
