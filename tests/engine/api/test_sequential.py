"""Networks from Python: the bits of the command, what is kept between calls, errors that teach."""

import os
import pickle
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine import Conv2D, Dense, Flatten, ReLU, Sequential, data
from engine.callbacks import Callback, Logs
from engine.checkpoints import checkpoint
from engine.config import loads
from engine.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    Diverged,
    EngineError,
    NotReadyError,
    ShapeError,
)
from engine.importing.folders import DiskFile
from engine.losses import SoftmaxCrossEntropy
from engine.services.predict import Answer, Question, ask, open_network
from tests.support.imported_sets import make_set
from tests.support.small_runs import Recorder, same_arrays, saved_model, train

CONFIG = """
dataset: pets
seed: 7
layers:
  - Conv2D: {out_channels: 4, kernel_size: 3, bias: false}
  - BatchNorm2D
  - ReLU
  - Flatten
  - Dropout: {p: 0.3}
  - Dense: {out_features: 3}
data: {validation: 0.2, augment: {shift: 1, flip: true}}
train:
  epochs: 3
  batch_size: 16
  optimizer: momentum
  momentum: 0.8
  lr: 0.01
  scheduler: {name: cosine}
  clip_norm: 0.5
  label_smoothing: 0.1
callbacks: [early_stopping: {patience: 2}]
"""


def small(classes: int = 3) -> Sequential:
    return Sequential([Conv2D(3, 3), ReLU(), Flatten(), Dense(classes)])


