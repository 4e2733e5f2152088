"""Sets whose files are unlike MNIST's: zipped and transposed, with two labels, of NumPy."""

import dataclasses
import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data import DATASETS, load, locate, verify
from engine.data.dataset import Download
from engine.data.sets.cifar100 import CIFAR100
from engine.data.sets.emnist import EmnistDataset
from engine.errors import DataError
from tests.support.data_files import gzipped, idx_bytes, small_mnist, tar_bytes, write_mnist

RNG = np.random.default_rng(11)
TRAIN, TEST = 30, 12


def use(monkeypatch: pytest.MonkeyPatch, name: str, content: bytes = b"", **changes: Any) -> None:
    """Let a name stand for a small set, whose only download has this content."""
    info = DATASETS[name]
    file = info.downloads[0]
    if content:
        digest = hashlib.sha256(content).hexdigest()
        changes["downloads"] = (Download(file.name, len(content), digest),)
    monkeypatch.setitem(DATASETS, name, dataclasses.replace(info, **changes))


# EMNIST


def emnist_files() -> dict[str, np.ndarray]:
    files = {}
    for part, count in (("train", TRAIN), ("test", TEST)):
        name = f"emnist-letters-{part}"
        images = RNG.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        files[f"{name}-images-idx3-ubyte.gz"] = images
        files[f"{name}-labels-idx1-ubyte.gz"] = 1 + np.arange(count, dtype=np.uint8) % 26
    return files


EMNIST = emnist_files()


def emnist_zip(change: Callable[[dict[str, bytes]], object] = lambda files: None) -> bytes:
    files = {f"gzip/{name}": gzipped(idx_bytes(array)) for name, array in EMNIST.items()}
    change(files)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in {"gzip/readme": b"x", **files}.items():
            archive.writestr(name, content)
    return out.getvalue()


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def assert_is_emnist(root: Path) -> None:
    dataset = load("emnist_letters", root)
    for split, part in ((dataset.train, "train"), (dataset.test, "test")):
        images = EMNIST[f"emnist-letters-{part}-images-idx3-ubyte.gz"]
        np.testing.assert_array_equal(split.images[:, 0], images.transpose(0, 2, 1))
        assert split.labels.tolist() == [i % 26 for i in range(len(images))]
        assert split.labels.dtype == np.int64


@pytest.mark.parametrize("folder", ["emnist", "EMNIST/raw"])
def test_emnist_is_read_from_its_archive(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "emnist_letters", emnist_zip(), train_size=TRAIN, test_size=TEST)
    path = put(tmp_path / folder / "gzip.zip", emnist_zip())
    assert locate("emnist_letters", tmp_path) == path
    assert_is_emnist(tmp_path)
    assert [file.state for file in verify("emnist_letters", tmp_path)] == ["ok"]
    assert [one.name for one in path.parent.iterdir()] == ["gzip.zip"]


@pytest.mark.parametrize("packed", [True, False])
def test_emnist_is_read_from_its_unpacked_files(
    packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "emnist_letters", train_size=TRAIN, test_size=TEST)
    for name, array in EMNIST.items():
        content = idx_bytes(array)
        file = tmp_path / "emnist" / (name if packed else name.removesuffix(".gz"))
        put(file, gzipped(content) if packed else content)
    assert_is_emnist(tmp_path)
    assert [file.state for file in verify("emnist_letters", tmp_path)] == ["ok"] * 4


