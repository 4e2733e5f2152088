"""Everything that reads files which may come from somebody else."""

import dataclasses
import gzip
import io
import json
import random
import shutil
import struct
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from engine import data
from engine.checkpoints import checkpoint
from engine.config import config_hash, dump, list_configs, load, loads, read_values
from engine.data.idx import read_idx
from engine.data.sets.cifar10 import CIFAR10
from engine.films import film
from engine.runs import locations
from engine.runs.environment import environment
from engine.runs.listing import list_runs
from engine.runs.metrics_csv import COLUMNS
from engine.runs.provenance import Part
from engine.services.export import write_network
from engine.services.verify import differing_facts, read_provenance
from engine.storage import atomic
from engine.train import factory
from engine.train.session import TrainingSession
from engine.train.weights import described_model, list_weights, load_model
from tests.fuzz.forms import forms
from tests.fuzz.fuzzing import Target
from tests.fuzz.mutations import mutate, mutate_json
from tests.fuzz.sweeps import sweeps
from tui.cli.commands.runs import compare, list_all, show
from tui.cli.output import Output
from tui.lessons import list_lessons
from tui.lessons import read as read_lesson
from tui.screens import network_screen
from tui.screens.runs import rows as run_rows
from tui.state.replay import words as moment_words
from tui.state.run_details import read_details

TINY = """
dataset: mnist_mini
seed: 7
layers:
  - Conv2D: {out_channels: 2, kernel_size: 5, stride: 5}
  - BatchNorm2D
  - ReLU
  - Flatten
  - Dropout: {p: 0.3}
  - Dense: {out_features: 10}
data: {limit: 60, validation: 20}
train: {epochs: 2, batch_size: 20, lr: 0.01, optimizer: adam, workers: 1,
        scheduler: {name: plateau, monitor: val_loss}, warmup: {steps: 3}}
callbacks: [early_stopping: {monitor: val_acc, patience: 3}, checkpoint: {filepath: best.npz}]
"""
RUN = "20250101-000000-tiny-0001"

_YAML = [b": ", b"\n- ", b"{", b"}", b"[", b"]", b"&a ", b"*a", b"<<", b"!!int ", b"---\n", b"\t",
         b"#", b"'", b'"', b"\x1b[0m", b"\xff", b"\xe2\x80\xae", b"null", b"~", b"1e-3", b"0x1f",
         b"layers:", b"model: mlp", b"Residual: {body: [ReLU]}", b"scheduler: {name: step}",
         b"callbacks:", b"early_stopping", b"Conv2D:", b"kernel_size: [3, 3]"]  # fmt: skip
_ZIP = [b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"manifest.json", b"model/0.weight.npy",
        b"\x93NUMPY\x01\x00v\x00", b"'descr': '|O'", b'"shape": [4294967295]', b'"float64"',
        b"sha256:", b"{", b"[", b'"meta": {']  # fmt: skip
_JSON = [b"{", b"}", b"[", b"]", b",", b"null", b"NaN", b"1e999", b'"', b"\\u0000", b"[" * 2000,
         b'"status": "running"', b'"environment": {}', b"\xff"]  # fmt: skip
_TENSORS = [b'{"', b'"dtype":"F64"', b'"dtype":"BF16"', b'"shape":[]', b"[0,4]", b"99999999999",
            b"__metadata__", b"num_batches_tracked", b"\\u202e", b"\xff" * 8]  # fmt: skip
_GZIP = [b"\x1f\x8b\x08", b"\x00" * 512, b"ustar", b"data_batch_1.bin", b"\x00\x00\x08\x03"]


def _of_bytes(good: Sequence[bytes], tokens: Sequence[bytes]) -> Callable[[random.Random], bytes]:
    return lambda rng: mutate(rng.choice(good), good, tokens, rng)


def config(folder: Path) -> Target:
    """A YAML file; what is accepted survives being written and read again."""
    path = folder / "config.yaml"
    good = [one.read_bytes() for one in list_configs()] + [TINY.encode()]
    layers = b", ".join([b"ReLU", b"Conv2D: {out_channels: 4, kernel_size: 1}"] * 60)
    good.append(b"dataset: mnist\nlayers: [" + layers + b", Flatten, Dense: {out_features: 10}]\n")

    def read(content: bytes) -> None:
        path.write_bytes(content)
        found = load(path)
        again = loads(dump(found), "config.yaml")
        assert config_hash(again) == config_hash(found)
        read_values(content.decode())

    return Target("configs", good, _of_bytes(good, _YAML), read, 3)


def lessons(folder: Path) -> Target:
    """Lessons: Markdown with blocks of YAML in it."""
    path = folder / "lesson.md"
    good = [one.read_bytes() for one in list_lessons()]
    tokens = [*_YAML, b"```step\n", b"```yaml run\n", b"```\n", b"\n## ", b"\n- [ ] ", b"> "]

    def read(content: bytes) -> None:
        path.write_bytes(content)
        for step in read_lesson(path).steps:
            if step.trains:
                step.config()

    return Target("lessons", good, _of_bytes(good, tokens), read, 2)


