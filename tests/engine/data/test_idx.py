"""Reading MNIST's format: the right files, and everything that can be wrong with one."""

import dataclasses
import gzip
import re
import shlex
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import DATASETS, load, locate, verify
from engine.data.idx import IdxDataset, read_idx
from engine.errors import DataError
from tests.support.data_files import TEST, TRAIN, gzipped, idx_bytes, write_mnist

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def assert_same(root: Path, arrays: dict[str, np.ndarray]) -> None:
    dataset = load("mnist", root)
    assert dataset.image_shape == (1, 28, 28)
    assert dataset.train.images.dtype == np.uint8
    assert dataset.train.labels.dtype == np.int64
    assert dataset.train.images.flags.c_contiguous
    np.testing.assert_array_equal(dataset.train.images[:, 0], arrays[IMAGES])
    np.testing.assert_array_equal(dataset.train.labels, arrays[LABELS])
    np.testing.assert_array_equal(dataset.test.images[:, 0], arrays["t10k-images-idx3-ubyte"])
    np.testing.assert_array_equal(dataset.test.labels, arrays["t10k-labels-idx1-ubyte"])


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("folder", ["mnist", "."])
def test_reads_gzipped_and_plain_files_in_both_places(
    tmp_path: Path, mnist_arrays: dict[str, np.ndarray], packed: bool, folder: str
) -> None:
    write_mnist(tmp_path / folder, mnist_arrays, packed=packed)
    assert locate("mnist", tmp_path) == tmp_path / folder
    assert_same(tmp_path, mnist_arrays)


def test_the_folder_of_its_own_comes_before_the_root(
    tmp_path: Path, mnist_folder: Path, mnist_arrays: dict[str, np.ndarray]
) -> None:
    others = {name: np.zeros_like(array) for name, array in mnist_arrays.items()}
    write_mnist(tmp_path, others)
    assert_same(tmp_path, mnist_arrays)


def test_a_gzipped_file_comes_before_a_plain_one(
    tmp_path: Path, mnist_folder: Path, mnist_arrays: dict[str, np.ndarray]
) -> None:
    (mnist_folder / IMAGES).write_bytes(b"left over")
    assert_same(tmp_path, mnist_arrays)


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda b: b[: len(b) // 2],
    "empty": lambda b: b"",
    "a page": lambda b: b"<html>please log in</html>",
    "damaged": lambda b: b[:-8] + bytes([b[-8] ^ 1]) + b[-7:],
}
NAMES = ("{}.gz", "{}", "{.}.gz", "{.}")
"""What a file may be called, the preferred one first; with a dot as some archives unpack to."""


def named(form: str, name: str) -> str:
    return form.replace("{}", name).replace("{.}", name.replace("-idx", ".idx"))


@pytest.mark.parametrize("name", [IMAGES, LABELS])
@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("good", range(1, len(NAMES)), ids=lambda i: NAMES[i])
def test_broken_files_do_not_hide_a_good_one_beside_them(
    tmp_path: Path,
    mnist_folder: Path,
    mnist_arrays: dict[str, np.ndarray],
    name: str,
    fault: str,
    good: int,
) -> None:
    packed = gzipped(idx_bytes(mnist_arrays[name]))
    for form in NAMES[:good]:
        (mnist_folder / named(form, name)).write_bytes(BROKEN[fault](packed))
    (mnist_folder / named(NAMES[good], name)).write_bytes(packed)
    assert_same(tmp_path, mnist_arrays)
    told = load("mnist", tmp_path).passed_over
    assert len(told) == good
    for form, line in zip(NAMES, told, strict=False):
        assert line.startswith(f"{mnist_folder / named(form, name)}: ")
        assert line.endswith(f"; {mnist_folder / named(NAMES[good], name)} was read instead")
    states = [file.state for file in verify("mnist", tmp_path)]
    assert sorted(states) == ["corrupt"] * good + ["ok"] * 4


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_folder_does_not_hide_a_good_one(
    tmp_path: Path, mnist_folder: Path, mnist_arrays: dict[str, np.ndarray], fault: str
) -> None:
    write_mnist(tmp_path / "MNIST" / "raw", mnist_arrays, packed=False)
    path = mnist_folder / f"{LABELS}.gz"
    path.write_bytes(BROKEN[fault](path.read_bytes()))
    assert_same(tmp_path, mnist_arrays)
    (told,) = load("mnist", tmp_path).passed_over
    assert told.startswith(f"{path}: ")
    assert told.endswith(f"; {tmp_path / 'MNIST' / 'raw'} was read instead")


