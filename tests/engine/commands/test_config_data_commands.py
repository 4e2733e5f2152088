"""``config`` and ``data``."""

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import pytest

from engine.commands import config, data
from engine.commands.signals import Interrupted
from engine.config import Config, ConfigProblems, load
from engine.data import DATASETS, FetchCancelledError
from engine.errors import ConfigError
from engine.resources import shipped
from tests.support.command_runs import TEXT, speak


def test_every_shipped_config_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys, as_json=True)
    assert config.list_all(spoken.out) == 0
    lines = {line["name"]: line for line in spoken.lines()}
    assert {"quickstart", "mnist_lenet", "cifar10_resnet"} <= lines.keys()
    assert all("problem" not in line for line in lines.values())
    spoken = speak(capsys)
    config.list_all(spoken.out)
    assert len(spoken.read()[0].splitlines()) == len(lines) + 1


def test_a_broken_config_is_listed_with_its_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    Path("configs/broken.yaml").write_text("dataset: mnst\n")
    spoken = speak(capsys, as_json=True)
    assert config.list_all(spoken.out) == 0
    (broken,) = [line for line in spoken.lines() if line["name"] == "broken"]
    assert "mnst" in broken["problem"]


def test_check_shows_the_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    spoken = speak(capsys)
    assert config.check([str(path)], [], spoken.out) == 0
    out, err = spoken.read()
    assert "7,850" in out
    assert err == f"{path}: fine\n"
    spoken = speak(capsys, as_json=True)
    config.check([str(path)], ["seed=5"], spoken.out)
    (line,) = spoken.lines()
    assert (line["ok"], line["parameters"], line["config"]["seed"]) == (True, 7850, 5)


def test_check_tells_all_problems_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(TEXT.replace("lr: 0.05", "lr: fast, epoch: 2"))
    spoken = speak(capsys)
    assert config.check([str(path)], ["seed=-1"], spoken.out) == 2
    out, err = spoken.read()
    assert out == ""
    assert err.endswith("3 problems, nothing was run.\n")


def test_check_goes_on_to_the_next_config_after_a_bad_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(TEXT)
    bad.write_text("dataset: mnst\n")
    names = [str(bad), "nowhere", str(good)]
    spoken = speak(capsys, as_json=True)
    assert config.check(names, [], spoken.out) == 2
    assert [(line["file"], line["ok"]) for line in spoken.lines()] == [
        (name, name == str(good)) for name in names
    ]
    assert config.check([str(good), "quickstart"], [], spoken.out) == 0


def test_show_can_be_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    spoken = speak(capsys)
    assert config.show(str(path), ["train.lr=0.5"], spoken.out) == 0
    copy = tmp_path / "copy.yaml"
    copy.write_text(spoken.read()[0])
    assert load(copy) == load(path, ["train.lr=0.5"])


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    for as_json in (False, True):
        spoken = speak(capsys, as_json=as_json)
        assert config.schema(spoken.out) == 0
        schema = json.loads(spoken.read()[0])
        assert "train" in schema["properties"]


def test_resolve_finds_shipped_configs_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ours = shipped("configs") / "quickstart.yaml"
    for name in (None, "quickstart", "quickstart.yaml", "configs/quickstart.yaml"):
        assert config.resolve(name) == ours
    Path("quickstart.yaml").write_text(TEXT)
    assert config.resolve("quickstart.yaml") == Path("quickstart.yaml")
    for name in ("nothing", "other/quickstart.yaml", "quickstart.json", "", "x" * 5000):
        with pytest.raises(ConfigError):
            config.resolve(name)


def test_every_name_that_the_list_shows_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    for name in ("mine.yaml", "mine.v2.yml"):
        Path("configs", name).write_text(TEXT)
    spoken = speak(capsys, as_json=True)
    config.list_all(spoken.out)
    for line in spoken.lines():
        assert config.resolve(line["name"]) == Path(line["path"])
        assert config.resolve(f"configs/{Path(line['path']).name}").samefile(line["path"])


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("quickstrt", "quickstart"),
        ("configs/quickstrt.yaml", "quickstart"),
        ("Quickstart.yml", "quickstart"),
        ("mien", "mine"),
        ("own/othr.yaml", "own/other.yaml"),
        ("trian", "train"),
    ],
)
def test_a_misspelt_config_is_answered_with_the_one_that_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, meant: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (Path("configs/mine.yaml"), Path("own/other.yaml")):
        path.parent.mkdir()
        path.write_text(TEXT)
    with pytest.raises(ConfigError, match=f"no such config. Did you mean '{meant}'"):
        config.resolve(word, ["train", "runs"])


