"""``resume RUN --set``: longer than was planned, with the bits of a run that was planned so."""

import json
from pathlib import Path

import pytest

from engine.config import ConfigProblems, fields
from engine.errors import ConfigError
from engine.runs.directory import RunDir
from engine.services.verify import verify
from engine.train import extending
from engine.train.factory import config_of
from engine.train.loop import Loop
from engine.train.session import TrainingSession
from tests.support.proofs import rest_as_proofs
from tests.support.small_runs import (
    PLAIN,
    RICH,
    Run,
    Stop,
    make_config,
    results,
    same_arrays,
    saved_model,
    train,
)
from tui.cli.commands.resume import resume
from tui.cli.output import Output

STOPPING = """
callbacks: [early_stopping: {monitor: val_loss, patience: 1, min_delta: 0.4}]
"""
"""Small gains do not count: it is out of patience after its second epoch, or its third."""
NETWORKS = {"plain": PLAIN, "rich": RICH.replace(", scheduler: {name: cosine}", "")}


def extend(path: Path, *overrides: str, stop: Stop | None = None) -> Run:
    extension = extending.plan(path, overrides)
    return train(config_of(path, overrides), resume=path, extension=extension, stop=stop)


def make(folder: Path, text: str, *overrides: str, stop: Stop | None = None) -> Run:
    return train(make_config(folder, text, *overrides), stop=stop)