@pytest.mark.parametrize("form", NAMES)
@pytest.mark.parametrize("folder", ["mnist", ".", "MNIST/raw"])
def test_look_alikes_are_taken(
    tmp_path: Path, mnist_arrays: dict[str, np.ndarray], folder: str, form: str
) -> None:
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for name, array in mnist_arrays.items():
        content = idx_bytes(array)
        path = tmp_path / folder / named(form, name)
        path.write_bytes(gzipped(content) if form.endswith(".gz") else content)
    assert locate("mnist", tmp_path) == tmp_path / folder
    assert_same(tmp_path, mnist_arrays)
    assert [file.state for file in verify("mnist", tmp_path)] == ["ok"] * 4


STRANGERS = {
    "mnist": ["mnist.npz", "mnist/train.csv", "mnist.pkl.gz", "MNIST/processed/training.pt"],
    "fashion_mnist": ["fashion-mnist_train.csv", "FashionMNIST/processed/test.pt"],
    "cifar10": ["cifar-10-batches-py", "cifar-10-python.tar.gz", "cifar-100-binary.tar.gz"],
}


@pytest.mark.parametrize(
    ("dataset", "name"), [(key, name) for key, names in STRANGERS.items() for name in names]
)
def test_look_alikes_that_cannot_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: str, name: str
) -> None:
    info = DATASETS[dataset]
    if isinstance(info, IdxDataset):  # Debian's package may be installed here
        local = tuple(folder for folder in info.folders if not folder.startswith("/"))
        monkeypatch.setitem(DATASETS, dataset, dataclasses.replace(info, folders=local))
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="; run 'cnn-tui data fetch") as caught:
        load(dataset, tmp_path)
    assert f"({path} is " in str(caught.value)


@pytest.mark.parametrize("name", ["data", "my data", "it's"])
def test_the_next_step_can_be_typed_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with pytest.raises(DataError) as caught:
        load("mnist", tmp_path / name)
    command = shlex.split(re.split("run ['\"]", str(caught.value))[1].split(", or put")[0][:-1])
    assert command == ["cnn-tui", "data", "fetch", "mnist", "--root", str(tmp_path / name)]
    monkeypatch.setenv("CNN_TUI_DATA", str(tmp_path / name))
    with pytest.raises(DataError, match="'cnn-tui data fetch mnist', or put"):
        load("mnist")


def test_a_plain_file_under_a_gzipped_name_is_read(
    tmp_path: Path, mnist_folder: Path, mnist_arrays: dict[str, np.ndarray]
) -> None:
    (mnist_folder / f"{IMAGES}.gz").write_bytes(idx_bytes(mnist_arrays[IMAGES]))
    assert_same(tmp_path, mnist_arrays)