# -- pipes -----------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
@pytest.mark.parametrize("kind", ["fifo", "descriptor", "stdin"])
def test_a_config_may_come_from_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(config, "_PATIENCE", 0.5)

    def write(open_end: Callable[[], int], text: str) -> threading.Thread:
        def work() -> None:
            with suppress(BrokenPipeError), os.fdopen(open_end(), "w") as file:
                file.write(text)

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def opened(text: str) -> Config:
        if kind == "fifo":
            name = str(tmp_path / "pipe")
            os.mkfifo(name)
            writer = write(lambda: os.open(name, os.O_WRONLY), text)
            try:
                return config.open_config(name, ["seed=3"])
            finally:
                writer.join()
                os.unlink(name)
        reader, end = os.pipe()
        writer = write(lambda: end, text)
        try:
            with os.fdopen(reader) as file:
                if kind == "descriptor":
                    return config.open_config(f"/dev/fd/{reader}", ["seed=3"])
                monkeypatch.setattr("sys.stdin", file)
                return config.open_config("-", ["seed=3"])
        finally:
            writer.join()

    assert opened(TEXT).seed == 3
    for text, reason in (
        ("", "the file is empty"),
        ("dataset: mnst", ":1:10: dataset: expected"),
        ("#" * 65_537, "more than 64 KB"),
    ):
        with pytest.raises(ConfigProblems, match=reason):
            opened(text)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
def test_a_pipe_that_nobody_writes_to_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "_PATIENCE", 0.05)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigProblems, match="the file is empty"):
        config.open_config(str(tmp_path / "pipe"))


# -- data ------------------------------------------------------------------------------------------


def test_data_list_names_every_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys, as_json=True)
    assert data.list_datasets(tmp_path, spoken.out) == 0
    lines = {line["name"]: line for line in spoken.lines()}
    assert lines.keys() == DATASETS.keys()
    assert lines["mnist_mini"]["place"] is not None
    assert lines["cifar10"]["place"] is None
    spoken = speak(capsys)
    data.list_datasets(tmp_path, spoken.out)
    assert "not here" in spoken.read()[0]


def test_verify_tells_good_from_bad(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys)
    assert data.verify_dataset("mnist_mini", None, spoken.out) == 0
    assert spoken.read()[0].count(" ok") == 4
    folder = tmp_path / "mnist"
    shutil.copytree(shipped("data", "mnist_mini"), folder)
    spoken = speak(capsys, as_json=True)
    assert data.verify_dataset("mnist", tmp_path, spoken.out) == 3
    out, err = spoken.read()
    assert {json.loads(line)["state"] for line in out.splitlines()} <= {"corrupt", "missing"}
    assert err.startswith("mnist: run 'cnn-tui data fetch mnist --root ")
    with pytest.raises(ConfigError, match="unknown data set 'mnits'"):
        data.verify_dataset("mnits", tmp_path, speak(capsys).out)


def test_fetch_ends_at_a_signal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fetch(name: str, root: Path, progress: object, cancelled: object) -> Path:
        os.kill(os.getpid(), signal.SIGTERM)
        assert callable(cancelled)
        if cancelled():
            raise FetchCancelledError("given up")
        return root

    spoken = speak(capsys)
    with patch.object(data, "fetch", fetch), pytest.raises(Interrupted) as caught:
        data.fetch_dataset("mnist", tmp_path, spoken.out)
    assert caught.value.exit_code == 143
    assert spoken.bar.closed


def test_fetch_says_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys)
    assert data.fetch_dataset("mnist_mini", tmp_path, spoken.out) == 0
    assert spoken.read()[0].startswith("mnist_mini is in ")


def test_ones_own_config_comes_before_one_of_that_name_that_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    Path("configs/quickstart.yaml").write_text(TEXT)
    assert config.resolve("quickstart") == Path("configs/quickstart.yaml")
    assert config.resolve(None) == Path("configs/quickstart.yaml")
