"""EMNIST: handwritten letters and digits in MNIST's format (Cohen, Afshar, Tapson, Schaik 2017)."""

import os
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase, digits

from engine.data.dataset import (
    OTHER_FORMAT,
    Download,
    FileStatus,
    Split,
    Warn,
    file_status,
    ignore_warning,
)
from engine.data.idx import IdxDataset, idx_bytes, skip_header
from engine.data.registry import register
from engine.data.safe_read import gunzip, open_zip
from engine.images import Preparation

_ARCHIVE = "gzip.zip"


@dataclass(frozen=True, kw_only=True)
class EmnistDataset(IdxDataset):
    """One of the sets in the publisher's archive, which is read in place, or its unpacked files."""

    def places(self, root: Path) -> list[Path]:
        archives = [root / folder / _ARCHIVE for folder in self.folders]
        # An archive comes first, because it carries a checksum.
        return [*(path for path in archives if os.path.isfile(path)), *super().places(root)]

    def read(self, place: Path, warn: Warn = ignore_warning) -> tuple[Split, Split]:
        if place.is_dir():
            return super().read(place, warn)
        arrays = {}
        with open_zip(place) as archive:
            members = {info.filename.rpartition("/")[2]: info for info in archive.infolist()}
            for name in self.names:
                if f"{name}.gz" not in members:
                    raise ValueError(f"it has no {name}.gz")
                shape = self._shape(name)
                with archive.open(members[f"{name}.gz"]) as packed:
                    stream = gunzip(packed, idx_bytes(shape))
                    skip_header(stream, shape)
                    arrays[name] = self._read_values(stream, name)
        return self._splits(arrays)

    def check(self, path: Path) -> None:
        if path.name == _ARCHIVE:
            self.downloads[0].check(path)
        else:
            super().check(path)

    def verify(self, root: Path) -> list[FileStatus]:
        places = self.places(root)
        archives = [place for place in places if place.name == _ARCHIVE]
        if not places:
            archives = [self.folder(root) / _ARCHIVE]
        states = [file_status(self, path) for path in archives]
        return states + (super().verify(root) if len(places) > len(archives) else [])


def _emnist(
    split: str,
    classes: str,
    train_size: int,
    test_size: int,
    mean: float,
    std: float,
    first_label: int = 0,
) -> EmnistDataset:
    return register(
        EmnistDataset(
            name=f"emnist_{split}",
            title=f"EMNIST, {split}",
            classes=tuple(classes),
            image_shape=(1, 28, 28),
            train_size=train_size,
            test_size=test_size,
            # As they are usually given, not computed here.
            mean=(mean,),
            std=(std,),
            preparation=Preparation(ink=True),
            # The second is torchvision's.
            folders=("emnist", "EMNIST/raw"),
            parts=(f"emnist-{split}-train", f"emnist-{split}-test"),
            first_label=first_label,
            transposed=True,
            unreadable=(("emnist/*.mat", OTHER_FORMAT), ("emnist*.csv", OTHER_FORMAT)),
            # The checksum is that of TensorFlow Datasets.
            downloads=(
                Download(
                    _ARCHIVE,
                    561_753_746,
                    "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
                ),
            ),
            mirrors=(
                "https://biometrics.nist.gov/cs_links/EMNIST/",
                "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
            ),
        )
    )


# A letter is written large or small.
EMNIST_LETTERS = _emnist("letters", ascii_uppercase, 124_800, 20_800, 0.1722, 0.3309, first_label=1)
# Small letters that look like the large ones are among them.
EMNIST_BALANCED = _emnist(
    "balanced", digits + ascii_uppercase + "abdefghnqrt", 112_800, 18_800, 0.1751, 0.3332
)