FIRST = "gzip/emnist-letters-train-images-idx3-ubyte.gz"
LABELS = "gzip/emnist-letters-train-labels-idx1-ubyte.gz"
EMNIST_FAULTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "not an intact zip archive"),
    "cut": (lambda: emnist_zip()[:-300], "not an intact zip archive"),
    "a file missing": (lambda: emnist_zip(lambda f: f.pop(LABELS)), "it has no emnist-letters-tra"),
    "not gzipped": (lambda: emnist_zip(lambda f: f.update({FIRST: b"x" * 99})), "Error -3"),
    "another shape": (
        lambda: emnist_zip(lambda f: f.update({FIRST: gzipped(idx_bytes(np.zeros((9, 28, 28))))})),
        "its header says 9×28×28 values, expected 30×28×28",
    ),
    "label 0": (
        lambda: emnist_zip(lambda f: f.update({LABELS: gzipped(idx_bytes(np.zeros(TRAIN)))})),
        "label 0 is 0, expected 1 to 26",
    ),
    "longer": (
        lambda: emnist_zip(lambda f: f.update({LABELS: gzipped(idx_bytes(np.ones(TRAIN)) + b"1")})),
        "more than it should",
    ),
}


@pytest.mark.parametrize("fault", EMNIST_FAULTS)
def test_a_bad_archive_of_emnist_is_refused_and_found_by_verify(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, message = EMNIST_FAULTS[fault]
    use(monkeypatch, "emnist_letters", emnist_zip(), train_size=TRAIN, test_size=TEST)
    path = put(tmp_path / "emnist" / "gzip.zip", make())
    with pytest.raises(DataError, match=message) as caught:
        load("emnist_letters", tmp_path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    (status,) = verify("emnist_letters", tmp_path)
    assert (status.state, status.reason[:14]) == ("corrupt", "it has SHA-256")


def test_the_sets_of_emnist_share_their_download() -> None:
    sets = [info for info in DATASETS.values() if isinstance(info, EmnistDataset)]
    assert len(sets) == 2
    assert len({info.downloads for info in sets}) == 1
    letters, balanced = sets
    assert (len(letters.classes), len(balanced.classes)) == (26, 47)


# KMNIST, of whose content no checksum is published


def test_files_are_checked_by_their_download_where_the_content_has_no_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, arrays = small_mnist()
    changes: dict[str, Any] = {"train_size": small.train_size, "test_size": small.test_size}
    use(monkeypatch, "kmnist", downloads=small.downloads, **changes)
    write_mnist(tmp_path / "kmnist", arrays)
    assert [file.state for file in verify("kmnist", tmp_path)] == ["ok"] * 4
    path = tmp_path / "kmnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzipped(idx_bytes(arrays["train-images-idx3-ubyte"] ^ 1)))
    assert [file.state for file in verify("kmnist", tmp_path)] == ["corrupt", "ok", "ok", "ok"]
    write_mnist(tmp_path / "kmnist", arrays, packed=False)
    path.unlink()
    assert [file.state for file in verify("kmnist", tmp_path)] == ["ok"] * 4
    path.with_suffix("").write_bytes(b"damaged")
    assert [file.state for file in verify("kmnist", tmp_path)] == ["corrupt", "ok", "ok", "ok"]


# CIFAR-100


def cifar100_files() -> dict[str, bytes]:
    files = {}
    for name, count in (("train.bin", TRAIN), ("test.bin", TEST)):
        records = RNG.integers(0, 256, (count, 3074), dtype=np.uint8)
        records[:, 0] %= 20
        records[:, 1] %= 100
        files[name] = records.tobytes()
    return files


CIFAR_FILES = cifar100_files()


def assert_is_cifar100(root: Path) -> None:
    dataset = load("cifar100", root)
    for split, name in ((dataset.train, "train.bin"), (dataset.test, "test.bin")):
        records = np.frombuffer(CIFAR_FILES[name], np.uint8).reshape(-1, 3074)
        assert split.labels.tolist() == records[:, 1].tolist()
        np.testing.assert_array_equal(split.images.reshape(len(split), -1), records[:, 2:])


def test_cifar100_has_the_finer_of_its_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tar_bytes(CIFAR_FILES, "cifar-100-binary/")
    use(monkeypatch, "cifar100", packed, train_size=TRAIN, test_size=TEST)
    archive = put(tmp_path / "cifar-100-binary.tar.gz", packed)
    assert locate("cifar100", tmp_path) == archive
    assert_is_cifar100(tmp_path)
    assert [file.state for file in verify("cifar100", tmp_path)] == ["ok"]
    archive.unlink()
    for name, content in CIFAR_FILES.items():
        put(tmp_path / "cifar-100-binary" / name, content)
    assert_is_cifar100(tmp_path)
    assert [file.state for file in verify("cifar100", tmp_path)] == ["ok"] * 2


def test_the_classes_of_cifar100_are_in_the_order_of_their_labels() -> None:
    assert len(CIFAR100.classes) == 100
    assert sorted(CIFAR100.classes) == list(CIFAR100.classes)


# MedMNIST


def med_arrays(channels: int, **changes: np.ndarray) -> dict[str, np.ndarray]:
    arrays = {}
    for part, count in (("train", 20), ("val", 10), ("test", TEST)):
        shape = (count, 28, 28, 3) if channels == 3 else (count, 28, 28)
        arrays[f"{part}_images"] = RNG.integers(0, 256, shape, dtype=np.uint8)
        arrays[f"{part}_labels"] = (np.arange(count, dtype=np.uint8) % 2)[:, None]
    return arrays | changes


def med_file(arrays: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=True, **arrays)
    return out.getvalue()


@pytest.fixture
def sizes() -> dict[str, Any]:
    return {"train_size": TRAIN, "validation_size": 10, "test_size": TEST}


@pytest.mark.parametrize("name", ["bloodmnist", "breastmnist"])
@pytest.mark.parametrize("folder", ["medmnist", "."])
def test_medmnist_trains_on_its_images_for_validation_too(
    name: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: dict[str, Any]
) -> None:
    arrays = med_arrays(DATASETS[name].image_shape[0])
    content = med_file(arrays)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    file = Download(f"{name}.npz", len(content), md5=md5)
    use(monkeypatch, name, downloads=(file,), **sizes)
    path = put(tmp_path / folder / f"{name}.npz", content)
    assert locate(name, tmp_path) == path
    dataset = load(name, tmp_path)
    expected = np.concatenate([arrays["train_images"], arrays["val_images"]])
    found = dataset.train.images.transpose(0, 2, 3, 1).reshape(expected.shape)
    np.testing.assert_array_equal(found, expected)
    assert dataset.train.labels.tolist() == [
        *(i % 2 for i in range(20)),
        *(i % 2 for i in range(10)),
    ]
    assert dataset.test.labels.tolist() == [i % 2 for i in range(TEST)]
    assert [file.state for file in verify(name, tmp_path)] == ["ok"]
    path.write_bytes(med_file(arrays | {"more": np.zeros(3)}))
    (status,) = verify(name, tmp_path)
    assert (status.state, status.reason[:10]) == ("corrupt", "it has MD5")


MED_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no labels": ({"val_labels": None}, "it has no val_labels"),
    "fewer images": (
        {"train_images": np.zeros((19, 28, 28), np.uint8)},
        r"its train_images are uin",
    ),
    "floats": ({"train_images": np.zeros((20, 28, 28))}, "its train_images are float64"),
    "several labels": (
        {"test_labels": np.zeros((TEST, 14), np.uint8)},
        "its test_labels are uint8",
    ),
    "label 2": ({"test_labels": np.full((TEST, 1), 2)}, "label 0 is 2, expected 0 to 1"),
    "objects": ({"test_labels": np.array([[None]])}, "Python objects, which are pickles"),
}


@pytest.mark.parametrize("fault", MED_FAULTS)
def test_a_bad_file_of_medmnist_is_refused(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: dict[str, Any]
) -> None:
    changes, message = MED_FAULTS[fault]
    use(monkeypatch, "breastmnist", **sizes)
    arrays = {k: v for k, v in (med_arrays(1) | changes).items() if v is not None}
    path = put(tmp_path / "medmnist" / "breastmnist.npz", med_file(arrays))
    with pytest.raises(DataError, match=message) as caught:
        load("breastmnist", tmp_path)
    assert str(caught.value).startswith(f"{path}: ")
