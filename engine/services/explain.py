"""Explain a prediction: a heat map over an image, as numbers and as a picture."""

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from engine import data, paths, saliency
from engine.arrays import Array
from engine.data import Normalisation
from engine.errors import ConfigError, DataError, RunError
from engine.importing.folders import DiskFile
from engine.layers import Softmax
from engine.saliency import HeatMap
from engine.services.predict import TrainedNetwork, read_picture
from engine.storage import atomic
from engine.train.weights import UNNAMED

_SIDE = 280
"""Pixels of the longer side of each part of the picture, at least."""
_GAP = 12
FOR, AGAINST = (255, 140, 0), (0, 114, 255)
"""Orange and blue: told apart by whoever cannot tell red from green."""


@dataclass(frozen=True)
class Subject:
    """The image that a prediction is about.

    Attributes:
        name: the file, or which image of the test set.
        picture: as the network sees it, uint8 (C, H, W).
        label: its class; None where that is not known.
    """

    name: str
    picture: Array
    label: int | None = None


@dataclass(frozen=True)
class Explanation:
    """A prediction, and which pixels speak for a class.

    Attributes:
        subject: the image.
        predicted: index of the most probable class.
        target: the class that is explained.
        probabilities: of each class, (classes,).
        heat: the heat map of the target.
    """

    subject: Subject
    predicted: int
    target: int
    probabilities: Array
    heat: HeatMap


def find_subject(network: TrainedNetwork, name: str) -> Subject:
    """The image that is meant.

    Args:
        network: the network that is to see it.
        name: an image file; or where no file has that name, a number: an image of the test set of
            the data that the network was trained on.

    Raises:
        DataError: there is no such file or image, or it cannot be read.
    """
    if name.isdecimal() and not os.path.lexists(name):
        return _of_test_set(network, int(name) if len(name) < 12 else 10**12)
    try:
        return Subject(name, read_picture(DiskFile("", name), network.info))
    except DataError as error:
        raise DataError(f"{name}: {error}") from None


def _of_test_set(network: TrainedNetwork, index: int) -> Subject:
    name = network.info.name
    if name == UNNAMED:
        raise DataError(
            f"{network.weights}: it does not name the data set that it was trained on, as exports "
            "of earlier versions do not; add its --config CONFIG, or name an image file"
        )
    if data.find(name) is None or data.locate(name) is None:
        advice = data.how_to_get(name) if data.find(name) is not None else "import it again"
        raise DataError(f"{name}: its test set is not here; {advice}, or name an image file")
    test = data.load(name).test
    if index >= len(test):
        raise DataError(
            f"{name}: there is no image {index:,} in its test set; the last is {len(test) - 1:,}"
        )
    (picture,) = test.take(np.array([index]))
    return Subject(f"image {index} of {name}", picture, int(test.labels[index]))


def class_index(network: TrainedNetwork, name: str | None) -> int | None:
    """The index of a class by its name, or by its number; None for None.

    Raises:
        ConfigError: there is no such class.
    """
    classes = network.info.classes
    if name is None:
        return None
    if name in classes:
        return classes.index(name)
    if name.isdecimal() and len(name) < 9 and int(name) < len(classes):
        return int(name)
    raise ConfigError(f"--target: there is no class {name}; there are {', '.join(classes[:20])}")


def explain(
    network: TrainedNetwork, subject: Subject, method: str, target: int | None = None
) -> Explanation:
    """Which pixels of an image speak for a class.

    Args:
        network: whose prediction is explained.
        subject: the image.
        method: a key of ``engine.saliency.METHODS``.
        target: the class; default the predicted one.

    Raises:
        ShapeError: the method cannot be used with the network.
        DataError: the network computes no finite numbers.
    """
    x = Normalisation(network.info.mean, network.info.std)(subject.picture[None])
    with np.errstate(over="ignore", invalid="ignore"):
        logits = network.model.replica().eval().forward(x)
    if not np.isfinite(logits).all():
        raise DataError(f"{network.weights}: its prediction is not a number (NaN)")
    predicted = int(logits[0].argmax())
    chosen = predicted if target is None else target
    heat = saliency.explain(network.model, x, chosen, method)
    return Explanation(subject, predicted, chosen, Softmax().eval().forward(logits)[0], heat)


def strengths(heat: HeatMap) -> Array:
    """The heat map from −1, most against, to 1, most for: (H, W). One pixel is 1 or −1."""
    return heat.values / max(float(np.abs(heat.values).max()), 1e-12)


def overlay(explanation: Explanation) -> Array:
    """The image in grey with the heat map over it: orange for the class, blue against it.

    Returns:
        uint8, (H, W, 3).
    """
    grey = explanation.subject.picture.astype(np.float64).mean(axis=0)[:, :, None]
    strength = strengths(explanation.heat)[:, :, None]
    colour = np.where(strength > 0, FOR, AGAINST)
    share = np.abs(strength) ** 0.75  # the eye sees little of a tenth
    return (0.6 * grey * (1 - share) + colour * share).clip(0, 255).astype(np.uint8)


def picture_of(explanation: Explanation) -> bytes:
    """The image and its heat map beside each other, as a PNG file."""
    picture = np.moveaxis(explanation.subject.picture, 0, 2)
    plain = np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture
    parts = [_enlarged(part) for part in (plain, overlay(explanation))]
    gap = np.full((len(parts[0]), _GAP, 3), 255, np.uint8)
    file = io.BytesIO()
    Image.fromarray(np.concatenate([parts[0], gap, parts[1]], axis=1)).save(file, "PNG")
    return file.getvalue()


def _enlarged(image: Array) -> Array:
    factor = max(1, -(-_SIDE // max(image.shape[:2])))
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def check_output(output: Path, *, overwrite: bool) -> None:
    """Check that a picture can be written.

    Raises:
        ConfigError: there is a file, and it is not to be replaced.
        RunError: it cannot be written.
    """
    if paths.check_writable(output, RunError) == "file" and not overwrite:
        raise ConfigError(f"{output}: exists already; --overwrite replaces it")


def write_picture(explanation: Explanation, output: Path) -> None:
    """Write the picture; the file is whole or as it was.

    Raises:
        RunError: it cannot be written.
    """
    try:
        atomic.make_folder(output.parent)
        atomic.write_atomic(output, picture_of(explanation), follow_symlinks=True)
    except OSError as error:
        raise RunError(f"{output}: not written: {error.strerror or error}") from None
