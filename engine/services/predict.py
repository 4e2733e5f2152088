"""Ask a trained network about image files."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from engine import metrics
from engine.data import DatasetInfo, Normalisation
from engine.errors import Cancelled, CheckpointError, ConfigError, DataError, ShapeError
from engine.images.reading import SUFFIXES, content_of, read_image
from engine.importing.folders import DiskFile, read_tree
from engine.importing.source import Watch
from engine.importing.tree import Folder
from engine.layers import Sequential, Softmax
from engine.metrics import NO_PREDICTION
from engine.models.inference import Predictor
from engine.parallel.workers import Workers
from engine.runs.weight_files import find_weights
from engine.services.configs import open_config
from engine.services.trained import locate
from engine.train.weights import UNNAMED, described_model, load_model, trained_on

_BATCH = 64
_BATCH_BYTES = 16 << 20  # of the pixels of a batch; as floats they are four times as many
_LISTED = 10


@dataclass(frozen=True)
class TrainedNetwork:
    """A network, and what it is to be asked about.

    Attributes:
        model: with weights.
        info: the data set that it was trained on.
        weights: the file of the weights.
    """

    model: Sequential
    info: DatasetInfo
    weights: Path


@dataclass(frozen=True)
class Question:
    """An image file, and the class that its folder says it is of.

    Attributes:
        file: the image file.
        label: index of the class; None if it is not known.
    """

    file: DiskFile
    label: int | None = None

    @property
    def path(self) -> str:
        """The path of the file."""
        return os.path.join(self.file.top, self.file.path)


@dataclass(frozen=True)
class Answer:
    """What a network makes of an image.

    Attributes:
        question: what was asked.
        picture: the image as the network sees it, uint8 (C, H, W).
        probabilities: of each class, (classes,); NaN where the network computes no numbers.
        predicted: index of the most probable class; None without any.
    """

    question: Question
    picture: np.ndarray
    probabilities: np.ndarray
    predicted: int | None

    def top(self, count: int) -> list[int]:
        """Indices of the most probable classes, the first the most probable."""
        return [int(i) for i in np.argsort(-self.probabilities, kind="stable")[:count]]


@dataclass(frozen=True)
class Unanswered:
    """A file that is not answered, and why."""

    path: str
    reason: str


@dataclass
class Score:
    """How many answers are right.

    Attributes:
        answered: images that were answered.
        labelled: those of them whose class is known.
        right: those of them that were predicted as it.
        unanswered: files that were not.
        wrong: path, class and predicted class of the first of the others.
    """

    answered: int = 0
    labelled: int = 0
    right: int = 0
    unanswered: int = 0
    wrong: list[tuple[str, int, int | None]] = field(default_factory=list)

    def count(self, found: Answer | Unanswered) -> None:
        """Count one more."""
        if isinstance(found, Unanswered):
            self.unanswered += 1
            return
        self.answered += 1
        label = found.question.label
        if label is None:
            return
        self.labelled += 1
        if found.predicted == label:
            self.right += 1
        elif len(self.wrong) < _LISTED:
            self.wrong.append((found.question.path, label, found.predicted))

    @property
    def accuracy(self) -> float | None:
        """Of those whose class is known; None without any."""
        return self.right / self.labelled if self.labelled else None


def open_network(
    name: str, root: Path | None, config: str | None, overrides: Sequence[str]
) -> TrainedNetwork:
    """Load a trained network.

    Args:
        name: a file or folder with weights; or a run, as ``find_run`` takes it.
        root: the folder of the runs; None for ``runs``, or that of the config.
        config: the network's config, as ``open_config`` takes it; None for what the weights say.
        overrides: values on top of the config.

    Raises:
        CheckpointError: there is no such file and no such run, it cannot be read, or it is of
            another network.
        ConfigError: the name means several runs, or something is wrong with the config.
    """
    if config is None and overrides:
        raise ConfigError("--set changes a config; add --config CONFIG")
    given = None if config is None else open_config(config, overrides)
    if root is None:
        root = Path("runs") if given is None else given.runs_dir
    weights = find_weights(locate(name, root))
    model = described_model(weights) if given is None else load_model(given, weights)
    info = trained_on(weights)
    if info is None:
        assert given is not None, "described_model has refused it"
        info = given.dataset_info
    elif given is not None and info.name == UNNAMED and _alike(info, given.dataset_info):
        info = replace(info, name=given.dataset)
    try:
        fits = model.output_shape(info.image_shape) == (len(info.classes),)
    except ShapeError:
        fits = False
    if not fits:
        raise CheckpointError(
            f"{weights}: its network does not give one score for each of the {len(info.classes)} "
            f"classes of {info.name}"
        )
    return TrainedNetwork(model, info, weights)


def _alike(one: DatasetInfo, other: DatasetInfo) -> bool:
    return (one.classes, one.image_shape) == (other.classes, other.image_shape)


def find_images(
    path: str, classes: Sequence[str], watch: Watch | None = None
) -> Iterator[Question | Unanswered]:
    """Find what is to be asked at a path.

    A file is one image, whatever its name. Of a folder it is every file with the name of an image
    in it and below it, in the natural order of the names, without hidden ones. Where a folder in it
    has the name of a class, its images are of that class.

    Args:
        path: a file or a folder.
        classes: names of the classes.
        watch: may cancel.

    Raises:
        Cancelled: the watch cancelled.
    """
    if not os.path.isdir(path):
        yield Question(DiskFile("", path))
        return
    try:
        tree, unreadable = read_tree(Path(path), watch or Watch())
    except ConfigError as error:
        yield Unanswered(path, str(error).rpartition(": ")[2])
        return
    found = False
    for question in _labelled(tree, classes):
        found = True
        yield question
    for one in unreadable:
        yield Unanswered(os.path.join(path, one.where), one.reason)
    if not found:
        yield Unanswered(path, f"no images in it; their names end with {', '.join(SUFFIXES)}")


def _labelled(tree: Folder, classes: Sequence[str]) -> Iterator[Question]:
    others = dict(tree.folders)
    of_classes = [(label, others.pop(name)) for label, name in enumerate(classes) if name in others]
    for label, folder in (*of_classes, (None, Folder(others, tree.images))):
        for file in folder.images_below():
            assert isinstance(file, DiskFile)
            yield Question(file, label)


def read_picture(file: DiskFile, info: DatasetInfo) -> np.ndarray:
    """Read an image file as a network of a data set sees it.

    Args:
        file: the image file.
        info: the data set that the network was trained on.

    Returns:
        uint8, (C, H, W).

    Raises:
        DataError: it cannot be read; the message does not name the file.
    """
    try:
        with file.open() as opened:
            content = content_of(opened)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a plain file"
        raise DataError(reason[:1].lower() + reason[1:]) from None
    return read_image(content, info.image_shape, info.preparation)


def ask(
    network: TrainedNetwork,
    questions: Iterable[Question | Unanswered],
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Answer | Unanswered]:
    """Ask a network about images, in their order; only a batch of them is in memory.

    Args:
        network: whom to ask.
        questions: what to ask.
        cancelled: polled; true ends it.

    Raises:
        Cancelled: ``cancelled`` returned true.
    """
    size = max(1, min(_BATCH, _BATCH_BYTES // int(np.prod(network.info.image_shape))))
    questions = iter(questions)
    with Workers() as workers:
        predictor = Predictor(network.model, workers)
        while some := list(islice(questions, size)):
            read: list[tuple[Question, np.ndarray] | Unanswered] = []
            for one in some:
                if cancelled():
                    raise Cancelled("predicting was cancelled")
                read.append(one if isinstance(one, Unanswered) else _read(one, network.info))
            yield from _answers(predictor, network.info, read)


def _read(question: Question, info: DatasetInfo) -> tuple[Question, np.ndarray] | Unanswered:
    try:
        return question, read_picture(question.file, info)
    except DataError as error:
        return Unanswered(question.path, str(error))


def _answers(
    predictor: Predictor,
    info: DatasetInfo,
    read: Sequence[tuple[Question, np.ndarray] | Unanswered],
) -> Iterator[Answer | Unanswered]:
    pictures = [one[1] for one in read if not isinstance(one, Unanswered)]
    shares: Iterator[tuple[np.ndarray, int]] = iter(())
    if pictures:
        with np.errstate(over="ignore", invalid="ignore"):
            logits = predictor.logits(Normalisation(info.mean, info.std)(np.stack(pictures)))
            probabilities = Softmax().eval().forward(logits)
        predicted_ones = metrics.predict(logits)
        predicted_ones[np.isnan(probabilities).any(axis=1)] = NO_PREDICTION  # of infinite logits
        shares = zip(probabilities, predicted_ones.tolist(), strict=True)
    for one in read:
        if isinstance(one, Unanswered):
            yield one
        else:
            share, predicted = next(shares)
            yield Answer(*one, share, predicted if predicted != NO_PREDICTION else None)
