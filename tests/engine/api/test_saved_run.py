"""Runs of the command, opened from Python."""

from pathlib import Path

import numpy as np
import pytest

from engine import SavedRun, data, runs
from engine.errors import CheckpointError
from tests.support.small_runs import Run, Stop, make_config, same_arrays, saved_model, train


@pytest.fixture(scope="module", name="run")
def fixture_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(make_config(tmp_path_factory.mktemp("run")))


def test_a_run_is_opened_with_config_curves_weights_and_network(run: Run) -> None:
    opened = runs.load(run.path)
    assert isinstance(opened, SavedRun)
    assert opened.config.train.lr == 0.02
    assert opened.history["val_acc"].tolist() == [row["val_acc"] for row in run.history]
    assert opened.history.stopped is None
    assert same_arrays(opened.weights, saved_model(run.path / "weights.npz"))
    test = data.load("mnist_mini").test
    measured = opened.model().evaluate(test.images, test.labels)
    assert measured["acc"] == run.ended.test["test_acc"]
    assert measured["loss"] == run.ended.test["test_loss"]
    assert opened.model().predict(test.images[:2]).dtype.kind == "U"
    assert repr(opened) == f"SavedRun({str(run.path)!r}, finished)"


def test_it_is_shown_in_a_notebook(run: Run) -> None:
    shown = runs.load(str(run.path / "weights.npz"))._repr_html_()
    assert shown.count("<polyline") == 4
    assert "mnist_mini" in shown
    assert "batch_size: 48" in shown


def test_a_name_finds_the_newest_run_of_a_config(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.path.parents[1])
    assert runs.load("small").id == run.path.name
    with pytest.raises(CheckpointError, match=r"no run 'smal1'\. Did you mean 'small'"):
        runs.load("smal1")


def test_an_interrupted_run_says_so(run: Run, tmp_path: Path) -> None:
    config = make_config(tmp_path)
    stopped = train(config, stop=Stop((1, 0)))
    opened = runs.load(stopped.path)
    assert opened.status == "stopped"
    assert opened.history.stopped == "test"
    assert opened.history.epochs == 1
    (stopped.path / "config.yaml").write_text("<b>: [")
    assert "config.yaml" in opened._repr_html_()
    assert np.isfinite(opened.model().network.named_parameters()["0.weight"]).all()
