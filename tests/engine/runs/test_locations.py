"""Where a run reads and writes when it is resumed: elsewhere, as a copy, from a stranger."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.config import Config, loads
from engine.errors import CheckpointError, RunError
from engine.runs import locations
from engine.runs.directory import RunDir
from engine.train.factory import config_of
from tests.support.proofs import rest_as_proofs
from tests.support.small_runs import PLAIN, Run, Stop, train

WRITERS = """
callbacks:
  - csv_logger: {filepath: logs/table.csv}
  - checkpoint: {filepath: best/net.npz, monitor: loss}
reports_dir: my-reports
"""
WRITTEN = ("logs/table.csv", "best/net.npz", "my-reports/results.csv")
"""What the config writes, relative to the folder in which it is started."""


@pytest.fixture
def cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that was started in ``a`` and stopped in its second epoch; we are in ``b`` now."""
    for name in "ab":
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "a")
    run = train(loads(PLAIN + WRITERS, "small.yaml"), stop=Stop((1, 0)))
    monkeypatch.chdir(tmp_path / "b")
    return run


def resume(path: Path, *, allow_outside: bool = False) -> Run:
    return train(config_of(path, allow_outside=allow_outside), resume=path)


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def epochs_in(table: Path) -> int:
    return len(table.read_text().splitlines()) - 1


def test_a_run_that_is_resumed_elsewhere_writes_where_it_did(cut: Run, tmp_path: Path) -> None:
    assert epochs_in(tmp_path / "a" / WRITTEN[0]) == 1
    again = resume(cut.path)
    assert again.ended.status == "finished"
    assert again.warnings == []
    assert epochs_in(tmp_path / "a" / WRITTEN[0]) == 3
    assert (tmp_path / "a" / WRITTEN[2]).read_text().count("finished") == 1
    assert below(tmp_path / "b") == set()


