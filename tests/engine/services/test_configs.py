"""Configs by name, by path, and from a pipe."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from engine.config import Config, ConfigProblems
from engine.errors import ConfigError
from engine.resources import shipped
from engine.services import configs
from tests.support.command_runs import TEXT
from tests.support.imported_sets import make_set


def test_resolve_finds_shipped_configs_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ours = shipped("configs") / "quickstart.yaml"
    for name in (None, "quickstart", "quickstart.yaml", "configs/quickstart.yaml"):
        assert configs.resolve(name) == ours
    Path("quickstart.yaml").write_text(TEXT)
    assert configs.resolve("quickstart.yaml") == Path("quickstart.yaml")
    for name in ("nothing", "other/quickstart.yaml", "quickstart.json", "", "x" * 5000):
        with pytest.raises(ConfigError):
            configs.resolve(name)


def test_ones_own_config_comes_before_one_of_that_name_that_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    Path("configs/quickstart.yaml").write_text(TEXT)
    assert configs.resolve("quickstart") == Path("configs/quickstart.yaml")
    assert configs.resolve(None) == Path("configs/quickstart.yaml")


def test_a_folder_hides_no_config_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("configs", "pets", "quickstart"):
        Path(name).mkdir()
    assert configs.resolve("pets") == Path("pets")
    Path("configs/pets.yaml").write_text(TEXT)
    assert configs.resolve("pets") == configs.resolve("pets/") == Path("configs/pets.yaml")
    assert configs.resolve("quickstart") == shipped("configs") / "quickstart.yaml"


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
        configs.resolve(word, ["train", "runs"])


# -- pipes -----------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
@pytest.mark.parametrize("kind", ["fifo", "descriptor", "stdin"])
def test_a_config_may_come_from_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(configs, "_PATIENCE", 0.5)

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
                return configs.open_config(name, ["seed=3"])
            finally:
                writer.join()
                os.unlink(name)
        reader, end = os.pipe()
        writer = write(lambda: end, text)
        try:
            with os.fdopen(reader) as file:
                if kind == "descriptor":
                    return configs.open_config(f"/dev/fd/{reader}", ["seed=3"])
                monkeypatch.setattr("sys.stdin", file)
                return configs.open_config("-", ["seed=3"])
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
    monkeypatch.setattr(configs, "_PATIENCE", 0.05)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigProblems, match="the file is empty"):
        configs.open_config(str(tmp_path / "pipe"))


def test_the_name_of_an_imported_set_is_a_first_config_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CNN_TUI_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    make_set(Path("data", "raw"))
    first = configs.open_config("pets", ["train.epochs=3"])
    assert (first.name, first.dataset, first.train.epochs) == ("pets", "pets", 3)
    Path("pets").mkdir()  # the images that it was imported from
    assert configs.open_config("pets").dataset == "pets"
    Path("configs").mkdir()
    Path("configs", "pets.yaml").write_text("dataset: mnist_mini\nmodel: mlp\n")
    Path("pets").rmdir()
    assert configs.open_config("pets").dataset == "mnist_mini"  # the user's own comes first
    for name in ("../processed/pets", str(tmp_path / "data" / "processed" / "pets"), "birds"):
        with pytest.raises(ConfigError):
            configs.open_config(name)
