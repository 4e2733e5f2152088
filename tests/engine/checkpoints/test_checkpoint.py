"""Checkpoints: what goes in comes back, and every damaged bit is noticed."""

import hashlib
import math
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.checkpoints import archive, checkpoint
from engine.config.schema import Train
from engine.errors import CheckpointError
from engine.runs import metrics_csv

META: dict[str, Any] = {
    "step": 12,
    "epoch": 3,
    "best": 0.1 + 0.2,
    "history": [{"loss": 1e-300, "acc": None}],
}


def some_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "model/0.weight": rng.standard_normal((4, 3, 3, 3)).astype(np.float32),
        "model/10.weight": rng.standard_normal((2, 5)),
        "model/2.weight": np.arange(6, dtype=np.int32).reshape(2, 3),
        "t": np.array(7, np.int64),
        "empty": np.zeros((3, 0, 2), np.float32),
        "mask": np.array([True, False, True]),
        "bytes": np.arange(5, dtype=np.uint8),
    }


def assert_same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert list(found) == sorted(wanted)
    for name, array in found.items():
        assert array.dtype == wanted[name].dtype
        assert array.shape == wanted[name].shape
        assert array.tobytes() == wanted[name].tobytes()
        assert array.flags.c_contiguous
        assert array.flags.writeable


def refused(path: Path, **kwargs: object) -> str:
    """The message with which a file is refused; one line that begins with the path."""
    with pytest.raises(CheckpointError) as info:
        checkpoint.load(path, **kwargs)  # type: ignore[arg-type]
    message = str(info.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_everything_comes_back(tmp_path: Path) -> None:
    path, arrays = tmp_path / "a.npz", some_arrays()
    checkpoint.save(path, arrays, META)
    found = checkpoint.load(path, checkpoint.expected(arrays))
    assert_same(found.arrays, arrays)
    assert found.meta == META == checkpoint.read_meta(path)


@pytest.mark.proof
def test_the_longest_history_that_a_config_can_ask_for_has_room() -> None:
    (epochs,) = (m.le for m in Train.model_fields["epochs"].metadata if hasattr(m, "le"))
    logs = dict.fromkeys(metrics_csv.COLUMNS, 0.12345678901234568)
    archive.encode_manifest({"history": [logs] * epochs}, [])


def test_no_suffix_is_appended(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "weights", {}, {})
    assert os.listdir(tmp_path) == ["weights"]


def test_numpy_reads_it(tmp_path: Path) -> None:
    path, arrays = tmp_path / "a.npz", some_arrays()
    checkpoint.save(path, arrays, META)
    with np.load(path, allow_pickle=False) as file:
        assert file["manifest.json"].startswith(b'{"arrays":')
        assert_same({name: file[name] for name in file.files[1:]}, arrays)


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    ),
    st.integers(0, 5),
)
@settings(max_examples=60)
def test_any_array_in_any_layout(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, layout: int
) -> None:
    if layout == 1:
        array = np.asfortranarray(array)
    elif layout == 2:
        array = array.T
    elif layout == 3 and array.ndim:
        array = array[::-2]
    elif layout == 4:
        array = array.astype(array.dtype.newbyteorder("S"))
    elif layout == 5:
        array = np.broadcast_to(array, (2, *array.shape))
    path = tmp_path_factory.getbasetemp() / "layout.npz"
    meta = {"allow_non_finite": True}
    checkpoint.save(path, {"a": array}, meta)
    native = array.astype(array.dtype.newbyteorder("="))
    assert_same(checkpoint.load(path).arrays, {"a": native})


