from pathlib import Path

import pytest

from engine.config.schema import Augment
from engine.optim import OPTIMIZERS
from tests.support import TINY_CONFIG
from tui.screens.configs import form_rows
from tui.screens.configs.form_rows import FormRow
from tui.state.document import ConfigDocument

TINY = TINY_CONFIG.read_text()


@pytest.fixture
def document() -> ConfigDocument:
    return ConfigDocument(Path("tiny.yaml"), TINY)


def _row(document: ConfigDocument, path: str) -> FormRow:
    return next(row for row in form_rows.rows(document) if row.path == path)


def _paths(document: ConfigDocument) -> list[str]:
    return [row.path for row in form_rows.rows(document)]


def test_the_rows_have_kinds_and_values_from_the_schema(document: ConfigDocument) -> None:
    assert _row(document, "train.optimizer").options == tuple(OPTIMIZERS)
    assert _row(document, "data.augment.flip").options == ("false", "true")
    assert form_rows.shown(document, _row(document, "train.lr")) == "0.05"
    assert form_rows.shown(document, _row(document, "train.batch_size")) == "64"
    assert form_rows.shown(document, _row(document, "train.clip_norm")) == ""
    assert form_rows.shown(document, _row(document, "train.optimizer")) == "sgd"
    assert form_rows.shown(document, _row(document, "layers")) == "3 layers"


def test_every_row_has_help(document: ConfigDocument) -> None:
    for row in form_rows.rows(document):
        assert form_rows.help_text(document, row)


@pytest.mark.parametrize(
    ("path", "typed", "value"),
    [
        ("train.lr", "1e-3", 1e-3),
        ("train.epochs", "7", 7),
        ("train.betas", "[0.8, 0.9]", [0.8, 0.9]),
        ("train.lr", "fast", "fast"),
        ("name", "42", "42"),
        ("data.augment.flip", "true", True),
        ("data.validation", "0.25", 0.25),
    ],
)
def test_what_is_typed_becomes_a_value(
    document: ConfigDocument, path: str, typed: str, value: object
) -> None:
    form_rows.change(document, _row(document, path), typed)
    assert form_rows.value_at(document.values, path) == value


def test_nothing_typed_means_the_default(document: ConfigDocument) -> None:
    form_rows.change(document, _row(document, "train.lr"), "  ")
    assert "lr" not in document.values["train"]


@pytest.mark.parametrize(
    "name", ["step", "multi_step", "exponential", "cosine", "one_cycle", "plateau"]
)
def test_a_scheduler_is_switched_on_so_that_it_can_be_run(
    document: ConfigDocument, name: str
) -> None:
    form_rows.change(document, _row(document, "train.scheduler"), name)
    assert document.problems == []
    assert form_rows.shown(document, _row(document, "train.scheduler")) == name
    assert any(path.startswith("train.scheduler.") for path in _paths(document))
    form_rows.change(document, _row(document, "train.scheduler"), "off")
    assert document.text == TINY


def test_warmup_is_switched_on_and_off(document: ConfigDocument) -> None:
    form_rows.change(document, _row(document, "train.warmup"), "on")
    assert "train.warmup.steps" in _paths(document)
    form_rows.change(document, _row(document, "train.warmup"), "off")
    assert document.text == TINY


def test_callbacks_are_switched_on_changed_and_off(document: ConfigDocument) -> None:
    for name in ("early_stopping", "checkpoint", "csv_logger"):
        form_rows.change(document, _row(document, f"callbacks.{name}"), "on")
    assert document.problems == []
    row = _row(document, "callbacks.0.early_stopping.patience")
    form_rows.change(document, row, "9")
    assert document.values["callbacks"][0] == {
        "early_stopping": {"monitor": "val_loss", "patience": 9}
    }
    form_rows.change(document, _row(document, "callbacks.early_stopping"), "off")
    assert form_rows.callback_index(document, "checkpoint") == 0
    for name in ("checkpoint", "csv_logger"):
        form_rows.change(document, _row(document, f"callbacks.{name}"), "off")
    assert document.text == TINY


def test_a_callback_that_is_a_bare_name_can_be_changed() -> None:
    document = ConfigDocument(Path("a.yaml"), TINY + "callbacks: [early_stopping]\n")
    form_rows.change(document, _row(document, "callbacks.0.early_stopping.patience"), "3")
    assert document.values["callbacks"] == [{"early_stopping": {"patience": 3}}]


def test_a_preset_takes_the_place_of_layers_in_one_change(document: ConfigDocument) -> None:
    form_rows.change(document, _row(document, "model"), "mlp")
    assert document.config is not None
    assert document.config.model == "mlp"
    document.undo()
    assert document.text == TINY


def test_pytorchs_scheduler_names_have_the_same_rows() -> None:
    text = TINY + "  scheduler: {name: StepLR, step_size: 1}\n"
    document = ConfigDocument(Path("a.yaml"), text)
    assert "train.scheduler.step_size" in _paths(document)
    assert form_rows.shown(document, _row(document, "train.scheduler")) == "step"


@pytest.mark.parametrize(
    ("problem", "rows"),
    [
        ("train.lr", {"train.lr"}),
        ("train.scheduler.name", {"train.scheduler"}),
        ("train.scheduler.step_size", {"train.scheduler.step_size"}),
        ("layers.0.Dense.out_features", {"layers"}),
        ("data.augment", {f"data.augment.{key}" for key in Augment.model_fields}),
        ("train.epoch", set()),
        ("", set()),
    ],
)
def test_a_problem_is_that_of_the_rows_it_is_about(problem: str, rows: set[str]) -> None:
    document = ConfigDocument(Path("a.yaml"), TINY + "  scheduler: {name: step, step_size: 1}\n")
    assert form_rows.wrong(form_rows.rows(document), [problem]) == rows


def test_all_rows_of_a_section_that_is_no_section_are_wrong() -> None:
    document = ConfigDocument(Path("a.yaml"), TINY.partition("train:")[0] + "train: fast\n")
    found = form_rows.wrong(form_rows.rows(document), [p.path for p in document.problems])
    paths = {path for path in _paths(document) if path.startswith("train.")}
    assert found == paths


def test_a_choice_that_may_be_none_can_be_turned_off(document: ConfigDocument) -> None:
    row = _row(document, "train.class_weights")
    assert row.options == ("off", "balanced")
    assert form_rows.shown(document, row) == "off"
    form_rows.change(document, row, "balanced")
    assert form_rows.value_at(document.values, row.path) == "balanced"
    assert form_rows.shown(document, row) == "balanced"
    form_rows.change(document, row, "off")
    assert document.text == TINY


def test_lookahead_is_switched_on_and_its_keys_follow(document: ConfigDocument) -> None:
    assert "train.lookahead.every" not in _paths(document)
    form_rows.change(document, _row(document, "train.lookahead"), "on")
    assert document.config is not None
    assert document.config.train.lookahead is not None
    assert form_rows.shown(document, _row(document, "train.lookahead.every")) == "5"
    form_rows.change(document, _row(document, "train.lookahead"), form_rows.OFF)
    assert document.config.train.lookahead is None


def test_groups_are_typed_as_one_list(document: ConfigDocument) -> None:
    assert not [path for path in _paths(document) if path.startswith("train.groups.")]
    text = "[{match: '*.bias', lr_scale: 2}]"
    form_rows.change(document, _row(document, "train.groups"), text)
    assert document.config is not None
    (group,) = document.config.train.groups
    assert (group.match, group.lr_scale) == ("*.bias", 2)