def stripes(count: int = 48, classes: int = 3, side: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Images with a bright row where their class is."""
    rng = np.random.default_rng(0)
    y = np.arange(count) % classes
    x = rng.integers(0, 80, (count, side, side), dtype=np.uint8)
    x[np.arange(count), y] = 250
    return x, y


def quick(model: Sequential, x: Any, y: Any, **more: Any) -> Any:
    return model.fit(x, y, **{"epochs": 2, "batch_size": 8, "lr": 0.01, "verbose": False, **more})


def test_fit_trains_the_bits_of_the_command(tmp_path: Path) -> None:
    make_set(tmp_path)
    config = loads(
        CONFIG,
        "pets.yaml",
        [
            f"data.root={tmp_path}",
            f"runs_dir={tmp_path / 'runs'}",
            f"reports_dir={tmp_path / 'reports'}",
        ],
    )
    run = train(config)
    pets = data.load("pets", tmp_path).train
    model = Sequential(config.specs)
    model.fit(
        pets.images,
        pets.labels,
        epochs=3,
        batch_size=16,
        optimizer={"name": "momentum", "momentum": 0.8},
        lr=0.01,
        validation_split=0.2,
        augment={"shift": 1, "flip": True},
        scheduler={"name": "cosine"},
        clip_norm=0.5,
        label_smoothing=0.1,
        callbacks=[{"early_stopping": {"patience": 2}}],
        seed=7,
        verbose=False,
    )
    assert same_arrays(model.network.state_dict(), saved_model(run.path / "weights.npz"))
    assert model.history is not None
    assert model.history.stopped is None
    assert model.history["val_loss"].tolist() == [row["val_loss"] for row in run.history]


def test_classes_have_their_names_again_in_predictions() -> None:
    x, y = stripes()
    names = np.array(["ox", "cow", "ant"])[y]
    model = small()
    quick(model, x, names.tolist(), epochs=12)
    assert model.classes.tolist() == ["ant", "cow", "ox"]
    assert (model.predict(x) == names).mean() > 0.9
    proba = model.predict_proba(x)
    assert proba.shape == (48, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    assert model.evaluate(x, names)["acc"] == (model.predict(x) == names).mean()
    assert model.evaluate(x, np.array([2, 1, 0])[y]) == model.evaluate(x, names)


def test_floats_of_any_range_are_learnt_as_their_pixels_are() -> None:
    x, y = stripes()
    x[0, 0, :2] = 0, 255  # so that both have the same black and white
    pixels, floats = small(), small()
    quick(pixels, x, y)
    quick(floats, x / 255 * 16 - 8, y)
    for name, array in pixels.network.state_dict().items():
        np.testing.assert_allclose(floats.network.state_dict()[name], array, atol=1e-3)
    np.testing.assert_allclose(
        floats.predict_proba(x / 255 * 16 - 8), pixels.predict_proba(x), atol=1e-3
    )
    assert pixels.predict_proba(x.astype(float)).tobytes() == pixels.predict_proba(x).tobytes()


def test_fit_again_continues_with_the_weights_and_what_arrays_mean() -> None:
    x, y = stripes()
    model = small()
    quick(model, x, y, epochs=12)
    before = model.evaluate(x, y)["loss"]
    history = quick(model, x[:20] // 2, y[:20], epochs=1, lr=1e-5)
    assert history.epochs == 1
    assert abs(model.evaluate(x, y)["loss"] - before) < 0.1
    with pytest.raises(DataError, match="y: 3 is none of the 3 classes"):
        quick(model, x, (y + 1))
    with pytest.raises(EngineError, match=r"got images of shape \(1, 5, 6\), expected \(1, 6, 6\)"):
        quick(model, x[:, 1:], y)
    with pytest.raises(EngineError, match="but the network was built for"):
        quick(small().build((6, 6)), x[:, 1:], y)


def test_build_gives_the_weights_that_fit_begins_with() -> None:
    x, y = stripes()
    built, fresh = small().build((6, 6), seed=3), small()
    for model in (built, fresh):
        quick(model, x, y, seed=3)
    assert same_arrays(built.network.state_dict(), fresh.network.state_dict())


def test_other_samples_can_be_held_out_and_all_others_are_trained_on() -> None:
    x, y = stripes()
    model, seen = small(), Recorder()
    history = quick(
        model,
        x[:41],
        y[:41],
        validation_data=(x[41:], y[41:]),
        label_smoothing=0.1,
        callbacks=[seen],
        epochs=1,
    )
    assert seen.calls.count("batch end 5") == 1  # five batches of 8, and one of the last sample
    assert model.evaluate(x[41:], y[41:])["loss"] == history["val_loss"][-1]
    few = quick(small(), x[:3], y[:3], validation_data=(x[3:4], y[3:4]))
    assert few.epochs == 2


def test_samples_are_weighted_and_remarked_upon_as_by_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    x, y = stripes()
    kept = np.flatnonzero((y > 0) | (np.arange(48) < 3))  # one of class 0, sixteen of the others
    uneven, balanced = small(), small()
    notes = quick(uneven, x[kept], y[kept], verbose=True).notes
    (note,) = [note for note in notes if note.startswith("uneven classes: class '0' has")]
    assert f"note: {note}" in capsys.readouterr().out
    quick(balanced, x[kept], y[kept], class_weights="balanced")
    assert not same_arrays(uneven.network.state_dict(), balanced.network.state_dict())


class CtrlC(Callback):
    """Presses Ctrl-C after a batch of the second epoch."""

    def on_epoch_begin(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        if (self.epoch, batch) == (1, 1):
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_leaves_a_network_and_a_history_that_says_so() -> None:
    x, y = stripes()
    model, handler = small(), signal.getsignal(signal.SIGINT)
    history = quick(model, x, y, epochs=50, callbacks=[CtrlC()])
    assert history.epochs == 1
    assert history.stopped == "interrupted after batch 2 of 6 in epoch 2"
    assert model.history is history
    assert model.predict(x).shape == (48,)
    assert signal.getsignal(signal.SIGINT) is handler
    assert "interrupted" in repr(history)


@pytest.mark.parametrize(("presses", "batches"), [(1, 3), (2, 2)])
def test_ctrl_c_in_the_midst_of_a_batch_waits_for_its_end_and_a_second_one_does_not(
    presses: int, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = stripes()
    forward, calls = SoftmaxCrossEntropy.forward, []

    def interrupted(self: Any, pred: Any, target: Any) -> float:
        calls.append(1)
        for _ in range(presses if len(calls) == 3 else 0):
            os.kill(os.getpid(), signal.SIGINT)
        return forward(self, pred, target)

    monkeypatch.setattr(SoftmaxCrossEntropy, "forward", interrupted)
    history = quick(small(), x, y, callbacks=[Recorder()])
    assert history.stopped == f"interrupted after batch {batches} of 6 in epoch 1"


def test_a_training_that_diverges_keeps_the_weights_and_epochs_before() -> None:
    x, y = stripes()
    model = small()
    with pytest.raises(Diverged, match="Try a smaller lr"):
        quick(model, x, y, epochs=9, lr=1e30, optimizer="sgd")
    assert model.history is not None
    assert "diverged" in str(model.history.stopped)
    assert np.isfinite(model.network[0].params["weight"]).all()


def test_a_saved_network_is_the_same_network(tmp_path: Path) -> None:
    x, y = stripes()
    model = small()
    quick(model, x / 100, y * 2)
    model.save(tmp_path / "x.npz")
    again = Sequential.load(tmp_path / "x.npz")
    assert again.predict_proba(x / 100).tobytes() == model.predict_proba(x / 100).tobytes()
    assert again.predict(x / 100).tolist() == model.predict(x / 100).tolist()
    assert again.evaluate(x / 100, y * 2) == model.evaluate(x / 100, y * 2)
    assert repr(pickle.loads(pickle.dumps(model))) == repr(model) == repr(again)
    quick(again, x[y < 2] / 100, y[y < 2] * 2)
    assert again.classes.tolist() == [0, 2, 4]
    with pytest.raises(CheckpointError, match="no such file"):
        Sequential.load(tmp_path / "y.npz")


def test_a_file_that_says_nonsense_about_arrays_is_refused(tmp_path: Path) -> None:
    small().build((6, 6)).save(tmp_path / "x.npz")
    saved = checkpoint.load(tmp_path / "x.npz")
    for nonsense in (
        {"low": 1.0, "high": 1.0},
        {"loss": "hinge"},
        {"numbers": 3},
        {"low": None},
        7,
    ):
        meta = saved.meta | {"arrays": nonsense}
        checkpoint.save(tmp_path / "y.npz", saved.arrays, meta)
        with pytest.raises(CheckpointError, match=r"y\.npz: arrays") as caught:
            Sequential.load(tmp_path / "y.npz")
        assert "\n" not in str(caught.value)
    described = saved.meta["data_set"] | {"classes": ["x", "y", "z"]}
    checkpoint.save(tmp_path / "y.npz", saved.arrays, saved.meta | {"data_set": described})
    with pytest.raises(CheckpointError, match=r"y\.npz"):
        Sequential.load(tmp_path / "y.npz")


def test_the_command_line_asks_a_saved_network_about_images(tmp_path: Path) -> None:
    x, y = stripes()
    model = small()
    quick(model, x, np.array(["cow", "ox", "ant"])[y], epochs=12)
    model.save(tmp_path / "x.npz")
    images = [tmp_path / f"{i}.png" for i in range(3)]
    for image, pixels in zip(images, x, strict=False):
        Image.fromarray(pixels).save(image)
    network = open_network(str(tmp_path / "x.npz"), None, None, ())
    asked = list(ask(network, [Question(DiskFile("", str(image))) for image in images]))
    answers = [answer for answer in asked if isinstance(answer, Answer)]
    found = np.array([answer.probabilities for answer in answers])
    np.testing.assert_allclose(found, model.predict_proba(x[:3]), atol=1e-6)
    assert [network.info.classes[a.predicted or 0] for a in answers] == ["cow", "ox", "ant"]


def test_it_says_what_to_call_before_there_are_weights() -> None:
    x, y = stripes()
    model = small()
    assert repr(model) == "Sequential([Conv2D(3, 3), ReLU(), Flatten(), Dense(3)])"
    for call in (model.predict, model.predict_proba, model.forward, model):
        with pytest.raises(NotReadyError, match=r"call fit\(x, y\) to train it, or build"):
            call(x)
    with pytest.raises(NotReadyError, match=r"call fit\(x, y\)"):
        model.evaluate(x, y)
    with pytest.raises(NotReadyError, match=r"call fit\(x, y\)"):
        model.save("x.npz")
    with pytest.raises(NotReadyError, match=r"call summary\(\(1, 28, 28\)\)"):
        model.summary()
    assert model.summary((6, 6)).parameters == 30 + 3 * 49
    for shape in (28, (28,), (1, 1, 28, 28), (0, 6)):
        with pytest.raises(ShapeError, match=r"input_shape: expected \(C, H, W\) or \(H, W\)"):
            model.build(shape)  # type: ignore[arg-type]
    assert "Dense" in model.build((6, 6))._repr_html_()


X, Y = stripes()


@pytest.mark.parametrize(
    ("x", "y", "more", "message"),
    [
        (X[0], Y, {}, r"x: got shape \(6, 6\); .* for one image x\[None\]"),
        (X[:0], Y[:0], {}, "x: got shape"),
        (np.zeros((9, 8, 8, 3)), Y[:9], {}, r"channels last.* give x.transpose\(0, 3, 1, 2\)"),
        (X.astype(str), Y, {}, "x: got an array of <U3; expected numbers"),
        (np.full((9, 6, 6), np.nan), Y[:9], {}, "NaN or infinite"),
        (np.ones((9, 6, 6)), Y[:9], {}, "all numbers are 1"),
        (X, Y[:-1], {}, "y: got 47 labels for 48 images"),
        (X, np.eye(3)[Y], {}, r"one-hot rows give y.argmax\(axis=1\)"),
        (X, Y + 0.5, {}, "y: got an array of float64; expected whole numbers or names"),
        (X, Y * 0, {}, "two classes or more"),
        (
            X,
            np.arange(48) % 4,
            {},
            r"y: got 4 classes \(0, 1, 2, 3\), but .* shape 3; end it with Dense\(4\)",
        ),
        (X, Y, {"lr": -1}, "^lr: expected"),
        (X, Y, {"epoch": 3}, "^epoch: unknown key. Did you mean 'epochs'"),
        (X, Y, {"optimizer": "adm"}, "^optimizer: expected .* Did you mean 'adam'"),
        (X, Y, {"optimizer": {"name": "adam", "beta": 1}}, "^beta: unknown key"),
        (X, Y, {"validation_split": 2.0}, "^validation_split: expected a fraction"),
        (X, Y, {"callbacks": ["early_stoping"]}, "Did you mean 'early_stopping'"),
        (X, Y, {"callbacks": "early_stopping"}, r"expected a list, such as \['early_stopping'\]"),
        (X, Y, {"validation_data": X}, r"validation_data: expected a pair \(x, y\)"),
        (X, Y, {"augment": {"shift": 9}}, "^augment.shift: expected less than 6"),
        (X[:, :2], Y, {}, "an image that the kernel fits into"),
    ],
)
def test_a_mistake_is_answered_in_one_line(x: Any, y: Any, more: Any, message: str) -> None:
    model = small()
    with pytest.raises(EngineError, match=message) as caught:
        quick(model, x, y, **more)
    assert "\n" not in str(caught.value)
    with pytest.raises(NotReadyError):
        model.predict(X)


def test_other_numbers_than_in_training_are_refused() -> None:
    model, floats = small(), small()
    quick(model, X, Y, epochs=1)
    quick(floats, X / 255, Y, epochs=1)
    with pytest.raises(DataError, match=r"numbers up to 1.* give 255 \* x"):
        model.predict(X / 255)
    with pytest.raises(DataError, match="scale x as in training, such as x / 255"):
        floats.predict(X)


def test_images_that_a_file_cannot_describe_are_not_saved(tmp_path: Path) -> None:
    model = small().build((2, 6, 6))
    with pytest.raises(ConfigError, match="expected 1 or 3 channels, got 2"):
        model.save(tmp_path / "x.npz")
    assert not (tmp_path / "x.npz").exists()


def test_it_tells_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    quick(small(), X, Y, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines if line.startswith("epoch")] == [
        "epoch 1/2",
        "epoch 2/2",
    ]
