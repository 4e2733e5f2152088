"""MedMNIST: small medical images in two dimensions (Yang et al. 2023), of one label each.

Not for clinical use, as its authors say. ChestMNIST is left out: its images have several labels.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.data.dataset import (
    DatasetInfo,
    Download,
    FileStatus,
    Split,
    Warn,
    file_status,
    ignore_warning,
)
from engine.data.npz import NpzArray, open_npz
from engine.data.registry import register
from engine.data.safe_read import check_labels

_SIDE = 28
_LARGEST_LABEL = 8  # bytes of a number, whatever its type
_HEADERS = 4096


@dataclass(frozen=True, kw_only=True)
class MedMnistDataset(DatasetInfo):
    """A set in a ``.npz`` file; the images that are meant for validation are trained on as well.

    Attributes:
        validation_size: how many of the training images those are, the last.
    """

    validation_size: int

    def folder(self, root: Path) -> Path:
        return root / "medmnist"

    def places(self, root: Path) -> list[Path]:
        name = self.downloads[0].name
        return [path for path in (self.folder(root) / name, root / name) if os.path.isfile(path)]

    def read(self, place: Path, warn: Warn = ignore_warning) -> tuple[Split, Split]:
        with open_npz(place) as arrays:
            train = self._read(arrays, "train", self.train_size - self.validation_size)
            validation = self._read(arrays, "val", self.validation_size)
            test = self._read(arrays, "test", self.test_size)
        images = np.concatenate([train.images, validation.images])
        return Split(images, np.concatenate([train.labels, validation.labels])), test

    def _read(self, arrays: dict[str, NpzArray], part: str, count: int) -> Split:
        """Read a part; raise ValueError if it is not what it should be."""
        channels = self.image_shape[0]
        shape = (count, _SIDE, _SIDE, channels) if channels > 1 else (count, _SIDE, _SIDE)
        for name, expected in ((f"{part}_images", shape), (f"{part}_labels", (count, 1))):
            if name not in arrays:
                raise ValueError(f"it has no {name}")
            if arrays[name].shape != expected or arrays[name].dtype.kind not in "ui":
                found = f"{arrays[name].dtype} {arrays[name].shape}"
                raise ValueError(f"its {name} are {found}, expected whole numbers {expected}")
        images = arrays[f"{part}_images"].read().astype(np.uint8).reshape(*shape[:3], channels)
        labels = arrays[f"{part}_labels"].read()[:, 0].astype(np.int64)
        check_labels(labels, len(self.classes))
        return Split(np.ascontiguousarray(images.transpose(0, 3, 1, 2)), labels)

    def check(self, path: Path) -> None:
        self.downloads[0].check(path)

    def verify(self, root: Path) -> list[FileStatus]:
        name = self.downloads[0].name
        places = self.places(root) or [self.folder(root) / name]
        return [file_status(self, path) for path in places]


def _medmnist(
    title: str,
    channels: int,
    sizes: tuple[int, int, int],
    md5: str,
    classes: tuple[str, ...],
) -> MedMnistDataset:
    """Register a set.

    Args:
        title: its name.
        channels: 1 or 3.
        sizes: images to train, validate and test on.
        md5: of its file, as published.
        classes: their names.
    """
    name = title.lower()
    values = channels * _SIDE * _SIDE + _LARGEST_LABEL
    # Sizes of the files are not published: this is more than that of the content, which is packed.
    most = sum(sizes) * values * 101 // 100 + _HEADERS
    return register(
        MedMnistDataset(
            name=name,
            title=title,
            classes=classes,
            image_shape=(channels, _SIDE, _SIDE),
            train_size=sizes[0] + sizes[1],
            validation_size=sizes[1],
            test_size=sizes[2],
            # As its authors normalise, whatever the images are.
            mean=(0.5,) * channels,
            std=(0.5,) * channels,
            downloads=(Download(f"{name}.npz", most, md5=md5),),
            mirrors=("https://zenodo.org/records/10519652/files/",),
        )
    )


_ORGANS = (
    "bladder",
    "femur, left",
    "femur, right",
    "heart",
    "kidney, left",
    "kidney, right",
    "liver",
    "lung, left",
    "lung, right",
    "pancreas",
    "spleen",
)

_medmnist(
    "BreastMNIST",
    1,
    (546, 78, 156),
    "750601b1f35ba3300ea97c75c52ff8f6",
    ("malignant", "normal, benign"),
)
_medmnist(
    "RetinaMNIST",
    3,
    (1_080, 120, 400),
    "bd4c0672f1bba3e3a89f0e4e876791e4",
    ("0", "1", "2", "3", "4"),
)
_medmnist(
    "PneumoniaMNIST",
    1,
    (4_708, 524, 624),
    "28209eda62fecd6e6a2d98b1501bb15f",
    ("normal", "pneumonia"),
)
_medmnist(
    "DermaMNIST",
    3,
    (7_007, 1_003, 2_005),
    "0744692d530f8e62ec473284d019b0c7",
    (
        "actinic keratoses and intraepithelial carcinoma",
        "basal cell carcinoma",
        "benign keratosis-like lesions",
        "dermatofibroma",
        "melanoma",
        "melanocytic nevi",
        "vascular lesions",
    ),
)
_medmnist(
    "BloodMNIST",
    3,
    (11_959, 1_712, 3_421),
    "7053d0359d879ad8a5505303e11de1dc",
    (
        "basophil",
        "eosinophil",
        "erythroblast",
        "immature granulocyte",
        "lymphocyte",
        "monocyte",
        "neutrophil",
        "platelet",
    ),
)
_medmnist("OrganAMNIST", 1, (34_561, 6_491, 17_778), "68e3f8846a6bd62f0c9bf841c0d9eacc", _ORGANS)
_medmnist("OrganCMNIST", 1, (12_975, 2_392, 8_216), "b9ceb9546e10131b32923c5bbeaea2b1", _ORGANS)
_medmnist("OrganSMNIST", 1, (13_932, 2_452, 8_827), "9ab87b696fb54e2a387ebe992d6ed5f1", _ORGANS)
_medmnist(
    "OCTMNIST",
    1,
    (97_477, 10_832, 1_000),
    "c68d92d5b585d8d81f7112f81e2d0842",
    ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
)
_medmnist(
    "TissueMNIST",
    1,
    (165_466, 23_640, 47_280),
    "ebe78ee8b05294063de985d821c1c34b",
    (
        "collecting duct, connecting tubule",
        "distal convoluted tubule",
        "glomerular endothelial cells",
        "interstitial endothelial cells",
        "leukocytes",
        "podocytes",
        "proximal tubule segments",
        "thick ascending limb",
    ),
)
_medmnist(
    "PathMNIST",
    3,
    (89_996, 10_004, 7_180),
    "a8b06965200029087d5bd730944a56c1",
    (
        "adipose",
        "background",
        "debris",
        "lymphocytes",
        "mucus",
        "smooth muscle",
        "normal colon mucosa",
        "cancer-associated stroma",
        "colorectal adenocarcinoma epithelium",
    ),
)
