from pathlib import Path

import pytest

from engine.errors import ConfigError
from tests.support import TINY_CONFIG
from tui.state.document import DEFAULT, ConfigDocument
from tui.state.workspace import Workspace

TINY = TINY_CONFIG.read_text()


@pytest.fixture
def document(home: Path) -> ConfigDocument:
    return ConfigDocument.open(home / "configs" / "tiny.yaml")


def test_a_change_keeps_the_comments(document: ConfigDocument) -> None:
    document.set("train.epochs", 5)
    assert "epochs: 5      # two are enough" in document.text
    assert document.config is not None
    assert document.config.train.epochs == 5
    assert document.dirty


def test_a_default_takes_the_key_out(document: ConfigDocument) -> None:
    document.set("train.lr", DEFAULT)
    assert "lr:" not in document.text
    assert document.config is not None
    assert document.config.train.lr == 0.01


def test_undo_and_redo(document: ConfigDocument) -> None:
    document.set("train.epochs", 5)
    document.set("train.lr", 0.5)
    assert document.undo()
    assert "lr: 0.05" in document.text
    assert document.undo()
    assert document.text == TINY
    assert not document.undo()
    assert document.redo()
    assert document.redo()
    assert "lr: 0.5\n" in document.text
    assert not document.redo()


def test_typing_without_a_pause_is_one_change(document: ConfigDocument) -> None:
    for i in range(1, 6):
        document.type(TINY + "#" * i)
    assert document.undo()
    assert document.text == TINY


def test_problems_have_line_and_column(document: ConfigDocument) -> None:
    document.type(TINY.replace("lr: 0.05", "lr: fast"))
    (problem,) = document.problems
    assert (problem.line, problem.column, problem.path) == (12, 7, "train.lr")
    assert document.config is None
    assert document.values["train"]["lr"] == "fast"


def test_text_that_is_no_yaml_can_be_typed_and_mended(document: ConfigDocument) -> None:
    document.type("train: {")
    assert not document.readable
    assert document.problems
    with pytest.raises(ConfigError):
        document.set("train.lr", 1)
    document.type(TINY)
    assert document.config is not None


def test_saving_writes_the_file_and_clears_the_mark(document: ConfigDocument) -> None:
    document.set("seed", 7)
    document.save()
    assert not document.dirty
    assert document.path is not None
    assert "seed: 7" in document.path.read_text()


def test_saving_where_it_cannot_be_leaves_the_old_file(
    document: ConfigDocument, home: Path
) -> None:
    document.set("seed", 7)
    (home / "file").write_text("x")
    with pytest.raises(ConfigError, match="not saved"):
        document.save(home / "file" / "tiny.yaml")
    assert document.dirty


def test_revert_can_be_undone(document: ConfigDocument) -> None:
    document.set("seed", 7)
    document.revert()
    assert document.text == TINY
    document.undo()
    assert "seed: 7" in document.text


def test_the_equal_command_has_the_unsaved_changes(document: ConfigDocument) -> None:
    assert document.command() == "cnn-tui --no-ui --config tiny"
    document.set("train.lr", 0.5)
    document.set("train.scheduler", {"name": "cosine"})
    command = document.command()
    assert command is not None
    assert "--set train.lr=0.5" in command
    assert "train.scheduler={name: cosine" in command


def test_overrides_are_changes_that_are_not_saved(document: ConfigDocument) -> None:
    document.override(["train.lr=0.5", "data.augment={shift: 1}"])
    assert document.dirty
    assert document.config is not None
    assert (document.config.train.lr, document.config.data.augment.shift) == (0.5, 1)
    with pytest.raises(ConfigError, match=r"--set train\.lr=-1"):
        document.override(["train.lr=-1"])
    assert document.config.train.lr == 0.5


def test_there_is_no_command_for_what_cannot_be_run(document: ConfigDocument) -> None:
    document.type(TINY.replace("lr: 0.05", "lr: -1"))
    assert document.command() is None


def test_a_shipped_config_goes_by_its_name(home: Path) -> None:
    document = Workspace.opened().document
    assert document.command() == "cnn-tui --no-ui --config quickstart"


def test_a_file_that_cannot_be_read_is_a_problem(home: Path) -> None:
    document = ConfigDocument.open(home / "nowhere.yaml")
    assert document.config is None
    assert "cannot be read" in document.problems[0].message


def test_the_workspace_keeps_unsaved_changes(home: Path) -> None:
    workspace = Workspace.opened(home / "configs" / "tiny.yaml")
    workspace.document.set("seed", 3)
    workspace.choose(workspace.paths[0])
    config = workspace.choose(home / "configs" / "tiny.yaml").config
    assert config is not None
    assert config.seed == 3
    assert [document.name for document in workspace.dirty] == ["tiny"]


def test_the_workspace_opens_the_last_config_or_quickstart(home: Path) -> None:
    tiny = home / "configs" / "tiny.yaml"
    assert Workspace.opened(None, str(tiny)).document.name == "tiny"
    assert Workspace.opened(None, str(home / "gone.yaml")).document.name == "quickstart"
    assert Workspace.opened().paths[0].stem == "quickstart"


def test_an_edit_is_one_change_until_it_ends(document: ConfigDocument) -> None:
    document.set_all({"train.epochs": 5}, "row")
    document.set_all({"train.lr": 0.5}, "row")
    document.end_edit()
    document.set_all({"train.epochs": 6}, "row")
    assert document.undo()
    assert "epochs: 5" in document.text
    assert document.undo()
    assert document.text == TINY
    assert not document.undo()


def test_an_edit_that_was_taken_back_by_hand_leaves_nothing_to_undo(
    document: ConfigDocument,
) -> None:
    document.set("seed", 7)
    document.set_all({"train.epochs": 5}, "row")
    document.set_all({"train.epochs": 2}, "row")
    assert document.undo()
    assert document.text == TINY


def test_whoever_follows_is_told_of_every_change_at_once(document: ConfigDocument) -> None:
    seen: list[str] = []
    document.followers.append(lambda: seen.append(document.text))
    document.type("seed: 1\n")
    document.set("seed", 2)
    document.undo()
    document.redo()
    document.revert()
    assert seen == ["seed: 1\n", "seed: 2\n", "seed: 1\n", "seed: 2\n", TINY]


def test_a_file_that_cannot_be_read_has_no_values(home: Path) -> None:
    (home / "bad.yaml").write_bytes(b"\xff")
    assert not ConfigDocument.open(home / "bad.yaml").readable
