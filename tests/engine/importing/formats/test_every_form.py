"""Every form is found by what it is, through the one door that all have."""

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.importing import ImportOptions, open_source
from tests.support.data_files import idx_bytes, tar_bytes
from tests.support.image_folders import make_folder


def table(folder: Path) -> Path:
    (folder / "t.csv").write_text("label,pixel0\n0,7\n1,9\n")
    return folder / "t.csv"


def paths(folder: Path) -> Path:
    make_folder(folder, count=1)
    (folder / "t.tsv").write_text("file\tlabel\ncat/0.png\tcat\ndog/0.png\tdog\n")
    return folder / "t.tsv"


def arrays(folder: Path) -> Path:
    np.savez(folder / "a.NPZ.npz", x=np.zeros((2, 3, 3)), y=np.arange(2))
    return folder / "a.NPZ.npz"


def idx(folder: Path) -> Path:
    (folder / "train-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((2, 3, 3))))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(2)))
    return folder


def cifar(folder: Path) -> Path:
    records = np.zeros((2, 3074), np.uint8)
    records[:, 1] = range(2)
    files = dict.fromkeys(("train.bin", "test.bin"), records.tobytes())
    (folder / "a.tar.gz").write_bytes(tar_bytes(files, "cifar-100-binary/"))
    return folder / "a.tar.gz"


FORMS = {
    table: "table of pixels",
    paths: "table of image files",
    arrays: "NumPy arrays",
    idx: "IDX files",
    cifar: "CIFAR-100's binary files",
    make_folder: "folder of images",
}


@pytest.mark.parametrize("make", FORMS, ids=FORMS.values())
def test_it_is_opened_as_what_it_is(make: object, tmp_path: Path) -> None:
    path = make(tmp_path)  # type: ignore[operator]
    with open_source(path, ImportOptions("set")) as source:
        assert source.kind == FORMS[make]  # type: ignore[index]
        assert len(source.classes) == 2


def test_what_is_none_of_them_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("x")
    with pytest.raises(ConfigError, match="not a form that can be imported; expected") as caught:
        open_source(tmp_path / "t.txt", ImportOptions("set"))
    for form in ("CSV table", "NumPy archive", "MNIST's format", "CIFAR's binary files"):
        assert form in str(caught.value)
