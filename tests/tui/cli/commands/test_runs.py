"""``runs list``, ``show``, ``compare``, and finding a run by a part of its name."""

import json
import os
import shutil
from pathlib import Path

import pytest

from engine.errors import CheckpointError, ConfigError, EngineError
from engine.events import EpochEnded, Event
from engine.numbers import duration
from engine.services.runs import find_run
from engine.services.trained import find_trained
from engine.storage.locks import Lock
from engine.train.session import TrainingSession
from engine.train.weights import load_model
from tests.support.command_runs import make_config, run, speak
from tui.cli.commands import runs
from tui.cli.commands.resume import resume
from tui.cli.commands.runs import verify


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished runs, one that was killed, one whose record is broken."""
    folder = tmp_path_factory.mktemp("runs")
    first = run(folder, "name=alpha")
    root = first.parent
    first.rename(root / "20250101-000000-alpha-0001")
    run(folder, "name=beta", "train.lr=0.1").rename(root / "20250102-000000-beta-0002")
    for name, status in (("20250103-000000-gamma-0003", "running"), ("20250104-000000-d-0004", 3)):
        shutil.copytree(root / "20250101-000000-alpha-0001", root / name)
        record = json.loads((root / name / "run.json").read_text())
        (root / name / "run.json").write_text(json.dumps({**record, "status": status}))
    for path in root.glob("*/run.json"):  # they began when their names say
        text = path.read_text()
        path.write_text(json.dumps({**json.loads(text), "started": None}))
    return root


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


def test_compare_shows_what_differs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys)
    assert runs.compare(root, ["alpha", "beta", "gamma"], spoken.out) == 0
    out, _ = spoken.read()
    assert "-train: {" in out or "-  lr: 0.05" in out
    assert "+name: beta" in out
    assert "20250103-000000-gamma-0003: the same config" in out


def test_find_by_id_by_part_by_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beta = root / "20250102-000000-beta-0002"
    assert find_run(root, beta.name).path == beta
    assert find_run(root, "bet").path == beta
    assert find_run(Path("elsewhere"), str(beta)).path == beta
    monkeypatch.chdir(root)
    Path("beta").mkdir(exist_ok=True)  # a folder of that name is not the run that is meant
    assert find_run(root, "beta").path == beta
    Path("beta").rmdir()
    monkeypatch.chdir(beta)
    assert find_run(Path("elsewhere"), ".").path == beta


WAYS = {
    "id": lambda run: run.name,
    "part of the id": lambda run: "bet",
    "folder": str,
    "folder with a slash": lambda run: f"{run}/",
    "folder of its checkpoints": lambda run: str(run / "checkpoints"),
    "relative folder": lambda run: os.path.relpath(run),
    "link": lambda run: str(run.parent / "latest"),
    "record": lambda run: str(run / "run.json"),
    "weights": lambda run: str(run / "weights.npz"),
    "checkpoint": lambda run: str(run / "checkpoints" / "best.npz"),
}
"""Ways to name a run."""


@pytest.mark.parametrize("way", WAYS)
def test_every_command_takes_every_name_of_a_run(root: Path, way: str) -> None:
    beta = root / "20250102-000000-beta-0002"
    if way == "link":
        (root / "latest").symlink_to(beta)
    try:
        name = WAYS[way](beta)
        assert find_run(root, name).path == beta
        config, weights = find_trained(name, root, None, ["seed=5"])
        assert (config.name, config.train.lr, config.seed) == ("beta", 0.1, 5)
        assert load_model(config, weights).count_parameters() == 7850
    finally:
        (root / "latest").unlink(missing_ok=True)


@pytest.mark.parametrize("many", [3, 10])
def test_a_name_of_several_runs_lists_them_and_is_2(tmp_path: Path, many: int) -> None:
    ids = [f"20250101-00000{i}-same-000{i}" for i in range(many)]
    for name in ids:
        (tmp_path / name).mkdir()
    for find in (find_run, lambda root, name: find_trained(name, root, None, [])):
        with pytest.raises(ConfigError, match=f"'2025' .* {many} runs") as caught:
            find(tmp_path, "2025")
        assert caught.value.exit_code == 2
        assert "\n" not in str(caught.value)
        shown = [name for name in ids if name in str(caught.value)]
        assert len(shown) == min(many, 6)
        assert find_run(tmp_path, ids[1]).id == ids[1]


def test_weights_outside_of_a_run_need_a_config(root: Path, tmp_path: Path) -> None:
    copy = shutil.copy(root / "20250102-000000-beta-0002" / "weights.npz", tmp_path)
    with pytest.raises(ConfigError, match="add --config CONFIG"):
        find_trained(str(copy), None, None, [])
    config = root / "20250102-000000-beta-0002" / "config.yaml"
    assert find_trained(str(copy), None, str(config), [])[1] == Path(copy)


def test_a_config_says_where_its_runs_are(root: Path) -> None:
    config = root / "20250102-000000-beta-0002" / "config.yaml"
    found, weights = find_trained("alpha", None, str(config), [f"runs_dir={root}"])
    assert (found.name, weights.name) == ("beta", "20250101-000000-alpha-0001")
    with pytest.raises(CheckpointError, match="no such file, and no run of that name in runs"):
        find_trained("alpha", None, None, [])


@pytest.mark.parametrize("name", ["nothing", "", "/", "20250102-000000-beta-9999", "x" * 5000])
def test_an_unknown_run_is_one_line_and_3(root: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="no run") as caught:
        find_run(root, name)
    assert caught.value.exit_code == 3


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


def test_a_run_whose_folder_was_renamed_says_how_it_has_to_be_named(
    root: Path, tmp_path: Path
) -> None:
    shutil.copytree(root / "20250101-000000-alpha-0001", tmp_path / "my copy")
    with pytest.raises(CheckpointError, match="holds a run, but is not named like one"):
        find_run(root, str(tmp_path / "my copy"))


def test_a_misspelt_run_is_answered_with_the_one_that_was_meant(root: Path) -> None:
    with pytest.raises(CheckpointError, match="Did you mean 'alpha'"):
        find_run(root, "alhpa")


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
