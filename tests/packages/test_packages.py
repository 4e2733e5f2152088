"""Wheel and sdist hold what they need, and nothing of those who built them."""

import os
import subprocess
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from engine import __version__

ROOT = Path(__file__).parents[2]
DIST = os.environ.get("CNN_TUI_DIST")

pytestmark = pytest.mark.skipif(
    not DIST, reason="set CNN_TUI_DIST to the folder of a wheel and an sdist, as .ci/run does"
)

NOT_PACKED = (".ci/", ".github/", ".pre-commit-config.yaml", "checkpoints/")
"""Of the repository, and of no use without it."""


def tracked() -> set[str]:
    """The files of the repository."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return set(listed)


@pytest.fixture(scope="module")
def wheel() -> zipfile.ZipFile:
    (path,) = Path(str(DIST)).glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_sdist_is_the_repository() -> None:
    (path,) = Path(str(DIST)).glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    expected = {name for name in tracked() if not name.startswith(NOT_PACKED)}
    assert names == expected | {"PKG-INFO"}


def test_the_wheel_is_both_packages_with_what_they_read(wheel: zipfile.ZipFile) -> None:
    code = {name for name in tracked() if name.startswith(("engine/", "tui/"))}
    shipped = {
        f"engine/_shipped/{name}"
        for name in tracked()
        if name.startswith(("configs/", "data/mnist_mini/", "docs/lessons/"))
    }
    info = f"cnn_tui-{__version__}.dist-info/"
    packed = {name for name in wheel.namelist() if not name.startswith(info)}
    assert packed == code | shipped
    assert {"engine/py.typed", "tui/py.typed", "tui/app.tcss"} < packed
    assert f"{info}licenses/LICENSE" in wheel.namelist()


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    info = f"cnn_tui-{__version__}.dist-info"
    facts = message_from_string(wheel.read(f"{info}/METADATA").decode())
    assert (facts["Name"], facts["Version"]) == ("cnn-tui", __version__)
    assert facts["License-Expression"] == "MIT"
    assert {"onnx", "report", "tensorboard", "dev"} < set(facts.get_all("Provides-Extra") or ())
    entry = wheel.read(f"{info}/entry_points.txt").decode()
    assert "cnn-tui = tui.cli.main:main" in entry
