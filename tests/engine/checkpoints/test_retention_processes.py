"""The store in processes that are killed, run out of disk, or may not write."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import engine
from tests.support.patience import PATIENCE

ROOT = Path(engine.__file__).parents[1]


def run_script(script: str, *arguments: object, **options: Any) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


KILL = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from engine.checkpoints.checkpoint import load
from engine.checkpoints.retention import CheckpointStore

folder = Path(sys.argv[1])
random.seed(0)
step = 0
for kill in range(15):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        store = CheckpointStore(folder)
        while True:
            step += 1
            arrays = {"w": np.full(20_000, step, np.float32)}
            store.save(step, arrays, {"step": step}, best=arrays)
            os.write(writer, b"%10d" % step)
    os.close(writer)
    said = os.read(reader, 10)
    time.sleep(random.random() * 0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(reader, 10):
        said = more
    os.close(reader)
    path, content, skipped = CheckpointStore(folder).latest()
    assert skipped == [], skipped
    assert content.meta["step"] >= int(said)
    assert (content.arrays["w"] == content.meta["step"]).all()
    best = load(CheckpointStore(folder).best_path)
    assert best.meta["step"] >= content.meta["step"]
    step = content.meta["step"]
store = CheckpointStore(folder)
store.save(step + 1, {}, {})
assert len(os.listdir(folder)) == 3, os.listdir(folder)
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_fifteen_kills_leave_a_valid_latest_each_time(tmp_path: Path) -> None:
    assert run_script(KILL, tmp_path) == "done\n"


FULL = """
import resource, sys
import numpy as np
from engine.errors import CheckpointError
from engine.checkpoints.retention import CheckpointStore

store = CheckpointStore(sys.argv[1])
store.save(1, {"w": np.ones(10)}, {}, best={"w": np.ones(10)})
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    store.save(2, {"w": np.ones(10_000)}, {}, best={"w": np.ones(10_000)})
except CheckpointError as exc:
    print(exc)
path, content, skipped = store.latest()
assert content.arrays["w"].tolist() == [1] * 10
assert skipped == []
"""


@pytest.mark.skipif(os.name == "nt", reason="needs file size limits")
def test_a_full_disk_keeps_the_old_checkpoints(tmp_path: Path) -> None:
    message = run_script(FULL, tmp_path)
    assert message == f"{tmp_path}/best.npz: not saved: File too large\n"
    assert sorted(os.listdir(tmp_path)) == ["best.npz", "step-00000001.npz"]


READ_ONLY = """
import os, sys
import numpy as np
from engine.errors import CheckpointError
from engine.checkpoints.retention import CheckpointStore

store = CheckpointStore("checkpoints")
store.save(1, {"w": np.ones(3)}, {})
os.chmod("checkpoints", 0o555)
CheckpointStore("locked/checkpoints").save(1, {"w": np.ones(3)}, {})
os.chmod("locked/checkpoints", 0)
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    store.save(2, {"w": np.ones(3)}, {})
except CheckpointError as exc:
    print(exc)
try:
    CheckpointStore("checkpoints/none").save(2, {"w": np.ones(3)}, {})
except CheckpointError as exc:
    print(exc)
assert store.latest()[1].arrays["w"].tolist() == [1] * 3
os.chdir("locked")
try:
    CheckpointStore("checkpoints").latest()
except CheckpointError as exc:
    print(exc)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_a_read_only_folder_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert run_script(READ_ONLY, cwd=tmp_path) == (
        "checkpoints/step-00000002.npz: not saved: Permission denied\n"
        "checkpoints/none: not saved: Permission denied\n"
        "checkpoints: Permission denied\n"
    )
