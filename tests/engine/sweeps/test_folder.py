"""The folder of a sweep: one process at a time, and never another sweep than it began with."""

import json
import os
import shutil
from pathlib import Path

import pytest

from engine.errors import ConfigError, RunError, UnreadableRunError
from engine.runs.directory import RunDir
from engine.sweeps.folder import SweepFolder, can_resume, remove_beginning, resume_command
from tests.support.sweeps import make_folder, recipe, trials


def change(folder: Path, **values: object) -> None:
    path = folder / "sweep.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_what_was_made_is_found_again(tmp_path: Path) -> None:
    with make_folder(tmp_path / "s", "train.lr=0.1,0.2", "seed=1..2") as made:
        pass
    with SweepFolder.open(tmp_path / "s") as opened:
        assert (opened.trials, opened.recipe, opened.jobs) == (made.trials, made.recipe, 1)
        assert opened.trials[0].config.runs_dir == tmp_path / "s" / "runs"


def test_a_new_folder_is_named_after_time_and_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = recipe("seed=1..2")
    with SweepFolder.create(None, one, trials("seed=1..2"), 1) as folder:
        assert folder.path.parent == tmp_path / "sweeps"
        assert folder.path.name[15:-4] == "-tiny-"
        assert resume_command(folder.path) == f"cnn-tui sweep --resume sweeps/{folder.path.name}"


def test_a_second_sweep_in_a_folder_is_refused_in_a_line(tmp_path: Path) -> None:
    with make_folder(tmp_path / "s", "seed=1..2"), pytest.raises(RunError) as error:
        SweepFolder.open(tmp_path / "s")
    holder = f"in use by process {os.getpid()}, which trains this sweep; stop it first"
    assert str(error.value) == f"{tmp_path / 's'}: {holder}"
    SweepFolder.open(tmp_path / "s").close()


def test_a_folder_with_something_in_it_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty, nothing was changed"):
        make_folder(tmp_path, "seed=1..2")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_sweep_is_not_written_over(tmp_path: Path) -> None:
    make_folder(tmp_path / "s", "seed=1..2").close()
    before = (tmp_path / "s" / "sweep.json").read_bytes()
    with pytest.raises(ConfigError, match="a sweep is in it, nothing was changed"):
        make_folder(tmp_path / "s", "seed=1..3")
    assert (tmp_path / "s" / "sweep.json").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{", "damaged"),
        (b"[" * 10_000, "damaged"),
        (b"{}", "damaged: version: Field required"),
        (b"\xff", "damaged"),
    ],
)
def test_a_damaged_manifest_is_one_line(tmp_path: Path, text: bytes, said: str) -> None:
    (tmp_path / "sweep.json").write_bytes(text)
    with pytest.raises(UnreadableRunError, match=said) as error:
        SweepFolder.open(tmp_path)
    assert "\n" not in str(error.value)


def test_a_folder_without_a_manifest_is_no_sweep(tmp_path: Path) -> None:
    with pytest.raises(UnreadableRunError, match=r"it has no sweep\.json"):
        SweepFolder.open(tmp_path)


def test_a_changed_config_is_refused(tmp_path: Path) -> None:
    with make_folder(tmp_path / "s", "seed=1..2") as folder:
        text = folder.recipe.text
    change(tmp_path / "s", config=text.replace("lr: 0.05", "lr: 0.06"))
    with pytest.raises(ConfigError, match=r"it was changed: trial 1 \(seed=1\)"):
        SweepFolder.open(tmp_path / "s")
    change(tmp_path / "s", config=text)
    SweepFolder.open(tmp_path / "s").close()


def test_another_working_folder_is_refused_unless_the_first_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = tmp_path / "a folder"
    began.mkdir()
    monkeypatch.chdir(began)
    make_folder(Path("s"), "seed=1..2").close()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"resume with: cd '.*a folder' && cnn-tui sweep"):
        SweepFolder.open(began / "s")
    shutil.move(began, tmp_path / "moved")
    SweepFolder.open(tmp_path / "moved" / "s").close()


def test_the_run_that_came_farthest_is_that_of_the_trial(tmp_path: Path) -> None:
    with make_folder(tmp_path / "s", "seed=1..2") as folder:
        for status in ("failed", "finished", "stopped"):
            with RunDir.create(folder.runs, "tiny-002") as run:
                run.write_record({"status": status})
        RunDir.create(folder.runs, "another").close()
        assert {index: info.status for index, info in folder.found().items()} == {2: "finished"}


def test_a_run_with_another_config_is_refused(tmp_path: Path) -> None:
    import engine

    with make_folder(tmp_path / "s", "seed=1..2") as folder:
        own = {"status": "finished", "version": engine.__version__}
        with RunDir.create(folder.runs, "tiny-002") as run:
            run.write_record({**own, "config_hash": folder.trials[1].hash})
            folder.check_runs(folder.found())
            run.write_record({**own, "config_hash": folder.trials[0].hash})
            with pytest.raises(ConfigError, match=r"not that of trial 2 \(seed=2\)"):
                folder.check_runs(folder.found())


def test_only_what_holds_nothing_is_removed(tmp_path: Path) -> None:
    with make_folder(tmp_path / "s", "seed=1..2") as folder:
        paths = {}
        for name, file in (("tiny-001", None), ("tiny-002", "checkpoints/step-00000002.npz")):
            with RunDir.create(folder.runs, name) as run:
                if file is not None:
                    (run.path / file).parent.mkdir()
                    (run.path / file).write_bytes(b"not read here")
                paths[name] = run.path
        found = folder.found()
        assert {index: can_resume(info) for index, info in found.items()} == {1: False, 2: True}
        for info in found.values():
            remove_beginning(info)
        assert {name: path.exists() for name, path in paths.items()} == {
            "tiny-001": False,
            "tiny-002": True,
        }
