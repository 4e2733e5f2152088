"""``evaluate`` of a run that is trained once."""

import json
import os
import signal
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from rich.cells import cell_len

from engine.data import DATASETS, Split
from engine.errors import CheckpointError, ConfigError
from engine.metrics import per_class
from engine.runs.directory import RunDir
from engine.services.evaluation.evaluate import Measurement
from engine.services.signals import Interrupted
from engine.train import factory
from engine.train.results import Evaluation
from engine.train.weights import load_model
from tests.support.command_runs import make_config, speak
from tests.support.command_runs import run as train
from tui.cli.commands.evaluate import evaluate
from tui.cli.commands.gradcheck import gradcheck
from tui.cli.main import main


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


def shown(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    classes: tuple[str, ...],
    confusion: np.ndarray,
    *,
    as_json: bool = False,
    columns: int = 80,
) -> str:
    """What ``evaluate`` writes about a network with these mistakes."""
    labels = np.repeat(np.arange(len(classes)), confusion.sum(axis=1))
    predictions = np.concatenate([np.repeat(np.arange(len(classes)), row) for row in confusion])
    ones = np.ones(len(labels))
    found = Measurement(
        Evaluation(
            0.5, float((labels == predictions).mean()), predictions, labels, 1.0, ones, ones
        ),
        classes,
        confusion,
        per_class(confusion),
        Split(np.zeros((1, 1, 8, 8), np.uint8), np.zeros(1, np.int64)),
        (0.5,),
        (0.25,),
        "",
    )
    monkeypatch.setattr("engine.services.evaluation.evaluate.measure", lambda *args, **more: found)
    monkeypatch.setenv("COLUMNS", str(columns))
    spoken = speak(capsys, as_json=as_json)
    assert evaluate(make_config(Path("/nowhere")), Path("net.npz"), spoken.out) == 0
    return spoken.read()[0]


def test_the_macro_f1_is_said_beside_the_accuracy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    always_cat = np.array([[97, 0], [3, 0]])
    text = shown(monkeypatch, capsys, ("cat", "dog"), always_cat)
    assert text.splitlines()[0].split("  ")[1:3] == ["test_acc 0.9700", "macro_f1 0.4924"]
    line = shown(monkeypatch, capsys, ("cat", "dog"), always_cat, as_json=True)
    assert json.loads(line)["test_macro_f1"] == pytest.approx(194 / 197 / 2)


def test_of_many_classes_the_worst_mistakes_and_the_worst_classes_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    classes = tuple(f"a kind of animal that has a long name, number {i}" for i in range(100))
    confusion = np.diag(np.full(100, 50))
    confusion[71, [71, 3]] = 13, 37
    confusion[5, [5, 6]] = 30, 20
    lines = shown(monkeypatch, capsys, classes, confusion).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].split() == ["true", "predicted", "times"]
    assert lines[3].replace("  ", " ").endswith("number 3 37 of 50")
    assert "umber 71  " in lines[3]
    assert lines.index("", 4) == 5, "there are two mistakes"
    first = 7
    assert [line.split()[-5] for line in lines[first : first + 4]] == ["71", "3", "5", "6"]
    assert len(lines) == first + 20 + 2
    assert lines[-1].startswith("The 20 of 100 classes with the lowest F1; --json has all")
    everything = json.loads(shown(monkeypatch, capsys, classes, confusion, as_json=True))
    assert np.array_equal(everything["confusion"], confusion)
    assert everything["classes"] == list(classes)


def test_names_of_any_script_and_length_keep_the_columns_and_the_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    classes = ("\x1b[31m犬" * 30, "猫", "a dog", "é" * 40 + "1", "é" * 40 + "2")
    text = shown(monkeypatch, capsys, classes, np.diag([7, 8, 9, 10, 11]))
    assert "\x1b" not in text
    blocks = [block.splitlines() for block in text.split("\n\n")]
    assert len(blocks) == 3
    for block in blocks[1:]:
        assert len(set(map(cell_len, block))) == 1
        assert cell_len(block[0]) <= 80
    assert [line.split()[-5:] for line in blocks[2][1:]] == np.diag([7, 8, 9, 10, 11]).astype(
        str
    ).tolist()


def test_a_matrix_that_does_not_fit_gives_way_to_the_mistakes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    classes = tuple(f"{i} is its number" for i in range(12))
    confusion = np.full((12, 12), 1000)
    assert "true, predicted →" in shown(monkeypatch, capsys, classes, confusion, columns=120)
    narrow = shown(monkeypatch, capsys, classes, confusion, columns=60)
    assert "true, predicted →" not in narrow
    assert "1,000 of 12,000" in narrow
    perfect = shown(monkeypatch, capsys, classes, np.diag(confusion.diagonal()), columns=60)
    assert "no mistakes" in perfect


