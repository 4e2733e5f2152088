"""Files that ship with the project are found in a checkout and in an installed package."""

from pathlib import Path

import pytest

from engine import resources


def test_in_a_checkout_it_is_the_root() -> None:
    assert (resources.shipped("data", "mnist_mini") / "README.md").is_file()
    assert resources.shipped("configs").name == "configs"


def test_in_a_wheel_it_is_inside_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "engine"
    (package / "_shipped" / "configs").mkdir(parents=True)
    (tmp_path / "site-packages" / "configs").mkdir()  # some other package's
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert resources.shipped("configs") == package / "_shipped" / "configs"
    assert resources.shipped("data", "mnist_mini") == package / "_shipped" / "data" / "mnist_mini"