@pytest.mark.parametrize("how", ["here", "elsewhere", "copied"])
@pytest.mark.parametrize("name", rest_as_proofs(["{epoch}", "br{ace", "{{a}}", "{0.x}"], every=3))
def test_braces_of_a_folder_are_no_placeholders(
    name: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / name
    home.mkdir()
    monkeypatch.chdir(home)
    run = train(loads(PLAIN + WRITERS, "small.yaml"), stop=Stop((1, 0)))
    written = home
    if how == "elsewhere":
        monkeypatch.chdir(tmp_path)
    elif how == "copied":
        copy = shutil.copytree(run.path, tmp_path / name / "other" / run.path.name)
        shutil.rmtree(home / "logs")
        assert resume(copy).ended.status == "finished"
        written = copy / locations.FILES
    if how != "copied":
        assert resume(run.path).warnings == []
    assert all((written / path).is_file() for path in WRITTEN)
    assert epochs_in(written / WRITTEN[0]) == 3
    assert {path.name for path in tmp_path.iterdir()} == {name}


def test_so_does_one_that_was_moved(cut: Run, tmp_path: Path) -> None:
    moved = cut.path.rename(tmp_path / "b" / cut.path.name)
    assert resume(moved).warnings == []
    assert epochs_in(tmp_path / "a" / WRITTEN[0]) == 3


@pytest.fixture
def moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run in ``runs`` of the folder that it was started in, which was renamed since."""
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    config = loads(PLAIN + WRITERS, "small.yaml").model_copy(update={"runs_dir": Path("runs")})
    run = train(config, stop=Stop((1, 0)))
    (tmp_path / "a").rename(tmp_path / "renamed")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "renamed" / "runs" / run.path.name


def test_it_goes_with_the_folder_that_it_was_started_in(moved: Path, tmp_path: Path) -> None:
    assert resume(moved).warnings == []
    assert epochs_in(tmp_path / "renamed" / WRITTEN[0]) == 3
    assert {path.name for path in tmp_path.iterdir()} == {"renamed"}


@pytest.mark.parametrize("place", ["renamed/data/raw", None])
def test_its_data_are_found_in_that_folder_and_where_ours_are(
    moved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str | None
) -> None:
    there = None if place is None else tmp_path / place
    monkeypatch.setattr(
        "engine.data.locate", lambda name, root=None: tmp_path if root == there else None
    )
    assert config_of(moved).data.root == there


def test_a_link_to_a_run_is_resumed_as_the_run(cut: Run, tmp_path: Path) -> None:
    link = tmp_path / "b" / "link"
    link.symlink_to(cut.path)
    again = resume(link)
    assert again.path == cut.path
    assert epochs_in(tmp_path / "a" / WRITTEN[0]) == 3


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no folder that is in use")
def test_a_working_folder_that_is_gone_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path)
    run = train(loads(PLAIN, "small.yaml"), stop=Stop((1, 0)))
    monkeypatch.chdir(tmp_path / "b")
    (tmp_path / "b").rmdir()
    assert resume(run.path).warnings == []
    assert (tmp_path / "reports" / "results.csv").read_text().count("finished") == 1


@pytest.mark.parametrize("given", ["data", "absolute", "variable", None])
def test_the_data_are_where_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    monkeypatch.setattr("engine.data.locate", lambda name, root=None: None)
    monkeypatch.delenv("CNN_TUI_DATA", raising=False)
    if given == "variable":
        monkeypatch.setenv("CNN_TUI_DATA", "sets")
    wanted = {
        "data": "data",
        "absolute": str(tmp_path / "sets"),
        "variable": "sets",
        None: "data/raw",
    }
    roots = {"data": ["data.root=data"], "absolute": [f"data.root={tmp_path / 'sets'}"]}
    monkeypatch.chdir(tmp_path)
    run = train(loads(PLAIN, "small.yaml", roots.get(given or "", [])), stop=Stop((1, 0)))
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "b")
    monkeypatch.delenv("CNN_TUI_DATA", raising=False)
    assert config_of(run.path).data.root == tmp_path / wanted[given]


# -- a run that was not started here ---------------------------------------------------------------


def copied(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "b" / run.name, copy_function=shutil.copy2))


def forged(run: Path, tmp_path: Path) -> Path:
    """Every fact of the record is made to fit the copy, but for the one that nobody can set."""
    copy = copied(run, tmp_path)
    record = json.loads((copy / "run.json").read_text())
    os.utime(copy / "config.yaml", ns=(0, int(record["origin"]["config_ctime_ns"])))
    return copy


def edited(run: Path, tmp_path: Path) -> Path:
    (run / "config.yaml").write_text((run / "config.yaml").read_text())
    return run


def old(run: Path, tmp_path: Path) -> Path:
    record = json.loads((run / "run.json").read_text())
    for key in ("started", "origin"):
        del record[key]
    (run / "run.json").write_text(json.dumps(record))
    return run


def without_record(run: Path, tmp_path: Path) -> Path:
    (run / "run.json").unlink()
    return run


def another_user(run: Path, tmp_path: Path) -> Path:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(run / "config.yaml", 65534, 65534)
    record = json.loads((run / "run.json").read_text())
    record["origin"]["config_ctime_ns"] = str((run / "config.yaml").lstat().st_ctime_ns)
    (run / "run.json").write_text(json.dumps(record))
    return run


STRANGERS = [copied, forged, edited, old, without_record, another_user]
OUTSIDE = {
    "relative": "logs/table.csv",
    "upwards": "../../precious.csv",
    "absolute": "/precious.csv",
    "home": "~/precious.csv",
}


@pytest.mark.parametrize("make", STRANGERS)
def test_a_run_that_was_not_started_here_writes_into_itself(
    cut: Run, tmp_path: Path, make: Callable[[Path, Path], Path]
) -> None:
    run = make(cut.path, tmp_path)
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and run not in path.parents]
    before = {path: path.read_bytes() for path in outside}
    again = resume(run)
    assert again.ended.status == "finished"
    assert [line for line in again.warnings if "--allow-outside-paths" in line]
    assert {str(Path("files", name)) for name in WRITTEN} <= below(run)
    assert epochs_in(run / "files" / WRITTEN[0]) == 3
    assert {path: path.read_bytes() for path in outside} == before


@pytest.mark.parametrize("filepath", OUTSIDE.values(), ids=OUTSIDE)
@pytest.mark.parametrize("kind", rest_as_proofs(["csv_logger", "checkpoint", "reports"]))
def test_no_path_of_a_stranger_leads_out_of_the_run(
    cut: Run, tmp_path: Path, kind: str, filepath: str
) -> None:
    run = copied(cut.path, tmp_path)
    lines = PLAIN
    if kind == "reports":
        lines += f"reports_dir: {filepath}\n"
    else:
        lines += f"callbacks: [{kind}: {{filepath: {filepath}}}]\n"
    (run / "config.yaml").write_text(lines)
    config = config_of(run)
    paths = [config.reports_dir, *written_by(config)]
    assert paths
    for path in paths:
        assert path.is_relative_to(run)
        assert ".." not in path.parts
    paths = [
        *written_by(config_of(run, allow_outside=True)),
        config_of(run, allow_outside=True).reports_dir,
    ]
    assert not any(path.is_relative_to(run) for path in paths)


def written_by(config: Config) -> list[Path]:
    return [
        options.filepath
        for item in config.callbacks
        for _, options in item
        if hasattr(options, "filepath")
    ]


@pytest.mark.parametrize("link", ["files", "files/logs", "files/logs/table.csv"])
def test_no_link_of_a_stranger_leads_out_of_the_run(cut: Run, tmp_path: Path, link: str) -> None:
    run = copied(cut.path, tmp_path)
    (run / link).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "precious").mkdir()
    (run / link).symlink_to(tmp_path / "precious")
    with pytest.raises(RunError, match="it is a symbolic link; remove it"):
        config_of(run)
    assert below(tmp_path / "precious") == set()


def test_it_may_write_outside_if_it_is_allowed_to(cut: Run, tmp_path: Path) -> None:
    run = copied(cut.path, tmp_path)
    again = resume(run, allow_outside=True)
    assert again.warnings == []
    assert epochs_in(tmp_path / "a" / WRITTEN[0]) == 3
    assert "files" not in os.listdir(run)


def test_one_that_is_allowed_to_is_ours_from_then_on(cut: Run, tmp_path: Path) -> None:
    """So is a run whose status a backup or a change of modes has touched."""
    (cut.path / "config.yaml").chmod(0o600)
    assert not locations.is_own(cut.path, RunDir.view(cut.path).read_record())
    config = config_of(cut.path, allow_outside=True)
    train(config, resume=cut.path, stop=Stop((2, 0)), adopt=True)
    assert locations.is_own(cut.path, RunDir.view(cut.path).read_record())
    again = resume(cut.path)
    assert again.warnings == []
    assert epochs_in(tmp_path / "a" / WRITTEN[0]) == 3


def test_a_stranger_does_not_become_ours_by_being_resumed(cut: Run, tmp_path: Path) -> None:
    run = copied(cut.path, tmp_path)
    train(config_of(run), resume=run, stop=Stop((2, 0)))
    assert not locations.is_own(run, RunDir.view(run).read_record())
    assert (run / "files" / WRITTEN[0]).exists()


def test_the_data_of_a_stranger_are_found_where_ours_are(
    cut: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing is downloaded into our folder, not into one that the run names."""
    run = copied(cut.path, tmp_path)
    monkeypatch.setattr("engine.data.locate", lambda name, root=None: None)
    assert config_of(cut.path).data.root == tmp_path / "a" / "data" / "raw"
    assert config_of(run).data.root is None


@pytest.mark.parametrize("action", ["resume", "look", "save"])
def test_checkpoints_that_are_a_link_are_refused(cut: Run, tmp_path: Path, action: str) -> None:
    """They could be another run's: its lock would not keep us from pruning them."""
    run = copied(cut.path, tmp_path)
    shutil.rmtree(run / "checkpoints")
    (run / "checkpoints").symlink_to(cut.path / "checkpoints")
    kept = below(cut.path)
    store = RunDir.view(run).store
    actions: dict[str, Callable[[], object]] = {"resume": lambda: resume(run), "look": store.latest}
    actions["save"] = lambda: store.save(99, {}, {})
    with pytest.raises(CheckpointError, match="checkpoints: it is a symbolic link"):
        actions[action]()
    assert below(cut.path) == kept