def test_the_worst_images_are_listed_by_loss_and_by_confidence(
    tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make_config(tmp_path)
    spoken = speak(capsys, as_json=True)
    assert evaluate(config, trained, spoken.out, mistakes=5) == 0
    (result,) = spoken.lines()
    found = result["mistakes"]
    test = factory.load_dataset(config).test
    for order, key in (("by_loss", "loss"), ("by_confidence", "probability")):
        assert len(found[order]) == 5
        values = [row[key] for row in found[order]]
        assert values == sorted(values, reverse=True)
        for row in found[order]:
            assert row["label"] == str(test.labels[row["image"]])
    assert all(row["label"] != row["predicted"] for row in found["by_confidence"])
    spoken = speak(capsys)
    evaluate(config, trained, spoken.out, mistakes=1)
    *_, loss, confidence = spoken.read()[0].strip().split("\n\n")
    assert loss.startswith("The image with the largest loss:\n")
    assert loss.splitlines()[2].split()[0] == f"#{found['by_loss'][0]['image']}"
    assert confidence.splitlines()[2].split()[1:4] == [
        found["by_confidence"][0]["label"], found["by_confidence"][0]["predicted"], "wrong",
    ]  # fmt: skip


def test_a_network_of_nans_has_no_probabilities_and_json_says_null(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trained: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    real = load_model

    def broken(*args: object) -> object:
        model = real(*args)  # type: ignore[arg-type]
        for array in model.state_dict().values():
            array[...] = np.nan
        return model

    monkeypatch.setattr("engine.services.evaluation.evaluate.load_model", broken)
    spoken = speak(capsys, as_json=True)
    assert evaluate(make_config(tmp_path), trained, spoken.out, mistakes=1) == 0
    (result,) = spoken.lines()
    (row,) = result["mistakes"]["by_confidence"]
    assert (row["image"], row["predicted"], row["probability"], row["loss"]) == (
        0,
        None,
        None,
        None,
    )
    spoken = speak(capsys)
    evaluate(make_config(tmp_path), trained, spoken.out, mistakes=1)
    assert "none       wrong          nan   nan" in spoken.read()[0].splitlines()[-1]


def test_two_networks_are_compared(
    tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make_config(tmp_path)
    other = train(tmp_path, "train.lr=0.5")
    spoken = speak(capsys, as_json=True)
    assert evaluate(config, trained, spoken.out, against=(config, other)) == 0
    (result,) = spoken.lines()
    second = result["against"]
    record = RunDir.view(other).read_record()["test"]
    assert (second["test_loss"], second["test_acc"]) == (record["test_loss"], record["test_acc"])
    difference = np.array(second["confusion"]) - np.array(result["confusion"])
    assert second["difference"] == difference.tolist()
    change = second["only_second_right"] - second["only_first_right"]
    assert change == pytest.approx(1000 * (second["test_acc"] - result["test_acc"]))
    spoken = speak(capsys)
    evaluate(config, trained, spoken.out, against=(config, other))
    lines = spoken.read()[0].splitlines()
    assert [line.split()[-3] for line in lines[1:4]] == [
        f"{result['test_acc']:.4f}", f"{second['test_acc']:.4f}", f"{change / 1000:+.4f}",
    ]  # fmt: skip
    assert lines[7] == "Changed most:"
    cell = lines[9].split()
    change = int(cell[-1])
    assert abs(change) == np.abs(difference).max()
    assert int(cell[-2]) - int(cell[-3]) == change


def test_networks_of_other_data_are_refused_before_anything_is_computed(
    tmp_path: Path, trained: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fashion = make_config(tmp_path, "dataset=fashion_mnist")
    with (
        patch.object(factory, "load_dataset", side_effect=AssertionError),
        pytest.raises(ConfigError, match="one is of mnist_mini, the other of fashion_mnist"),
    ):
        evaluate(make_config(tmp_path), trained, speak(capsys).out, against=(fashion, elsewhere))


def test_against_takes_a_run_or_a_file_of_weights_with_the_config_that_is_given(
    tmp_path: Path, trained: Path, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    alone = tmp_path / "net.npz"
    alone.write_bytes((trained / "weights.npz").read_bytes())
    config = str(trained / "config.yaml")
    for name, options in ((trained, []), (alone, ["--config", config])):
        command = ["evaluate", "--weights", str(trained), "--against", str(name), *options]
        assert main([*command, "--quiet"]) == 0
        assert "The confusion matrices are the same." in capfd.readouterr().out
    command = ["evaluate", "--weights", str(trained), "--against", str(alone)]
    assert main(command) == 2
    assert "its config is not known; add --config" in capfd.readouterr().err


def test_over_epochs_shows_each_class_of_a_run_and_of_nothing_else(
    tmp_path: Path, trained: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "--weights", str(trained), "--over-epochs"]
    assert main([*command, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["epochs"][0] == 0
    assert np.shape(found["recall"]) == (len(found["epochs"]), len(found["classes"]))
    assert main(command) == 0
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == len(found["classes"]) + 3
    assert lines[-1].split()[:3] == [
        "all",
        f"{found['test_acc'][0]:.4f}",
        f"{found['test_acc'][-1]:.4f}",
    ]
    alone = tmp_path / "net.npz"
    alone.write_bytes((trained / "weights.npz").read_bytes())
    config = str(trained / "config.yaml")
    assert main(["evaluate", "--weights", str(alone), "--config", config, "--over-epochs"]) == 2
    assert "it is in no run" in capfd.readouterr().err


def test_over_epochs_goes_without_mistakes_and_against(capfd: pytest.CaptureFixture[str]) -> None:
    for more in (["--mistakes", "3"], ["--against", "other"]):
        assert main(["evaluate", "--weights", "run", "--over-epochs", *more]) == 2
        assert "--over-epochs goes without" in capfd.readouterr().err