@pytest.mark.parametrize("moment", rest_as_proofs([None, (1, 1), "validating", "testing"]))
@pytest.mark.parametrize("text", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.proof
def test_a_run_that_is_made_longer_is_one_that_was_as_long_from_the_start(
    tmp_path: Path, text: str, moment: str | tuple[int, int] | None
) -> None:
    whole = make(tmp_path / "whole", text, "train.epochs=5")
    cut = make(tmp_path / "cut", text, stop=None if moment is None else Stop(moment))
    longer = extend(cut.path, "train.epochs=5")
    assert longer.ended.status == "finished"
    assert longer.warnings == []
    assert longer.weights == whole.weights
    assert longer.history == whole.history
    assert longer.metrics == whole.metrics
    assert [row["epochs"] for row in results(tmp_path / "cut")] == ["5"]


@pytest.mark.parametrize("epochs", [3, 8])
def test_best_weights_that_came_back_at_the_end_do_not_stand_in_the_way(
    tmp_path: Path, epochs: int
) -> None:
    text = PLAIN + "callbacks: [early_stopping: {monitor: val_acc, patience: 50}]"
    high = ("train.lr=0.3", f"train.epochs={epochs}")  # the last epoch is not the best one
    whole = make(tmp_path / "whole", text, "train.lr=0.3", "train.epochs=12")
    short = make(tmp_path / "short", text, *high)
    assert not same_arrays(
        saved_model(short.path / "weights.npz"),
        saved_model(sorted((short.path / "checkpoints").glob("step-*"))[-1]),
    )
    longer = extend(short.path, "train.epochs=12")
    assert longer.weights == whole.weights
    assert longer.history == whole.history


def test_a_run_that_stopped_early_goes_on_with_more_patience(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole", PLAIN + STOPPING.replace("patience: 1", "patience: 9"))
    early = make(tmp_path / "early", PLAIN + STOPPING)
    assert early.ended.epochs_done < 3
    longer = extend(early.path, "callbacks.0.early_stopping.patience=9")
    assert longer.weights == whole.weights
    assert longer.history == whole.history


@pytest.mark.parametrize("moment", rest_as_proofs(["config", "record", "training"]))
@pytest.mark.parametrize(
    ("text", "change"),
    [
        (PLAIN, "train.epochs=6"),
        (PLAIN + STOPPING, "callbacks.0.early_stopping.patience=9"),
    ],
    ids=["longer", "more patience"],
)
def test_an_extension_survives_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, change: str, moment: str
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    whole = make(tmp_path / "whole", text, change)
    short = make(tmp_path / "short", text)
    owner, name = {
        "config": (TrainingSession, "_write_config"),
        "record": (TrainingSession, "_write_record"),
        "training": (Loop, "run"),
    }[moment]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, kill)
        patch.setattr(TrainingSession, "_give_up", lambda self, error: None)
        with pytest.raises(Killed):
            extend(short.path, change)
    again = (
        extend(short.path, change)
        if moment == "config"
        else train(config_of(short.path), resume=short.path)
    )
    assert again.ended.status == "finished"
    assert again.weights == whole.weights
    assert again.history == whole.history
    if moment == "training":  # before, config and record may not belong together yet
        assert again.warnings == []


def test_more_epochs_alone_do_not_bring_back_a_run_that_stopped_early(tmp_path: Path) -> None:
    early = make(tmp_path, PLAIN + STOPPING)
    before = (early.path / "run.json").read_bytes()
    with pytest.raises(ConfigError, match=r"set callbacks\.N\.early_stopping\.patience"):
        extend(early.path, "train.epochs=9")
    assert (early.path / "run.json").read_bytes() == before


def test_fewer_epochs_end_it_now_but_none_that_were_trained_are_taken_back(tmp_path: Path) -> None:
    cut = make(tmp_path, PLAIN, "train.epochs=9", stop=Stop((2, 1)))
    with pytest.raises(ConfigError, match="expected 3 or more"):
        extend(cut.path, "train.epochs=2")
    assert json.loads((cut.path / "run.json").read_text())["status"] == "stopped"
    assert extend(cut.path, "train.epochs=3").ended.epochs_done == 3


def test_the_change_is_recorded_and_the_run_can_be_verified(tmp_path: Path) -> None:
    cut = make(tmp_path, PLAIN)
    again = extend(cut.path, "train.epochs=4", stop=Stop((3, 1)))
    finished = extend(again.path, "train.epochs=5", "train.workers=2")
    record = RunDir.view(finished.path).read_record()
    changes = [(c["key"], c["old"], c["new"], c["epoch"], c["step"]) for c in record["changes"]]
    assert changes == [
        ("train.epochs", 3, 4, 3, 12),
        ("train.epochs", 4, 5, 3, 14),
        ("train.workers", None, 2, 3, 14),
    ]
    assert config_of(cut.path).train.epochs == 5
    assert finished.warnings == []
    verdict = verify(cut.path)
    assert verdict.verified
    assert len(verdict.compared) == 6


def test_the_command_says_what_is_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = make(tmp_path, PLAIN)
    assert resume(cut.path, Output(), ["train.epochs=4"]) == 0
    said = capsys.readouterr()
    assert "train.epochs: 3 → 4" in said.err
    assert said.out.startswith("epoch 4/4")


def test_places_that_are_set_are_relative_to_the_folder_that_we_are_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = make(tmp_path, PLAIN, stop=Stop((1, 1)))
    for name in "ab":
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "a")
    again = extend(cut.path, "reports_dir=mine", "data.root=sets", stop=Stop((2, 0)))
    assert again.warnings == []
    assert (tmp_path / "a" / "mine" / "results.csv").exists()
    monkeypatch.chdir(tmp_path / "b")
    config = config_of(cut.path)
    assert config.reports_dir == tmp_path / "a" / "mine"
    assert config.data.root == tmp_path / "a" / "sets"


# -- what is refused -------------------------------------------------------------------------------

FREE = {"train.epochs", "train.workers", "train.film", "reports_dir", "data.root"}
FREE |= {"data.test_views"}
FREE |= {"train.checkpoint_every.steps", "train.checkpoint_every.seconds"}
NEW = {
    "name": "other",
    "dataset": "mnist",
    "model": "lenet_mnist",
    "layers": "[Flatten, Dense: {out_features: 10}]",
    "seed": "1",
    "data.root": "other",
    "data.validation": "0.3",
    "data.limit": "100",
    "data.augment.shift": "1",
    "data.augment.flip": "true",
    "data.augment.cutout": "1",
    "data.augment.alternate": "true",
    "data.augment.border": "reflect",
    "data.augment.rotate": "1.0",
    "data.augment.zoom": "0.1",
    "data.augment.erase": "0.1",
    "data.augment.mixup": "0.2",
    "data.test_views": "mirror",
    "train.epochs": "9",
    "train.batch_size": "10",
    "train.lr": "0.5",
    "train.loss": "mse",
    "train.label_smoothing": "0.1",
    "train.class_weights": "balanced",
    "train.init_from": "other.npz",
    "train.init_except": "[3]",
    "train.freeze": "[0]",
    "train.portable": "true",
    "train.micro_batch": "16",
    "train.optimizer": "adam",
    "train.momentum": "0.1",
    "train.nesterov": "true",
    "train.betas": "[0.1, 0.2]",
    "train.eps": "0.1",
    "train.alpha": "0.1",
    "train.newton_schulz": "5",
    "train.weight_decay": "0.1",
    "train.clip_norm": "0.1",
    "train.groups": "[{match: '*.bias', lr_scale: 2}]",
    "train.lookahead": "{every: 3}",
    "train.average": "{every: 3}",
    "train.drop_last": "true",
    "train.scheduler": "{name: step, step_size: 1}",
    "train.warmup": "{steps: 3}",
    "train.checkpoint_every.steps": "7",
    "train.checkpoint_every.seconds": "7.0",
    "train.film": "false",
    "train.workers": "2",
    "callbacks": "[terminate_on_nan]",
    "runs_dir": "other",
    "reports_dir": "other",
}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("runs"), PLAIN, stop=Stop((1, 1))).path


