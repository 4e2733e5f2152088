"""The store: whatever fails, and whenever, there is a checkpoint to resume from."""

import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from engine.checkpoints import checkpoint
from engine.checkpoints.retention import CheckpointStore
from engine.errors import CheckpointError
from engine.storage import atomic


def state(step: int) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    return {"w": np.full(50, step, np.float32), "m": np.full((2, 3), step / 2)}, {"step": step}


def save(store: CheckpointStore, *steps: int, best: bool = False) -> None:
    for step in steps:
        arrays, meta = state(step)
        store.save(step, arrays, meta, best=arrays if best else None)


def latest_step(folder: Path) -> int | None:
    """The step of the latest checkpoint, as a new process would find it; its values are right."""
    found = CheckpointStore(folder).latest()
    if found is None:
        return None
    step: int = found[1].meta["step"]
    assert found[0] == CheckpointStore(folder).path(step)
    assert (found[1].arrays["w"] == step).all()
    return step


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_keeps_the_last_two_and_the_best(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "checkpoints")
    assert store.latest() is None
    assert not store.best_path.exists()
    save(store, 10)
    save(store, 20, best=True)
    save(store, 30, 40, 123456789)
    assert store.steps() == [40, 123456789]
    assert sorted(os.listdir(store.folder)) == [
        "best.npz",
        "step-00000040.npz",
        "step-123456789.npz",
    ]
    assert checkpoint.load(store.best_path).meta["step"] == 20
    assert latest_step(store.folder) == 123456789


