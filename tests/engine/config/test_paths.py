"""Paths in configs: every key takes the same ones, and says the same of what is none."""

from pathlib import Path

import pytest

from engine import path_templates
from engine.config import Config, ConfigProblems, dump, loads
from engine.path_templates import METRICS

BASE = "dataset: mnist_mini\nmodel: lenet_mnist\n"
FOLDERS = ("runs_dir", "reports_dir", "data.root")
FILES = ("callbacks.0.checkpoint.filepath", "callbacks.0.csv_logger.filepath")
NO_FILES = ["/", ".", "..", "./", "x/", "x/.", "~", "~root"]
NO_PATHS = ["", "  ", "a\0b", "a\nb", "a\x1b[2Jb", "~nosuchuser/x"]


def config_with(key: str, text: str) -> Config:
    """A config with a path in one of its keys."""
    quoted = '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'
    if key in FILES:
        name = key.split(".")[-2]
        return loads(f"{BASE}callbacks: [{name}: {{filepath: {quoted}}}]\n")
    return loads(BASE, overrides=[f"{key}={quoted}"])


def path_in(config: Config, key: str) -> Path:
    if key in FILES:
        ((_, options),) = config.callbacks[0]
        return options.filepath
    value = config
    for part in key.split("."):
        value = getattr(value, part)
    assert isinstance(value, Path)
    return value


def problem_with(key: str, text: str) -> str:
    with pytest.raises(ConfigProblems) as caught:
        config_with(key, text)
    (problem,) = caught.value.problems
    assert problem.path == key
    assert problem.message.isprintable()
    return problem.message


@pytest.mark.parametrize(
    ("key", "text", "path"),
    [
        *((key, "~", "/home/me") for key in FOLDERS),
        *((key, "~/x", "/home/me/x") for key in FOLDERS + FILES),
        *((key, "~/a b/c.npz", "/home/me/a b/c.npz") for key in FOLDERS + FILES),
    ],
)
def test_a_tilde_is_the_home_folder_in_every_key(
    key: str, text: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    config = config_with(key, text)
    assert path_in(config, key) == Path(path)
    assert loads(dump(config)) == config


@pytest.mark.parametrize("key", FOLDERS + FILES)
def test_a_name_that_is_a_tilde_survives_being_written_down(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = config_with(key, "./~x")
    assert path_in(config, key) == tmp_path / "~x"
    assert loads(dump(config)) == config


@pytest.mark.parametrize("text", NO_PATHS)
@pytest.mark.parametrize("key", FOLDERS + FILES)
def test_what_is_no_path_is_a_problem_of_its_key(key: str, text: str) -> None:
    assert problem_with(key, text)


@pytest.mark.parametrize("text", NO_FILES)
@pytest.mark.parametrize("key", FILES)
def test_a_folder_is_not_a_file_to_write(key: str, text: str) -> None:
    assert "it is a folder; expected the name of a file" in problem_with(key, text)


@pytest.mark.parametrize("text", NO_FILES)
@pytest.mark.parametrize("key", FOLDERS)
def test_a_folder_may_be_any_folder(key: str, text: str) -> None:
    assert path_in(config_with(key, text), key)


# -- placeholders ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "{epoch}",
        "{epoch:02d}",
        "{epoch:d}",
        "net-{epoch:04d}-{val_acc:.4f}.npz",
        "{{literal}}",
        *(f"{{{name}}}" for name in METRICS),
        *(f"{{{name}:.3g}}" for name in METRICS),
    ],
)
def test_placeholders_of_a_checkpoint(text: str) -> None:
    assert path_in(config_with(FILES[0], text), FILES[0]) == Path(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{epochs}", "unknown placeholder {epochs}; expected one of {epoch}, {loss}"),
        ("{val_accuracy:.2f}", "unknown placeholder {val_accuracy}"),
        ("{}", "unknown placeholder {}"),
        ("{0}", "unknown placeholder {0}"),
        ("{epoch.real}", "unknown placeholder {epoch.real}"),
        ("{epoch[0]}", "unknown placeholder {epoch[0]}"),
        ("{epoch", "a brace without its partner"),
        ("epoch}", "a brace without its partner"),
        ("{epoch!r}", "the format of the placeholder {epoch} is not understood"),
        ("{epoch:{loss}}", "the format of the placeholder {epoch} is not understood"),
        ("{epoch:9999999999d}", "the format of the placeholder {epoch} is not understood"),
        ("{loss:02d}", "the format of the placeholder {loss} is not understood"),
        ("{epoch:%Y}", "the format of the placeholder {epoch} is not understood"),
    ],
)
def test_a_placeholder_that_cannot_be_filled_in_is_refused(text: str, words: str) -> None:
    assert words in problem_with(FILES[0], text)


def test_a_table_of_all_epochs_has_no_placeholders() -> None:
    assert "unknown placeholder {epoch}; this file has none" in problem_with(
        FILES[1], "{epoch}.csv"
    )


def test_one_file_by_two_names_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    callbacks = "[checkpoint: {filepath: x/../a}, csv_logger: {filepath: a}]"
    with pytest.raises(ConfigProblems, match="expected a file of its own"):
        loads(f"{BASE}callbacks: {callbacks}\n")


def test_braces_of_the_home_folder_are_no_placeholders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "{o}"))
    base = "dataset: mnist_mini\nmodel: mlp\ncallbacks: [%s: {filepath: '~/net%s'}]"
    for kind, name in (("checkpoint", "-{epoch}.npz"), ("csv_logger", ".csv")):
        config = loads(base % (kind, name))
        (path,) = (options.filepath for item in config.callbacks for _, options in item)
        filled = path_templates.fill(str(path), 3, {})
        assert filled == str(tmp_path / "{o}" / f"net{name}").replace("{epoch}", "3")
        assert loads(dump(config)) == config


def test_files_are_compared_where_the_working_folder_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    items = "[csv_logger: {filepath: a.csv}, checkpoint: {filepath: %s}]"
    base = "dataset: mnist_mini\nmodel: mlp\ncallbacks: "
    assert loads(base + items % "a.npz").callbacks
    with pytest.raises(ConfigProblems, match="expected a file of its own"):
        loads(base + items % "./a.csv")