@pytest.mark.parametrize("key", NEW, ids=lambda key: f"set {key}")
def test_every_key_is_free_or_refused_with_a_reason(stopped: Path, key: str) -> None:
    overrides = [f"{key}={NEW[key]}"] + (["layers=null"] if key == "model" else [])
    overrides += ["train.init_from=other.npz"] if key == "train.init_except" else []
    overrides += ["data.augment.flip=true"] if key == "data.augment.alternate" else []
    if key in FREE:
        extension = extending.plan(stopped, overrides)
        assert extension is not None
        assert list(extension.changed) == [key]
        return
    with pytest.raises(ConfigError, match="cannot be changed in a run: ") as caught:
        extending.plan(stopped, overrides)
    assert not isinstance(caught.value, ConfigProblems)
    assert "\n" not in str(caught.value)


def test_no_key_is_forgotten() -> None:
    """A new key of the schema has to be looked at here."""
    known = {field.path for field in fields()}
    sections = {path.rpartition(".")[0] for path in known}
    covered = {path for path in known for key in NEW if f"{path}.".startswith(f"{key}.")}
    assert known - covered - sections == set()


@pytest.mark.parametrize(
    ("scheduler", "more", "words"),
    [
        ("{name: cosine}", [], r"add --set train\.scheduler\.T_max=3"),
        ("{name: one_cycle}", [], "one_cycle of what was trained spans 3 epochs, not 5"),
        ("{name: triangle}", [], "triangle of what was trained spans 3 epochs, not 5"),
        ("null", ["train.lookahead={every: 3}"], "lookahead of what was trained spans 3 epochs"),
        ("null", ["train.average={}"], "average of what was trained spans 3 epochs"),
        ("{name: cosine}", ["train.scheduler.T_max=3"], None),
        ("{name: cosine, T_max: 3}", [], None),
        ("{name: step, step_size: 2}", [], None),
    ],
)
def test_a_schedule_that_goes_by_the_number_of_epochs_is_kept(
    tmp_path: Path, scheduler: str, more: list[str], words: str | None
) -> None:
    kept = more if scheduler == "null" else []
    run = make(tmp_path, PLAIN, f"train.scheduler={scheduler}", *kept)
    overrides = ["train.epochs=5", *more]
    if words is not None:
        with pytest.raises(ConfigError, match=words):
            extending.plan(run.path, overrides)
        return
    longer = extend(run.path, *overrides)
    whole = make(tmp_path / "whole", PLAIN, f"train.scheduler={scheduler}", *overrides)
    assert longer.history == whole.history


def test_less_patience_is_refused(tmp_path: Path) -> None:
    run = make(tmp_path, PLAIN + STOPPING.replace("patience: 1", "patience: 5"), stop=Stop((1, 1)))
    with pytest.raises(ConfigError, match="it might have ended before"):
        extending.plan(run.path, ["callbacks.0.early_stopping.patience=1"])
    with pytest.raises(ConfigError, match="state of the callbacks"):
        extending.plan(run.path, ["callbacks.0.early_stopping.monitor=val_acc"])


def test_the_same_values_change_nothing(stopped: Path) -> None:
    assert extending.plan(stopped, ["train.epochs=3", "train.lr=0.02"]) is None