def idx(folder: Path) -> Target:
    """Images of MNIST's format, gzipped or not."""
    path, shape = folder / "images", (400, 28, 28)
    values = np.random.default_rng(0).integers(0, 256, shape, np.uint8).tobytes()
    header = bytes([0, 0, 8, 3, 0, 0, 1, 144, 0, 0, 0, 28, 0, 0, 0, 28])
    plain = header + values
    good = [plain, gzip.compress(plain, mtime=0)]

    def bad(rng: random.Random) -> bytes:
        if rng.random() < 0.3:
            return gzip.compress(mutate(plain, [plain], _GZIP, rng), 1, mtime=0)
        return mutate(rng.choice(good), good, _GZIP, rng)

    def read(content: bytes) -> None:
        path.write_bytes(content)
        assert read_idx(path, shape).shape == shape

    return Target("IDX", good, bad, read, 3)


def cifar(folder: Path) -> Target:
    """CIFAR-10: one file of records, or the publisher's archive of six."""
    info = dataclasses.replace(CIFAR10, train_size=30, test_size=6)
    records = np.arange(6 * 3073, dtype=np.uint8).reshape(6, 3073)
    records[:, 0] %= 10
    first = records.tobytes()
    place, path = folder / "cifar-10-batches-bin", folder / "cifar-10-binary.tar.gz"
    place.mkdir()
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in names:
            (place / name).write_bytes(first)
            tar.add(place / name, f"cifar-10-batches-bin/{name}")
    inner = packed.getvalue()
    archive = gzip.compress(inner, mtime=0)

    def bad(rng: random.Random) -> tuple[str, bytes]:
        kind = rng.choice(("file", "archive", "inside"))
        if kind == "file":
            return kind, mutate(first, [first], _GZIP, rng)
        if kind == "archive":
            return kind, mutate(archive, [archive], _GZIP, rng)
        return kind, gzip.compress(mutate(inner, [inner], _GZIP, rng), 1, mtime=0)

    def read(item: tuple[str, bytes]) -> None:
        kind, content = item
        target = place / "data_batch_1.bin" if kind == "file" else path
        target.write_bytes(content)
        train, test = info.read(place if kind == "file" else path)
        assert (len(train), len(test)) == (info.train_size, info.test_size)

    good = [("file", first), ("archive", archive)]
    return Target("CIFAR-10", good, bad, read, 2)


class Run:
    """A run that was cut in its second epoch, with all that can be in its folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "runs"
        self.path = self.root / RUN
        locations = [f"runs_dir={folder / 'made'}", f"reports_dir={folder / 'reports'}"]
        text = TINY.replace("filepath: best.npz", f"filepath: {folder / 'best.npz'}")
        self.config = loads(text, "tiny.yaml", locations)
        self.dataset = data.load("mnist_mini")
        session = TrainingSession(self.config, on_event=lambda event: None)
        session.controls.checkpoint_now()
        made = session.run().run_dir
        self.root.mkdir()
        made.rename(self.path)
        for path in (self.path / "checkpoints").glob("step-*.npz"):
            if int(path.stem[5:]) > 2:
                path.unlink()
        # The state after the first epoch: the second is still to be trained.
        self.saved = checkpoint.load(self.path / "checkpoints" / "best.npz")
        self.step = self.saved.meta["progress"]["global_step"]

    def write_state(self, meta: dict[str, Any]) -> None:
        """A checkpoint whose every digest is right, and whose counters are these."""
        with patch.object(atomic, "sync"), patch.object(atomic, "sync_folder"):
            shutil.rmtree(self.path / "checkpoints")
            (self.path / "checkpoints").mkdir()
            name = f"step-{self.step:08d}.npz"
            checkpoint.save(self.path / "checkpoints" / name, self.saved.arrays, meta)

    def resume(self) -> None:
        """Resume it, to the end."""
        with (
            patch.object(factory, "load_dataset", lambda *_, **__: self.dataset),
            patch.object(atomic, "sync"),
            patch.object(atomic, "sync_folder"),
        ):
            TrainingSession(self.config, resume=self.path).run()


def weights(run: Run) -> Target:
    """A file of weights, and a checkpoint of a run, byte by byte."""
    path = run.path.parent / "given.npz"
    good = [(run.path / "weights.npz").read_bytes()]
    good.append((run.path / "checkpoints" / "best.npz").read_bytes())

    def read(content: bytes) -> None:
        path.write_bytes(content)
        load_model(run.config, path)

    return Target("weights", good, _of_bytes(good, _ZIP), read, 3)


def tensors(run: Run) -> Target:
    """A network as safetensors, byte by byte; without the package all of it is refused."""
    path = run.path.parent / "given.safetensors"
    state = load_model(run.config, run.path / "weights.npz").state_dict()
    network = {
        "layers": run.config.specs, "input_shape": [1, 28, 28], "classes": list("0123456789"),
        "mean": [0.1], "std": [0.3], "preparation": {}, "dataset": "mnist_mini",
    }  # fmt: skip
    header: dict[str, Any] = {"__metadata__": {"network": json.dumps(network)}}
    end = 0
    for name, array in state.items():
        offsets = [end, end := end + array.nbytes]
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": offsets}
    text = json.dumps(header).encode()
    body = b"".join(array.tobytes() for array in state.values())
    good = [struct.pack("<Q", len(text)) + text + body]

    def read(content: bytes) -> None:
        path.write_bytes(content)
        load_model(run.config, path)
        described_model(path)

    return Target("safetensors", good, _of_bytes(good, _TENSORS), read, 3)


def arrays(run: Run) -> Target:
    """An exported ``.npz`` file byte by byte, or the description beside it value by value."""
    path = run.path.parent / "net.npz"
    files = write_network(run.config, run.path / "weights.npz", "npz", path)
    plain, text = (file.read_bytes() for file in files)

    def bad(rng: random.Random) -> tuple[bytes, bytes]:
        if rng.random() < 0.5:
            return mutate(plain, [plain], _ZIP, rng), text
        return plain, json.dumps(mutate_json(json.loads(text), rng)).encode()

    def read(item: tuple[bytes, bytes]) -> None:
        for file, content in zip(files, item, strict=True):
            file.write_bytes(content)
        load_model(run.config, path)
        described_model(path)

    return Target("plain arrays", [(plain, text)], bad, read, 3)


def folders(run: Run) -> Target:
    """The files of a run's folder, and all that lists or shows them."""
    names = ("run.json", "metrics.csv", "config.yaml")
    good = {name: (run.path / name).read_bytes() for name in names}
    record = json.loads(good["run.json"])
    tokens = [*_JSON, b",", b"\n", *(column.encode() for column in COLUMNS)]

    def bad(rng: random.Random) -> tuple[str, bytes]:
        name = rng.choice(names)
        if name == "run.json" and rng.random() < 0.7:
            return name, json.dumps(mutate_json(record, rng)).encode()
        return name, mutate(good[name], [good[name]], tokens, rng)

    def read(item: tuple[str, bytes]) -> None:
        name, content = item
        for other in names:
            (run.path / other).write_bytes(content if other == name else good[other])
        list_weights(run.path)
        factory.config_of(run.path)
        run_rows.facts(list_runs(run.root)[0], read_details(run.path))
        read_record(run)

    return Target("run folders", list(good.items()), bad, read, 2)


