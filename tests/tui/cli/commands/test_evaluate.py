"""``evaluate`` of a run that is trained once."""

import json
import os
import signal
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from engine.data import DATASETS
from engine.errors import CheckpointError
from engine.runs.directory import RunDir
from engine.services.signals import Interrupted
from engine.train import factory
from engine.train.weights import load_model
from tests.support.command_runs import make_config, speak
from tui.cli.commands.evaluate import evaluate
from tui.cli.commands.gradcheck import gradcheck


def test_evaluate_says_what_the_run_said(
    tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = speak(capsys, as_json=True)
    assert evaluate(make_config(tmp_path), trained, spoken.out) == 0
    (result,) = spoken.lines()
    test = RunDir.view(trained).read_record()["test"]
    assert (result["test_loss"], result["test_acc"]) == (test["test_loss"], test["test_acc"])
    confusion = np.array(result["confusion"])
    assert confusion.sum() == result["samples"] == 1000
    assert np.trace(confusion) / 1000 == pytest.approx(result["test_acc"])
    np.testing.assert_allclose(result["recall"], np.diag(confusion) / confusion.sum(axis=1))
    assert result["classes"] == list("0123456789")
    assert result["test_top5"] >= result["test_acc"]
    assert not list(tmp_path.iterdir()), "an evaluation writes nothing"


def test_evaluate_shows_a_table_of_classes_and_a_confusion_matrix(
    tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = speak(capsys)
    assert evaluate(make_config(tmp_path, "train.workers=1"), trained, spoken.out) == 0
    lines = spoken.read()[0].splitlines()
    assert lines[0].startswith("test_loss ")
    assert lines[2].split() == ["class", "precision", "recall", "f1", "samples"]
    assert [line.split()[0] for line in lines[3:13]] == list("0123456789")
    assert [len(line.split()) for line in lines[15:]] == [11] * 10
    assert spoken.bar.last == (1000, 1000)
    assert spoken.bar.closed


def test_evaluate_ends_at_a_signal(
    tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = speak(capsys)

    def interrupt(label: str, done: int, total: int) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    spoken.bar.update = interrupt  # type: ignore[method-assign]
    with pytest.raises(Interrupted) as caught:
        evaluate(make_config(tmp_path), trained, spoken.out)
    assert caught.value.exit_code == 143
    assert spoken.bar.closed
    assert spoken.read()[0] == ""


def test_evaluate_refuses_weights_before_it_loads_the_data(
    tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_config(tmp_path, "layers=[Flatten, Dense: {out_features: 10, bias: false}]")
    with (
        patch.object(factory, "load_dataset", side_effect=AssertionError),
        pytest.raises(CheckpointError, match=r"1\.bias is not expected"),
    ):
        evaluate(other, trained, speak(capsys).out)


def test_evaluate_normalises_as_the_weights_were_trained_and_says_so(
    tmp_path: Path, trained: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, fashion = make_config(tmp_path), DATASETS["fashion_mnist"]
    spoken = speak(capsys, as_json=True)
    assert evaluate(config, elsewhere, spoken.out) == 0
    out, err = spoken.read()
    result = json.loads(out)
    assert (result["mean"], result["std"]) == ([*fashion.mean], [*fashion.std])
    assert err.startswith("warning: the weights were trained on fashion_mnist")
    dataset = factory.load_dataset(config)
    x = (dataset.test.images / 255 - fashion.mean[0]) / fashion.std[0]
    model = load_model(config, elsewhere).eval()
    right = model.forward(x.astype(np.float32)).argmax(axis=1) == dataset.test.labels
    assert result["test_acc"] == right.mean()


def test_evaluate_says_nothing_where_the_normalisation_is_the_same(
    tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = speak(capsys, as_json=True)
    evaluate(make_config(tmp_path), trained, spoken.out)
    out, err = spoken.read()
    mini = DATASETS["mnist_mini"]
    assert (json.loads(out)["mean"], json.loads(out)["std"]) == ([*mini.mean], [*mini.std])
    assert err == ""


def test_gradcheck_normalises_as_the_weights_were_trained(
    tmp_path: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = speak(capsys)
    assert gradcheck(make_config(tmp_path), spoken.out, weights=elsewhere, samples=2) == 0
    assert "the weights were trained on fashion_mnist" in spoken.read()[1]