def test_same_state_gives_same_bytes(tmp_path: Path) -> None:
    arrays = some_arrays()
    checkpoint.save(tmp_path / "a", arrays, META)
    shuffled = {name: np.array(arrays[name], order="F") for name in reversed(arrays)}
    checkpoint.save(tmp_path / "b", shuffled, dict(reversed(META.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_bytes_of_the_format_are_fixed(tmp_path: Path) -> None:
    # Version 1 of the format, for ever: if this fails, files that people have no longer load.
    checkpoint.save(tmp_path / "a", {"w": np.arange(3, dtype=np.float32)}, {"step": 1})
    digest = hashlib.sha256((tmp_path / "a").read_bytes()).hexdigest()
    assert digest == "9f50433869c7f338a2b32374584a3341f1f5dff6bcc9ffc77b996c9d06fa9dee"


def test_every_flipped_bit_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    arrays = {"model/w": np.array([1.5, -2], np.float32), "t": np.array(True)}
    checkpoint.save(path, arrays, {"step": 1})
    content = path.read_bytes()
    with path.open("r+b", buffering=0) as file:
        for position, byte in enumerate(content):
            for bit in range(8):
                file.seek(position)
                file.write(bytes([byte ^ 1 << bit]))
                with pytest.raises(CheckpointError):
                    checkpoint.load(path)
            file.seek(position)
            file.write(bytes([byte]))
    assert_same(checkpoint.load(path).arrays, arrays)


def test_every_flipped_bit_is_detected_or_harmless_to_a_partial_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    arrays = {"model/w": np.array([1.5, -2], np.float32), "optim/m": np.array([0.5], np.float32)}
    checkpoint.save(path, arrays, {"step": 1})
    content = path.read_bytes()
    harmless = 0
    with path.open("r+b", buffering=0) as file:
        for position, byte in enumerate(content):
            file.seek(position)
            file.write(bytes([byte ^ 1 << position % 8]))
            try:
                found = checkpoint.load(path, only="model/")
                assert_same(found.arrays, {"model/w": arrays["model/w"]})
                assert found.meta == {"step": 1}
                harmless += 1
            except CheckpointError:
                pass
            file.seek(position)
            file.write(bytes([byte]))
    assert harmless == arrays["optim/m"].nbytes


def test_every_flipped_bit_is_detected_or_harmless_to_meta(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    checkpoint.save(path, {"w": np.ones(2, np.float32)}, {"step": 1})
    content = path.read_bytes()
    detected = 0
    for position, byte in enumerate(content):
        changed = bytes([byte ^ 1 << position % 8])
        path.write_bytes(content[:position] + changed + content[position + 1 :])
        try:
            assert checkpoint.read_meta(path) == {"step": 1}
        except CheckpointError:
            detected += 1
    assert detected > content.index(b'"version":1}') - content.index(b'{"arrays"')


def test_every_truncation_and_any_addition_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    checkpoint.save(path, {"w": np.ones(3, np.float32)}, {"step": 1})
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        refused(path)
    for changed in (content + b"\0", b"\0" + content, content + content, content[1:]):
        path.write_bytes(changed)
        refused(path)


@given(st.binary(max_size=300))
@settings(max_examples=100)
def test_garbage_is_refused(tmp_path_factory: pytest.TempPathFactory, garbage: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage.npz"
    path.write_bytes(garbage)
    refused(path)


def test_shuffled_pieces_of_a_checkpoint_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    checkpoint.save(path, {"w": np.ones(9, np.float32), "v": np.zeros(9, np.float32)}, META)
    content, rng = path.read_bytes(), random.Random(0)
    for _ in range(300):
        a, b, c = sorted(rng.sample(range(len(content)), 3))
        mixed = content[:a] + content[b:c] + content[a:b] + content[c:]
        if mixed != content:
            path.write_bytes(mixed)
            refused(path)


def test_expectations_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    checkpoint.save(path, {f"model/{i}.weight": np.ones((2, 3), np.float32) for i in range(6)}, {})
    wanted: dict[str, tuple[type, tuple[int, ...]]] = {
        f"model/{i}.weight": (np.float32, (2, 3)) for i in range(6)
    }
    assert len(checkpoint.load(path, wanted).arrays) == 6
    assert "model/0.weight has shape (2, 3), expected (3, 2)" in refused(
        path, expect=wanted | {"model/0.weight": (np.float32, (3, 2))}
    )
    assert "model/0.weight is float32, expected float64" in refused(
        path, expect=wanted | {"model/0.weight": (np.float64, (2, 3))}
    )
    assert "model/9.bias is missing" in refused(
        path, expect=wanted | {"model/9.bias": (np.float32, (1,))}
    )
    wanted.pop("model/3.weight")
    assert "model/3.weight is not expected" in refused(path, expect=wanted)
    assert refused(path, expect={}).endswith("model/5.weight is not expected, of shape (2, 3)")
    many = {f"model/{i}.bias": (np.float32, (1,)) for i in range(12)}
    assert refused(path, expect=wanted | many).endswith(
        "model/9.bias is missing, of shape (1,); and 3 more"
    )


def test_partial_read_takes_and_expects_only_its_prefix(tmp_path: Path) -> None:
    path, arrays = tmp_path / "a.npz", some_arrays()
    checkpoint.save(path, arrays, META)
    model = {name: array for name, array in arrays.items() if name.startswith("model/")}
    found = checkpoint.load(path, checkpoint.expected(model), only="model/")
    assert_same(found.arrays, model)
    assert found.meta == META
    assert list(checkpoint.load(path, only=("t", "mask")).arrays) == ["mask", "t"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_non_finite_weights_never_replace_finite_ones(tmp_path: Path, value: float) -> None:
    path = tmp_path / "a.npz"
    checkpoint.save(path, {"w": np.ones(2, np.float32)}, {})
    bad = {"w": np.array([1, value], np.float32)}
    with pytest.raises(CheckpointError, match="'w' holds 1 numbers that are not finite"):
        checkpoint.save(path, bad, {})
    assert checkpoint.load(path).arrays["w"].tolist() == [1, 1]
    checkpoint.save(path, bad, {"allow_non_finite": True})
    assert_same(checkpoint.load(path).arrays, bad)


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ({"best": {"loss": math.nan}}, "meta.best.loss is nan"),
        ({"best": math.inf}, "meta.best is inf"),
        ({"history": [1, {2}]}, r"meta.history\[1\] is a set"),
        ({"lr": np.float32(0.1)}, "meta.lr is a float32"),
        ({"epochs": {1: 2}}, "meta.epochs has the key 1"),
        ({"text": "x" * (archive.MANIFEST_LIMIT + 1)}, "meta takes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_meta_has_to_be_json(tmp_path: Path, meta: dict, reason: str) -> None:
    with pytest.raises(CheckpointError, match=reason):
        checkpoint.save(tmp_path / "a", {}, meta)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    ["", "/a", "a/", "a//b", "../a", "a/./b", "a b", "a.npy", "manifest.json", "ä", "a" * 251],
)
def test_names_are_checked(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="cannot be the name of an array"):
        checkpoint.save(tmp_path / "a", {name: np.ones(1)}, {})


@pytest.mark.parametrize(
    "array",
    [
        np.array([None]),
        np.array(["text"]),
        np.ones(1, np.float16),
        np.ones(1, np.complex64),
        np.zeros(1, [("a", "f4")]),
        np.array(["2020-01-01"], "datetime64[D]"),
    ],
)
def test_other_dtypes_are_refused(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(CheckpointError, match=r"'a' has dtype .*, not one of bool, uint8"):
        checkpoint.save(tmp_path / "a", {"a": array}, {})


def test_missing_and_irregular_files(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.npz") == "no such file"
    assert refused(tmp_path) == "not a regular file"
    (tmp_path / "empty").touch()
    assert refused(tmp_path / "empty") == "the file is empty"
    with pytest.raises(CheckpointError, match="no such file"):
        checkpoint.read_meta(tmp_path / "none.npz")
    with pytest.raises(CheckpointError, match="not saved: No such file"):
        checkpoint.save(tmp_path / "none" / "a.npz", {}, {})
