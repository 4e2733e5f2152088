"""``runs list``, ``show``, ``compare``, and finding a run by a part of its name."""

import json
import shutil
from pathlib import Path

import pytest
from command_runs import run, speak

from engine.commands import runs
from engine.errors import CheckpointError


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
    assert runs.find(root, beta.name).path == beta
    assert runs.find(root, "bet").path == beta
    assert runs.find(root, "2025").id == "20250104-000000-d-0004"
    assert runs.find(Path("elsewhere"), str(beta)).path == beta
    monkeypatch.chdir(root)
    Path("beta").mkdir(exist_ok=True)  # a folder of that name is not the run that is meant
    assert runs.find(root, "beta").path == beta
    Path("beta").rmdir()
    monkeypatch.chdir(beta)
    assert runs.find(Path("elsewhere"), ".").path == beta


@pytest.mark.parametrize("name", ["nothing", "", "/", "20250102-000000-beta-9999", "x" * 5000])
def test_an_unknown_run_is_one_line_and_3(root: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="no run") as caught:
        runs.find(root, name)
    assert caught.value.exit_code == 3
