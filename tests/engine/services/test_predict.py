"""Asking a trained network about image files."""

import copy
import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import data
from engine.checkpoints import checkpoint
from engine.data import DATASETS, Normalisation
from engine.errors import Cancelled, CheckpointError, ConfigError
from engine.images.ink import as_ink
from engine.importing.folders import DiskFile
from engine.models.inference import Predictor
from engine.services import predict
from engine.services.predict import (
    Answer,
    Question,
    Score,
    TrainedNetwork,
    Unanswered,
    ask,
    find_images,
    open_network,
    read_picture,
)
from tests.support.imported_sets import make_set
from tests.support.photographs import photograph
from tests.support.run_makers import make_run
from tests.support.small_runs import make_config, train

MNIST = DATASETS["mnist"]
DIGITS = MNIST.classes


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> TrainedNetwork:
    """A network that tells most of the bundled digits."""
    config = make_config(
        tmp_path_factory.mktemp("trained"),
        "dataset: mnist_mini\nseed: 0\nlayers: [Flatten, Dense: {out_features: 10}]\n"
        "train: {epochs: 4, batch_size: 50, lr: 0.05}\n",
    )
    return open_network(str(train(config).path), None, None, ())


def write(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def png_header(width: int, height: int) -> bytes:
    """The first bytes of a grey image, up to its pixels."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n\0\0\0\r" + chunk + struct.pack(">I", zlib.crc32(chunk))
    return head + b"\0\0\0\x10IDAT"


def asked(network: TrainedNetwork, *paths: Path) -> list[Answer | Unanswered]:
    questions = (one for path in paths for one in find_images(str(path), network.info.classes))
    return list(ask(network, questions))


@pytest.mark.proof
def test_most_photographs_of_digits_are_told(network: TrainedNetwork) -> None:
    rng = np.random.default_rng(5)
    test = data.load("mnist_mini").test
    digits, labels = test.images[:25, 0], test.labels[:25]
    photographs = [photograph(digit, rng, side=80) for digit in digits]

    def right(images: list[np.ndarray]) -> int:
        seen = np.stack([as_ink(image, (28, 28))[None] for image in images])
        with predict.Workers(1) as workers:
            logits = Predictor(network.model, workers).logits(
                Normalisation(network.info.mean, network.info.std)(seen)
            )
        return int((logits.argmax(axis=1) == labels).sum())

    assert right(list(digits)) >= 20
    assert right(photographs) >= 16


def test_the_answers_are_those_of_the_network_for_the_test_set(
    tmp_path: Path, network: TrainedNetwork
) -> None:
    test = data.load("mnist_mini").test
    for i in range(12):
        write(tmp_path / f"{i}.png", test.images[i, 0])
    answers = asked(network, tmp_path)
    x = Normalisation(network.info.mean, network.info.std)(test.images[:12])
    expected = network.model.eval().forward(x).argmax(axis=1)
    for i, answer in enumerate(answers):
        assert isinstance(answer, Answer)
        assert answer.question.path == str(tmp_path / f"{i}.png"), "in the natural order"
        np.testing.assert_array_equal(answer.picture, test.images[i])
        assert answer.predicted == answer.top(3)[0] == expected[i]
        assert answer.probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_the_files_of_a_folder_are_of_the_class_that_it_is_called_as(tmp_path: Path) -> None:
    grey = np.zeros((4, 4), np.uint8)
    for name in ("7/a.png", "3/b.JPG", "other/c.png", "d.bmp", ".hidden.png"):
        write(tmp_path / name, grey)
    write(tmp_path / "3" / "deeper" / "e.png", grey)
    (tmp_path / "3" / "notes.txt").write_text("")
    found = [
        (os.path.relpath(one.path, tmp_path), one.label)
        for one in find_images(str(tmp_path), DIGITS)
        if isinstance(one, Question)
    ]
    assert found == [
        ("3/b.JPG", 3), ("3/deeper/e.png", 3), ("7/a.png", 7),
        ("d.bmp", None), ("other/c.png", None),
    ]  # fmt: skip


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path: Path, network: TrainedNetwork) -> None:
    good = write(tmp_path / "good.png", np.zeros((30, 30), np.uint8))
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.jpg").touch()
    content = write(tmp_path / "cut.jpg", np.eye(90, dtype=np.uint8) * 255).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(content[: len(content) // 2])
    (tmp_path / "huge.png").write_bytes(png_header(20_000, 20_000))
    os.mkfifo(tmp_path / "pipe.png")
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    names = ("text.png", "empty.jpg", "cut.jpg", "huge.png", "pipe.png", "gone.png", "nothing")
    *bad, answer = asked(network, *(tmp_path / name for name in names), good)
    assert isinstance(answer, Answer)
    reasons = {}
    for one in bad:
        assert isinstance(one, Unanswered)
        reasons[os.path.basename(one.path)] = one.reason
    assert reasons["text.png"].startswith("not an image of a known format")
    assert reasons["empty.jpg"].startswith("not an image of a known format")
    assert "truncated" in reasons["cut.jpg"]
    assert reasons["huge.png"].startswith("too many pixels, more than the limit")
    assert reasons["pipe.png"] == "not a regular file"
    assert reasons["gone.png"] == "no such file or directory"
    assert reasons["nothing"].startswith("no images in it; their names end with .png")


def test_only_a_batch_is_in_memory(tmp_path: Path, network: TrainedNetwork) -> None:
    image = write(tmp_path / "a.png", np.zeros((28, 28), np.uint8))
    taken = 0

    def endless() -> "predict.Iterator[Question]":
        nonlocal taken
        while True:
            taken += 1
            yield Question(DiskFile("", str(image)))

    answers = ask(network, endless())
    next(answers)
    assert taken == 64
    answers.close()  # type: ignore[attr-defined]


def test_it_can_be_cancelled(tmp_path: Path, network: TrainedNetwork) -> None:
    write(tmp_path / "a.png", np.zeros((28, 28), np.uint8))
    with pytest.raises(Cancelled):
        list(ask(network, find_images(str(tmp_path), DIGITS), lambda: True))


def test_a_colour_network_sees_images_in_its_preparation(tmp_path: Path) -> None:
    info = make_set(tmp_path, shape=(3, 8, 8))
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[..., 1] = 200
    picture = read_picture(DiskFile("", str(write(tmp_path / "green.png", pixels))), info)
    assert picture.shape == (3, 8, 8)
    assert picture[1, 3:5].min() > 150
    assert not picture[:, :1].any(), "black bars, as it is wider than high"
    assert not picture[[0, 2]].any()


def test_weights_alone_are_enough(tmp_path: Path, network: TrainedNetwork) -> None:
    alone = tmp_path / "alone.npz"
    alone.write_bytes(network.weights.read_bytes())
    again = open_network(str(alone), None, None, ())
    assert again.info.image_shape == (1, 28, 28)
    x = np.ones((1, 1, 28, 28), np.float32)
    np.testing.assert_array_equal(again.model.eval().forward(x), network.model.eval().forward(x))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"layers": None}, "does not say which network it is of; add --config"),
        ({"dataset": "x", "data_set": None}, "does not say which network it is of; add --config"),
        ({"layers": ["Flaten"]}, "cannot be built: .*Did you mean 'Flatten'"),
        ({"layers": [{"Dense": {"out_features": 10**9}}]}, "cannot be built"),
        ({"layers": [["x"]] * 3}, "cannot be built"),
        ({"layers": ["Flatten", {"Dense": {"out_features": 9}}]}, "does not fit this network"),
        ({"data_set": {"name": 3}}, "data_set"),
    ],
)
def test_weights_that_say_something_else_are_refused(
    tmp_path: Path, network: TrainedNetwork, change: dict[str, object], reason: str
) -> None:
    saved = checkpoint.load(network.weights)
    checkpoint.save(tmp_path / "odd.npz", saved.arrays, saved.meta | change)
    with pytest.raises(CheckpointError, match=reason) as caught:
        open_network(str(tmp_path / "odd.npz"), None, None, ())
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_than_the_config_are_refused(
    tmp_path: Path, network: TrainedNetwork
) -> None:
    with pytest.raises(CheckpointError, match="does not fit this network"):
        open_network(str(network.weights), None, "quickstart", ())
    with pytest.raises(ConfigError, match="add --config"):
        open_network(str(network.weights), None, None, ["seed=1"])


def test_a_run_is_named_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    assert open_network("conv", None, None, ()).weights == run / "weights.npz"


def test_the_score_lists_the_first_of_the_mistakes() -> None:
    score = Score()
    for i in range(30):
        question = Question(DiskFile("", f"{i}.png"), label=1 if i < 20 else None)
        score.count(Answer(question, np.zeros((1, 1, 1), np.uint8), np.eye(2)[i % 2], i % 2))
    score.count(Unanswered("x", "y"))
    assert (score.answered, score.labelled, score.right, score.unanswered) == (30, 20, 10, 1)
    assert score.accuracy == 0.5
    assert score.wrong[:2] == [("0.png", 1, 0), ("2.png", 1, 0)]
    assert len(score.wrong) == 10


def test_a_network_that_overflows_has_no_answer(tmp_path: Path, network: TrainedNetwork) -> None:
    model = copy.deepcopy(network.model)
    for values in model.state_dict().values():
        values[...] = 3e38
    path = write(tmp_path / "x.png", np.full((28, 28), 255, np.uint8))
    (answer,) = asked(replace(network, model=model), path)
    assert isinstance(answer, Answer)
    assert answer.predicted is None
    assert np.isnan(answer.probabilities).all()
