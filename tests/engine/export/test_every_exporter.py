"""What every registered exporter promises: its files, the same bytes, and nothing half-written."""

import errno
import subprocess
import sys
import tomllib
from pathlib import Path
from unittest.mock import patch

import pytest

from engine.errors import ConfigError
from engine.export import EXPORTERS, Architecture, Exporter, register
from engine.layers import Sequential
from engine.storage import atomic


@pytest.fixture(params=list(EXPORTERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def exporter(name: str) -> Exporter:
    if EXPORTERS[name].is_missing():
        pytest.skip(f"{EXPORTERS[name].package} is not installed")
    return EXPORTERS[name]


def test_exactly_the_announced_files_are_written(
    tmp_path: Path, model: Sequential, architecture: Architecture, name: str, exporter: Exporter
) -> None:
    path = tmp_path / f"net.{name}"
    files = exporter.files(path)
    assert files[0] == path
    assert len(set(files)) == len(files)
    exporter.write(path, model, architecture)
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert all(file.stat().st_size for file in files)


def test_the_same_network_gives_the_same_bytes(
    tmp_path: Path, model: Sequential, architecture: Architecture, name: str, exporter: Exporter
) -> None:
    written = []
    for folder in ("one", "other"):
        path = tmp_path / folder / f"net.{name}"
        path.parent.mkdir()
        exporter.write(path, model, architecture)
        written.append([file.read_bytes() for file in exporter.files(path)])
    assert written[0] == written[1]


def test_another_network_gives_other_bytes(
    tmp_path: Path, model: Sequential, architecture: Architecture, name: str, exporter: Exporter
) -> None:
    path = tmp_path / f"net.{name}"
    exporter.write(path, model, architecture)
    before = [file.read_bytes() for file in exporter.files(path)]
    model.layers[-1].params["weight"][0, 0] += 1
    exporter.write(path, model, architecture)
    assert [file.read_bytes() for file in exporter.files(path)] != before


def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, model: Sequential, architecture: Architecture, name: str, exporter: Exporter
) -> None:
    path = tmp_path / f"net.{name}"
    path.write_bytes(b"old")

    def full(file: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with patch.object(atomic, "sync", full), pytest.raises(OSError, match="No space left"):
        exporter.write(path, model, architecture)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_second_exporter_of_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="two exporters named npz"):
        register("npz")


def test_naming_the_formats_imports_neither_numpy_nor_their_packages() -> None:
    code = "import sys, engine.export; print(*engine.export.EXPORTERS); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, modules = (line.split() for line in done.stdout.splitlines())
    assert names == [*EXPORTERS]
    runners = {one.runner.package for one in EXPORTERS.values() if one.runner}
    heavy = {"numpy", *(one.package for one in EXPORTERS.values()), *runners}
    assert not heavy & {*modules}


def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.errors.find_spec", lambda package: None)
    if not EXPORTERS[name].package:
        EXPORTERS[name].check_installed()
        return
    with pytest.raises(ConfigError) as caught:
        EXPORTERS[name].check_installed()
    extra = EXPORTERS[name].extra
    assert f"{name} needs the package {EXPORTERS[name].package}" in str(caught.value)
    assert f"pip install 'cnn-tui[{extra}]'" in str(caught.value)
    extras = tomllib.loads(Path(__file__).parents[3].joinpath("pyproject.toml").read_text())
    packages = extras["project"]["optional-dependencies"][extra]
    assert any(package.startswith(EXPORTERS[name].package) for package in packages)