def test_default_root_is_the_environment_variable_then_the_working_folder(
    tmp_path: Path, mnist_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNN_TUI_DATA", str(tmp_path))
    assert locate("mnist") == mnist_folder
    monkeypatch.delenv("CNN_TUI_DATA")
    elsewhere = tmp_path / "project"
    (elsewhere / "data").mkdir(parents=True)
    (elsewhere / "data" / "raw").symlink_to(tmp_path)
    monkeypatch.chdir(elsewhere)
    assert locate("mnist") == Path("data/raw/mnist")


def test_nothing_there_says_what_to_put_where(
    tmp_path: Path, mnist_arrays: dict[str, np.ndarray]
) -> None:
    assert locate("mnist", tmp_path) is None
    with pytest.raises(DataError) as caught:
        load("mnist", tmp_path)
    message = str(caught.value)
    assert f"not found in {tmp_path}" in message
    assert "cnn-tui data fetch mnist" in message
    assert f"{IMAGES}.gz" in message
    assert str(tmp_path / "mnist") in message


def test_one_missing_file_is_named(tmp_path: Path, mnist_folder: Path) -> None:
    (mnist_folder / f"{LABELS}.gz").unlink()
    assert locate("mnist", tmp_path) is None
    with pytest.raises(DataError, match=rf"^mnist: {LABELS}\.gz not found; "):
        load("mnist", tmp_path)


# What is done to the content before it is packed, and what the error says.
CONTENT_FAULTS: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "empty": (IMAGES, lambda b: b"", "cut short"),
    "header only in part": (IMAGES, lambda b: b[:10], "cut short: 10 bytes"),
    "one byte short": (IMAGES, lambda b: b[:-1], "cut short: 156,799 of 156,800"),
    "trailing byte": (IMAGES, lambda b: b + b"\0", "should|after its end"),
    "signed bytes": (IMAGES, lambda b: b"\0\0\x09\x03" + b[4:], "magic number is 00000903"),
    "two axes": (IMAGES, lambda b: b"\0\0\x08\x02" + b[4:], "expected 00000803"),
    "labels in place of images": (IMAGES, lambda b: idx_bytes(np.zeros(200)), "cut short|magic"),
    "other size of image": (
        IMAGES,
        lambda b: idx_bytes(np.zeros((TRAIN, 14, 56))),
        "header says 200×14×56 values, expected 200×28×28",
    ),
    "one label less": (LABELS, lambda b: idx_bytes(np.zeros(199)), "says 199 values.* 200"),
    "4 GB": (
        LABELS,
        lambda b: b[:4] + struct.pack(">I", 0xFFFFFFFF) + b[8:],
        "says 4,294,967,295 values",
    ),
    "label 10": (LABELS, lambda b: b[:-1] + b"\x0a", "label 199 is 10, expected 0 to 9"),
}


