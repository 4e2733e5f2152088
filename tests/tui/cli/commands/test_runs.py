"""``runs list``, ``show`` and ``compare``."""

import json
import re
import shutil
from pathlib import Path

import pytest

from engine.errors import EngineError
from engine.events import EpochEnded, Event
from engine.numbers import duration
from engine.services.trained import find_trained
from engine.storage.locks import Lock
from engine.train.session import TrainingSession
from tests.support.command_runs import make_config, make_runs, speak
from tests.support.run_makers import add_film, make_run
from tui.cli.commands import runs
from tui.cli.commands.evaluate import evaluate
from tui.cli.commands.resume import resume
from tui.cli.verifying import verify


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_runs(tmp_path_factory.mktemp("runs"))


def test_list_shows_all_the_newest_first(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys)
    assert runs.list_all(root, spoken.out) == 0
    lines = spoken.read()[0].splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [
        ["20250104-000000-d-0004", "broken"],
        ["20250103-000000-gamma-0003", "interrupted"],
        ["20250102-000000-beta-0002", "finished"],
        ["20250101-000000-alpha-0001", "finished"],
    ]
    spoken = speak(capsys, as_json=True)
    runs.list_all(root, spoken.out)
    assert [line["status"] for line in spoken.lines()] == [
        None,
        "interrupted",
        "finished",
        "finished",
    ]


def test_an_empty_folder_or_none_has_no_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for root in (tmp_path, tmp_path / "none"):
        spoken = speak(capsys)
        assert runs.list_all(root, spoken.out) == 0
        assert spoken.read() == ("", f"{root}: no runs yet\n")


def test_show_tells_the_record_and_the_epochs(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = speak(capsys)
    assert runs.show(root, "alpha", spoken.out) == 0
    facts, epochs = spoken.read()[0].split("\n\n")
    told = dict(line.split(maxsplit=1) for line in facts.splitlines())
    assert told["run"] == "20250101-000000-alpha-0001"
    assert (told["status"], told["seed"], told["parameters"]) == ("finished", "0", "7850")
    assert [line.split()[0] for line in epochs.splitlines()] == ["epoch", "1", "2"]
    record = json.loads((root / told["run"] / "run.json").read_text())
    assert told["time"] == duration(record["seconds"])
    assert float(told["test_acc"]) == pytest.approx(record["test"]["test_acc"], rel=1e-3)
    assert float(told["val_acc"]) == pytest.approx(record["best"]["val_acc"], rel=1e-3)
    spoken = speak(capsys, as_json=True)
    runs.show(root, "gamma", spoken.out)
    (line,) = spoken.lines()
    assert line["status"] == "interrupted"
    assert [row["epoch"] for row in line["epochs_log"]] == [1, 2]


def test_show_tells_how_long_the_film_is_and_shows_the_rest_where_it_cannot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "runs", "20260102-030405-conv-00aa")
    add_film(run, epochs=2)
    spoken = speak(capsys)
    runs.show(run.parent, "conv", spoken.out)
    assert re.search(r"^film +4 frames, \d[\d.]* KB$", spoken.read()[0], re.MULTILINE)
    spoken = speak(capsys, as_json=True)
    runs.show(run.parent, "conv", spoken.out)
    taken = sum(path.stat().st_size for path in (run / "film").iterdir())
    assert spoken.lines()[0]["film"] == {"frames": 4, "bytes": taken}
    (run / "film").rename(tmp_path / "elsewhere")
    (run / "film").symlink_to(tmp_path / "elsewhere")
    spoken = speak(capsys)
    assert runs.show(run.parent, "conv", spoken.out) == 0
    shown = spoken.read()[0]
    assert "it is a symbolic link; expected a folder" in shown
    assert "epoch " in shown


def test_a_frame_of_a_copied_run_is_evaluated_as_any_weights_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "runs")
    add_film(run)
    elsewhere = tmp_path / "of another machine" / run.name
    shutil.copytree(run, elsewhere)
    shutil.rmtree(run)
    spoken = speak(capsys)
    config, weights = find_trained(str(elsewhere / "film" / "step-00000001.npz"), None, None, [])
    assert evaluate(config, weights, spoken.out) == 0
    assert "test_acc" in spoken.read()[0]