def read_record(run: Run) -> None:
    """All that is made of a run.json: lists, tables, rows of the app, the facts of ``verify``."""
    with patch.object(Output, "_write_data", lambda self, text: None):
        for out in (Output(as_json=True, quiet=True), Output(quiet=True)):
            list_all(run.root, out)
            show(run.root, RUN, out)
            compare(run.root, [RUN, RUN], out)
    (info,) = list_runs(run.root)
    for sort in run_rows.SORTS:
        run_rows.ordered([info, info], sort, "x")
    run_rows.run_row(info, "")
    run_rows.facts(info, None)
    network_screen.run_remark(info)
    locations.resolve(run.config, run.path, info.record)
    if info.problem is None:
        recorded = read_provenance(run.path).parts
        differing_facts(run.config, recorded, Part(0, config_hash(run.config), environment()))


def states(run: Run) -> Target:
    """What a checkpoint says about where its run is; a run that accepts it continues to its end."""
    good = run.saved.meta

    def read(meta: Any) -> None:
        run.write_state(meta)
        run.resume()

    def bad(rng: random.Random) -> Any:
        return {**mutate_json_of(good, rng), "allow_non_finite": True}

    return Target("resume states", [good], bad, read, 0.3)


def films(run: Run) -> Target:
    """What a frame of a film says about its moment, and the words that are made of it."""
    path = film.frames(run.path)[-1]
    saved = checkpoint.load(path)

    def read(meta: Any) -> None:
        with patch.object(atomic, "sync"), patch.object(atomic, "sync_folder"):
            checkpoint.save(path, {}, meta)
        words = moment_words(path, run.config)
        assert words.isprintable()
        assert len(words) < 200
        film.moment(path)

    def bad(rng: random.Random) -> Any:
        key, moment = "film", {"film": saved.meta["film"]}
        return saved.meta | {key: mutate_json_of(moment, rng).get(key)}

    many = dict.fromkeys(map(str, range(30_000)), 0.5)
    large = saved.meta | {"film": saved.meta["film"] | {"logs": many}}
    return Target("films", [saved.meta, large], bad, read)


def mutate_json_of(meta: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Meta that can be written: plain JSON without NaN."""
    while True:
        found = mutate_json(meta, rng)
        try:
            json.dumps(found, allow_nan=False)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found


def make(folder: Path) -> list[Target]:
    """All of them, with files in an empty folder."""
    run = Run(folder)
    files = [config(folder), lessons(folder), idx(folder), cifar(folder), forms(folder)]
    given = [weights(run), tensors(run), arrays(run)]
    return [*files, *given, folders(run), states(run), films(run), sweeps(folder)]