@pytest.mark.parametrize("packed", [True, False], ids=["gzipped", "plain"])
@pytest.mark.parametrize("fault", CONTENT_FAULTS)
def test_bad_content_is_refused_in_one_line(
    tmp_path: Path, mnist_arrays: dict[str, np.ndarray], fault: str, packed: bool
) -> None:
    write_mnist(tmp_path / "mnist", mnist_arrays, packed=packed)
    name, change, reason = CONTENT_FAULTS[fault]
    content = change(idx_bytes(mnist_arrays[name]))
    path = tmp_path / "mnist" / (f"{name}.gz" if packed else name)
    path.write_bytes(gzipped(content) if packed else content)
    with pytest.raises(DataError, match=reason) as caught:
        load("mnist", tmp_path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert "; run 'cnn-tui data fetch " in str(caught.value)


PACKING_FAULTS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "half": (lambda b: b[: len(b) // 2], "cut short"),
    "no checksum": (lambda b: b[:-8], "cut short"),
    "half a checksum": (lambda b: b[:-6], "cut short"),
    "wrong checksum": (lambda b: b[:-8] + bytes([b[-8] ^ 1]) + b[-7:], "incorrect data check"),
    "wrong length": (lambda b: b[:-1] + bytes([b[-1] ^ 1]), "incorrect length check"),
    "trailing byte": (lambda b: b + b"x", "bytes after its gzip stream"),
    "trailing zeros": (lambda b: b + bytes(100), "bytes after its gzip stream"),
    "second member": (lambda b: b + gzipped(b""), "bytes after its gzip stream"),
    "much too long": (lambda b: b + bytes(200_000), "expected at most 156,816"),
}


@pytest.mark.parametrize("fault", PACKING_FAULTS)
def test_bad_packing_is_refused_in_one_line(tmp_path: Path, mnist_folder: Path, fault: str) -> None:
    change, reason = PACKING_FAULTS[fault]
    path = mnist_folder / f"{IMAGES}.gz"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=reason) as caught:
        load("mnist", tmp_path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert "; run 'cnn-tui data fetch " in str(caught.value)


def test_no_flipped_bit_changes_what_is_read(tmp_path: Path) -> None:
    labels = (np.arange(40) % 10).astype(np.uint8)
    good = gzipped(idx_bytes(labels))
    path = tmp_path / "labels.gz"
    refused = 0
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        try:
            np.testing.assert_array_equal(read_idx(path, (40,)), labels)
        except DataError:
            refused += 1
    # The rest are the time, the system and such in gzip's header, which mean nothing here.
    assert refused > 8 * (len(good) - 10)


@given(data=st.binary(max_size=300), packed=st.booleans())
@settings(max_examples=150)
def test_any_bytes_are_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, packed: bool
) -> None:
    path = tmp_path_factory.mktemp("any") / "labels"
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(DataError):
        read_idx(path, (1000,))


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = tmp_path / "labels.gz"
    bomb.write_bytes(gzipped(idx_bytes(np.zeros(1_000_000)) + bytes(50_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="decompresses to more than it should"):
            read_idx(bomb, (1_000_000,))
        with pytest.raises(DataError, match="header says"):
            read_idx(bomb, (100_000,))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000


def test_nothing_is_allocated_for_a_header_that_lies(tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(b"\0\0\x08\x03" + struct.pack(">III", 0xFFFFFFFF, 28, 28))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="header says"):
            read_idx(path, (60_000, 28, 28))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    with pytest.raises(DataError, match=r"labels: .*directory"):
        read_idx(tmp_path / "labels", (3,))


def test_verify_finds_what_is_missing_and_what_is_corrupt(
    tmp_path: Path, mnist_folder: Path, mnist_arrays: dict[str, np.ndarray]
) -> None:
    assert [file.state for file in verify("mnist", tmp_path)] == ["ok"] * 4
    changed = mnist_arrays[IMAGES].copy()
    changed[5, 3, 3] ^= 1
    (mnist_folder / f"{IMAGES}.gz").write_bytes(gzipped(idx_bytes(changed)))
    (mnist_folder / f"{LABELS}.gz").unlink()
    cut = mnist_folder / "t10k-labels-idx1-ubyte.gz"
    cut.write_bytes(cut.read_bytes()[:-1])
    states = {file.path.name: file for file in verify("mnist", tmp_path)}
    assert [file.state for file in states.values()] == ["corrupt", "missing", "ok", "corrupt"]
    assert states[f"{IMAGES}.gz"].reason.startswith("its content has SHA-256 ")
    assert states[cut.name].reason == "it is cut short"
    # One pixel is not the reader's business: the file is well-formed.
    np.testing.assert_array_equal(read_idx(mnist_folder / f"{IMAGES}.gz", (200, 28, 28)), changed)


def test_verify_does_not_care_how_a_file_is_packed(
    tmp_path: Path, mnist_folder: Path, mnist_arrays: dict[str, np.ndarray]
) -> None:
    (mnist_folder / f"{IMAGES}.gz").write_bytes(gzip.compress(idx_bytes(mnist_arrays[IMAGES]), 1))
    labels = mnist_folder / f"{LABELS}.gz"
    labels.unlink()
    (mnist_folder / LABELS).write_bytes(idx_bytes(mnist_arrays[LABELS]))
    assert [file.state for file in verify("mnist", tmp_path)] == ["ok"] * 4


def test_verify_with_nothing_there(tmp_path: Path, mnist_arrays: dict[str, np.ndarray]) -> None:
    states = verify("mnist", tmp_path)
    assert [file.state for file in states] == ["missing"] * 4
    assert states[0].path == tmp_path / "mnist" / f"{IMAGES}.gz"


def test_sizes_of_the_small_set(tmp_path: Path, mnist_folder: Path) -> None:
    dataset = load("mnist", tmp_path)
    assert (len(dataset.train), len(dataset.test)) == (TRAIN, TEST)