def test_compare_shows_what_differs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys)
    assert runs.compare(root, ["alpha", "beta", "gamma"], spoken.out) == 0
    out, _ = spoken.read()
    assert "-train: {" in out or "-  lr: 0.05" in out
    assert "+name: beta" in out
    assert "20250103-000000-gamma-0003: the same config" in out


@pytest.fixture
def half(root: Path, tmp_path: Path) -> Path:
    """The folder of two runs: a finished one, and one under way with a rate set by hand."""
    shutil.copytree(root / "20250101-000000-alpha-0001", tmp_path / "20250101-000000-alpha-0001")
    path = tmp_path / "20250105-000000-half-0005"
    config = make_config(tmp_path / "made", "name=half", "train.epochs=4")

    def tell(event: Event) -> None:
        if isinstance(event, EpochEnded):
            if event.epoch == 1:
                session.controls.set_lr(0.0125)
            else:
                session.controls.stop("test")

    session = TrainingSession(config, on_event=tell)
    ended = session.run()
    shutil.move(ended.run_dir, path)
    record = json.loads((path / "run.json").read_text())
    for key in ("epochs", "best", "final", "test", "seconds", "provenance"):
        del record[key]
    (path / "run.json").write_text(json.dumps(record | {"status": "running"}))
    return tmp_path


def test_a_run_under_way_is_told_as_far_as_it_has_come(
    half: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Lock(half / "20250105-000000-half-0005" / ".lock"):
        spoken = speak(capsys)
        runs.list_all(half, spoken.out)
        line = spoken.read()[0].splitlines()[1].split()
        assert line[:2] == ["20250105-000000-half-0005", "running"]
        assert line[4] == "2"
        assert float(line[5]) > 0
        spoken = speak(capsys, as_json=True)
        runs.show(half, "half", spoken.out)
        (record,) = spoken.lines()
        assert (record["epochs"], record["final"]["epoch"]) == (2, 2)
        spoken = speak(capsys)
        runs.compare(half, ["half", "alpha"], spoken.out)
        row = spoken.read()[0].splitlines()[1].split()
        assert row[:2] == ["20250105-000000-half-0005", "running"]
        assert len(row) == 5  # all numbers but that of the test set


def test_a_learning_rate_set_by_hand_is_told(
    half: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = speak(capsys)
    runs.show(half, "half", spoken.out)
    assert "lr by hand  0.0125 from epoch 2\n" in spoken.read()[0]
    runs.compare(half, ["half", "alpha"], spoken.out)
    lines = spoken.read()[0].splitlines()
    assert lines[-2:] == [
        "  20250105-000000-half-0005: 0.0125 from epoch 2",
        "  20250101-000000-alpha-0001: none",
    ]
    runs.show(half, "alpha", spoken.out)
    assert "lr by hand" not in spoken.read()[0]


@pytest.mark.parametrize("name", ["config.yaml", "metrics.csv", "run.json"])
@pytest.mark.parametrize("how", ["folder", "link", "bytes"])
def test_a_file_of_a_run_that_cannot_be_read_is_3(
    root: Path, tmp_path: Path, name: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "20250101-000000-alpha-0001"
    shutil.copytree(root / run.name, run)
    (run / name).rename(run / "other")
    if how == "folder":
        (run / name).mkdir()
    elif how == "link":
        (run / name).symlink_to(run / "other")
    else:
        (run / name).write_bytes(b"\xff\xfe")
    out = speak(capsys).out
    for command in (
        lambda: runs.show(tmp_path, run.name, out),
        lambda: runs.compare(tmp_path, [run.name, run.name], out),
        lambda: verify(tmp_path, run.name, out, epochs=1),
        # A record that cannot be written is a failed run, not an unreadable one.
        lambda: 3 if name == "run.json" else resume(run, out, ["train.workers=1"]),
    ):
        try:
            code = command()
        except EngineError as error:
            code = error.exit_code
        assert code in (0, 3)