def test_the_best_may_have_other_arrays(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(1, {"w": np.ones(3)}, {"step": 1}, best={"w": np.zeros(3)})
    assert checkpoint.load(store.best_path).arrays["w"].tolist() == [0, 0, 0]
    assert checkpoint.load(store.path(1)).arrays["w"].tolist() == [1, 1, 1]


def test_a_new_process_prunes_what_the_old_one_left(tmp_path: Path) -> None:
    save(CheckpointStore(tmp_path), 1, 2)
    save(CheckpointStore(tmp_path), 3)
    assert CheckpointStore(tmp_path).steps() == [2, 3]


def test_order_is_that_of_steps_whatever_the_clock_says(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    save(store, 9, 10)
    os.utime(store.path(9), (2e9, 2e9))
    os.utime(store.path(10), (0, 0))
    assert latest_step(tmp_path) == 10
    save(store, 11)
    assert store.steps() == [10, 11]


def test_a_corrupt_latest_falls_back_and_says_so(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    save(store, 1, 2)
    flip(store.path(2))
    found = CheckpointStore(tmp_path).latest()
    assert found is not None
    path, content, skipped = found
    assert path == store.path(1)
    assert content.meta == {"step": 1}
    assert len(skipped) == 1
    assert skipped[0].startswith(f"{store.path(2)}: ")
    assert skipped[0].endswith(" is damaged")


def test_after_a_fallback_the_good_one_is_kept_and_not_the_corrupt_one(tmp_path: Path) -> None:
    save(CheckpointStore(tmp_path), 100, 300)
    store = CheckpointStore(tmp_path)
    flip(store.path(300))
    save(store, 200)
    assert store.steps() == [100, 200, 300]
    save(store, 300)
    assert store.steps() == [200, 300]
    flip(store.path(300))
    restarted = CheckpointStore(tmp_path)
    save(restarted, 400)
    assert restarted.steps() == [200, 400]


def test_nothing_is_pruned_when_the_other_one_is_corrupt(tmp_path: Path) -> None:
    save(CheckpointStore(tmp_path), 1)
    flip(CheckpointStore(tmp_path).path(1))
    save(CheckpointStore(tmp_path), 2)
    assert CheckpointStore(tmp_path).steps() == [1, 2]


def test_none_that_validates_is_an_error(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    save(store, 1, 2)
    flip(store.path(1))
    flip(store.path(2))
    with pytest.raises(CheckpointError, match=r"step-00000002.npz: .* \(nor do 1 earlier ones\)"):
        CheckpointStore(tmp_path).latest()


def test_expectations_count_as_validation(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    save(store, 1)
    store.save(2, {"w": np.zeros(3, np.float32)}, {"step": 2})
    found = store.latest({"w": (np.float32, (50,)), "m": (np.float64, (2, 3))})
    assert found is not None
    assert found[1].meta == {"step": 1}
    assert "does not fit this network" in found[2][0]


def test_foreign_files_and_links_are_passed_over(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    save(store, 1)
    (tmp_path / "step-00000009.npz.bak").write_bytes(b"x")
    (tmp_path / "step-9.npz").write_bytes(b"x")
    (tmp_path / "step-000000009.npz").write_bytes(b"x")
    (tmp_path / "step-00000008.npz").mkdir()
    (tmp_path / "step-00000007.npz").symlink_to(store.path(1))
    assert store.steps() == [1]
    save(store, 10, 11, 12)
    assert len(os.listdir(tmp_path)) == 2 + 5


def test_a_link_at_the_target_is_replaced_and_what_it_points_to_kept(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine")
    store = CheckpointStore(tmp_path / "checkpoints")
    store.folder.mkdir()
    store.best_path.symlink_to(mine)
    save(store, 1, best=True)
    assert mine.read_bytes() == b"mine"


def test_non_finite_state_leaves_the_best_and_the_latest_alone(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    save(store, 1, best=True)
    broken = {"w": np.array([np.nan])}
    for best in (None, broken):
        with pytest.raises(CheckpointError, match="not finite"):
            store.save(2, broken, {}, best=best)
    assert latest_step(tmp_path) == 1
    assert sorted(os.listdir(tmp_path)) == ["best.npz", "step-00000001.npz"]


class Crash(BaseException):
    """The process is gone: nothing that comes after does anything."""


class Faults:
    """Makes the k-th operation on the disk fail; after a crash, all later ones too."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, *, crash: bool) -> None:
        self.at, self.crash, self.count = at, crash, 0
        self.names: list[str] = []
        for name in ("open_new", "sync", "replace", "sync_folder", "remove"):
            monkeypatch.setattr(atomic, name, self._wrap(name, getattr(atomic, name)))

    def tick(self, name: str) -> None:
        self.count += 1
        self.names.append(name)
        if self.crash and self.count >= self.at:
            raise Crash
        if self.count == self.at:
            raise OSError(28, "No space left on device")

    def _wrap(self, name: str, real: Any) -> Any:
        def operation(*args: Any) -> Any:
            self.tick(name)
            result = real(*args)
            return FaultyFile(result, self) if name == "open_new" else result

        return operation


class FaultyFile:
    """A file of which every write is an operation; a failing one writes half of its bytes."""

    def __init__(self, file: BinaryIO, faults: Faults) -> None:
        self._file, self._faults = file, faults

    def write(self, data: Any) -> int:
        try:
            self._faults.tick("write")
        except BaseException:
            self._file.write(bytes(data)[: len(data) // 2])
            raise
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()

    def __enter__(self) -> "FaultyFile":
        return self

    def __exit__(self, *args: object) -> None:
        self._file.close()


@pytest.mark.parametrize("crash", [False, True], ids=["error", "crash"])
def test_no_failing_operation_loses_a_generation(tmp_path: Path, crash: bool) -> None:
    failed = 0
    for at in range(1, 100):
        folder = tmp_path / str(at)
        save(CheckpointStore(folder), 1, 2, best=True)
        with pytest.MonkeyPatch.context() as monkeypatch:
            faults = Faults(monkeypatch, at, crash=crash)
            try:
                save(CheckpointStore(folder), 3, best=True)
            except (CheckpointError, Crash):
                failed += 1
        found = latest_step(folder)
        assert found in (2, 3)
        # Nothing was pruned before the new one was there.
        assert found == 3 or CheckpointStore(folder).steps() == [1, 2]
        best = checkpoint.load(CheckpointStore(folder).best_path)
        assert best.meta["step"] in (2, 3)
        if best.meta["step"] == 2:
            assert found == 2
        save(CheckpointStore(folder), 4)
        assert latest_step(folder) == 4
        assert not [name for name in os.listdir(folder) if name.endswith(".tmp")]
        if faults.count < at:
            break
    # Every kind of operation was hit, and the last round met no failure at all.
    assert set(faults.names) == {"open_new", "write", "sync", "replace", "sync_folder", "remove"}
    assert failed >= 20
    assert found == 3
