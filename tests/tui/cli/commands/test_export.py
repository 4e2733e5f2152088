"""``export`` of a run that is trained once."""

import errno
import json
import os
import re
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data import DATASETS
from engine.errors import CheckpointError, ConfigError, RunError
from engine.export import EXPORTERS
from engine.export.registry import Runner
from engine.services import export as service
from engine.services.signals import Interrupted
from engine.storage import atomic
from tests.support.command_runs import make_config, speak
from tui.cli.commands.export import export
from tui.cli.main import main


def test_export_writes_weights_and_architecture(
    tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "new" / "net.npz"
    spoken = speak(capsys)
    assert export(make_config(tmp_path), trained, "npz", target, spoken.out) == 0
    out, _ = spoken.read()
    assert [line.split()[0] for line in out.splitlines()] == [
        str(target),
        str(target.with_suffix(".json")),
    ]
    description = json.loads(target.with_suffix(".json").read_text())
    assert description["layers"] == ["Flatten", {"Dense": {"in_features": 784, "out_features": 10}}]
    assert description["input_shape"] == [1, 28, 28]
    with np.load(target) as arrays:
        assert arrays["1.weight"].shape == (10, 784)
    spoken = speak(capsys, as_json=True)
    export(make_config(tmp_path), trained, "npz", target, spoken.out, overwrite=True)
    (line,) = spoken.lines()
    assert line == {"format": "npz", "files": [str(target), str(target.with_suffix(".json"))]}


def test_export_ends_at_a_signal_before_it_writes(
    tmp_path: Path,
    trained: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = service.load_model

    def load(*args: Any, **kwargs: Any) -> object:
        os.kill(os.getpid(), signal.SIGHUP)
        return real(*args, **kwargs)

    monkeypatch.setattr(service, "load_model", load)
    out = speak(capsys).out
    old = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with pytest.raises(Interrupted) as caught:
            export(make_config(tmp_path), trained, "npz", tmp_path / "net.npz", out)
    finally:
        signal.signal(signal.SIGHUP, old)
    assert caught.value.exit_code == 129
    assert not list(tmp_path.iterdir())


def test_export_refuses_a_folder_and_a_file_for_a_folder(
    tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = speak(capsys).out
    for target in (tmp_path, Path()):
        with pytest.raises(RunError, match="it is a folder; expected the name of a file"):
            export(make_config(tmp_path), trained, "npz", target, out)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file is not a folder"):
        export(make_config(tmp_path), trained, "npz", tmp_path / "file" / "net.npz", out)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["net.npz", "net.json"])
def test_export_replaces_nothing_without_being_told(
    tmp_path: Path, trained: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = make_config(tmp_path), speak(capsys).out
    (tmp_path / name).write_text("mine")
    (tmp_path / name).chmod(0o600)
    with pytest.raises(ConfigError, match=f"{name}: exists already; --overwrite"):
        export(config, trained, "npz", tmp_path / "net.npz", out)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]
    assert export(config, trained, "npz", tmp_path / "net.npz", out, overwrite=True) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.json", "net.npz"]
    assert (tmp_path / name).read_bytes() != b"mine"
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["net.npz", "net.json"])
@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_export_never_writes_over_what_is_no_plain_file(
    tmp_path: Path, trained: Path, kind: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(os.devnull)
    before = os.lstat(path)
    out = speak(capsys).out
    with pytest.raises(RunError, match=f"{name}: (it is a folder|not a plain file)"):
        export(make_config(tmp_path), trained, "npz", tmp_path / "net.npz", out, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert os.path.samestat(before, os.lstat(path))


def test_export_never_replaces_what_it_exports(
    tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (trained / "weights.npz").read_bytes()
    link = tmp_path / "link.npz"
    link.symlink_to(trained / "weights.npz")
    for output in (trained / "weights.npz", link):
        with pytest.raises(ConfigError, match="holds the weights to export"):
            export(make_config(tmp_path), trained, "npz", output, speak(capsys).out, overwrite=True)
    assert (trained / "weights.npz").read_bytes() == before


def test_an_export_describes_the_data_that_the_weights_were_trained_on(
    tmp_path: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "net.npz"
    export(make_config(tmp_path), elsewhere, "npz", target, speak(capsys).out)
    description = json.loads(target.with_suffix(".json").read_text())
    fashion = DATASETS["fashion_mnist"]
    assert description["classes"] == [*fashion.classes]
    assert (description["mean"], description["std"]) == ([*fashion.mean], [*fashion.std])
    assert description["preparation"] == fashion.preparation.model_dump()


def fake_runner(monkeypatch: pytest.MonkeyPatch, logits: Callable[..., np.ndarray]) -> None:
    """A program that runs npz files, whose package is NumPy."""
    fake = EXPORTERS["npz"]._replace(runner=Runner("numpy", logits))
    monkeypatch.setitem(EXPORTERS, "npz", fake)


def run_npz(path: Path, images: np.ndarray) -> np.ndarray:
    """The logits of the trained network, by its formula."""
    x = (images - 0.1307) / 0.3081  # mean and standard deviation of MNIST
    with np.load(path) as arrays:
        return x.reshape(len(x), -1) @ arrays["1.weight"].T + arrays["1.bias"]


def test_a_verified_export_says_how_far_the_logits_are_apart(
    tmp_path: Path,
    trained: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_runner(monkeypatch, run_npz)
    config, spoken = make_config(tmp_path), speak(capsys)
    assert export(config, trained, "npz", tmp_path / "a.npz", spoken.out, verified=True) == 0
    last = spoken.read()[0].splitlines()[-1]
    assert re.match(r"numpy: logits differ by at most [\d.]+e-\d+ on 64 test images", last)
    spoken = speak(capsys, as_json=True)
    export(config, trained, "npz", tmp_path / "b.npz", spoken.out, verified=True)
    verified = spoken.lines()[-1]["verified"]
    assert verified["images"] == 64
    assert 0 <= verified["difference"] < 1e-4 < verified["largest"]


def test_a_verified_export_that_computes_something_else_fails(
    tmp_path: Path,
    trained: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_runner(monkeypatch, lambda path, images: run_npz(path, images) * 1.01)
    with pytest.raises(RunError, match=r"net\.npz: numpy computes other logits") as caught:
        export(
            make_config(tmp_path),
            trained,
            "npz",
            tmp_path / "net.npz",
            speak(capsys).out,
            verified=True,
        )
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "npz", "--verify"], "npz files hold no program that could be run"),
        (["--format", "onnx"], "pip install 'cnn-tui[onnx]'"),
        (["--format", "safetensors"], "pip install 'cnn-tui[safetensors]'"),
        (["--format", "pytorch"], "pip install 'cnn-tui[safetensors]'"),
    ],
)
def test_what_cannot_be_done_here_is_said_before_anything_is_written(
    tmp_path: Path,
    trained: Path,
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("engine.errors", "engine.export.registry"):
        monkeypatch.setattr(f"{module}.find_spec", lambda package: None)
    target = tmp_path / "out" / "net"
    assert main(["export", "--weights", str(trained), "--output", str(target), *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", EXPORTERS)
def test_weights_of_another_network_are_not_exported(
    tmp_path: Path, trained: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if EXPORTERS[name].is_missing():
        pytest.skip(f"{EXPORTERS[name].package} is not installed")
    config = make_config(tmp_path, "layers=[Flatten, ReLU, Dense: {out_features: 10}]")
    with pytest.raises(CheckpointError, match="weight"):
        export(config, trained, name, tmp_path / "net", speak(capsys).out)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", [n for n, one in EXPORTERS.items() if len(one.files(Path("a"))) > 1]
)
def test_of_several_files_none_is_left_where_one_cannot_be_written(
    tmp_path: Path,
    trained: Path,
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if EXPORTERS[name].is_missing():
        pytest.skip(f"{EXPORTERS[name].package} is not installed")
    real = atomic.replace
    done: list[Path] = []

    def replace(source: Path, target: Path) -> None:
        if done:
            raise OSError(errno.ENOSPC, "No space left on device")
        done.append(target)
        real(source, target)

    monkeypatch.setattr(atomic, "replace", replace)
    with pytest.raises(RunError, match="net: not written: No space left"):
        export(make_config(tmp_path), trained, name, tmp_path / "net", speak(capsys).out)
    assert done
    assert not list(tmp_path.iterdir())
