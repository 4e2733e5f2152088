"""Runs by id, by a part of it, and by path."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import CheckpointError, ConfigError
from engine.services.runs import find_run
from engine.services.trained import find_trained, locate
from engine.train.weights import load_model
from tests.support.command_runs import make_runs


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_runs(tmp_path_factory.mktemp("runs"))


def test_find_by_id_by_part_by_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beta = root / "20250102-000000-beta-0002"
    assert find_run(root, beta.name).path == beta
    assert find_run(root, "bet").path == beta
    assert find_run(Path("elsewhere"), str(beta)).path == beta
    monkeypatch.chdir(root)
    Path("beta").mkdir(exist_ok=True)  # a folder of that name is not the run that is meant
    assert find_run(root, "beta").path == beta
    assert find_trained("beta", root, None, [])[1] == beta
    Path("beta").rmdir()
    monkeypatch.chdir(beta)
    assert find_run(Path("elsewhere"), ".").path == beta


WAYS: dict[str, Callable[[Path], str]] = {
    "id": lambda run: run.name,
    "part of the id": lambda run: "bet",
    "folder": str,
    "folder with a slash": lambda run: f"{run}/",
    "folder of its checkpoints": lambda run: str(run / "checkpoints"),
    "relative folder": lambda run: os.path.relpath(run),
    "link": lambda run: str(run.parent / "latest"),
    "record": lambda run: str(run / "run.json"),
    "weights": lambda run: str(run / "weights.npz"),
    "checkpoint": lambda run: str(run / "checkpoints" / "best.npz"),
}
"""Ways to name a run."""


@pytest.mark.parametrize("way", WAYS)
def test_every_command_takes_every_name_of_a_run(root: Path, way: str) -> None:
    beta = root / "20250102-000000-beta-0002"
    if way == "link":
        (root / "latest").symlink_to(beta)
    try:
        name = WAYS[way](beta)
        assert find_run(root, name).path == beta
        config, weights = find_trained(name, root, None, ["seed=5"])
        assert (config.name, config.train.lr, config.seed) == ("beta", 0.1, 5)
        assert load_model(config, weights).count_parameters() == 7850
    finally:
        (root / "latest").unlink(missing_ok=True)


@pytest.mark.parametrize("many", [3, 10])
def test_a_name_of_several_runs_lists_them_and_is_2(tmp_path: Path, many: int) -> None:
    ids = [f"20250101-00000{i}-same-000{i}" for i in range(many)]
    for name in ids:
        (tmp_path / name).mkdir()
    for find in (find_run, lambda root, name: find_trained(name, root, None, [])):
        with pytest.raises(ConfigError, match=f"'2025' .* {many} runs") as caught:
            find(tmp_path, "2025")
        assert caught.value.exit_code == 2
        assert "\n" not in str(caught.value)
        shown = [name for name in ids if name in str(caught.value)]
        assert len(shown) == min(many, 6)
        assert find_run(tmp_path, ids[1]).id == ids[1]


def test_the_name_of_a_config_goes_before_a_part_of_a_name(tmp_path: Path) -> None:
    ids = ["20250101-000001-pets-0001", "20250101-000002-pets-0002", "20250101-000003-pets2-0003"]
    for name in ids[1:]:
        (tmp_path / name).mkdir()
    assert find_run(tmp_path, "pets").id == ids[1]
    (tmp_path / ids[0]).mkdir()
    with pytest.raises(ConfigError, match="'pets' is in the names of 2 runs"):
        find_run(tmp_path, "pets")
    assert locate("pets", tmp_path) == tmp_path / ids[1]  # to look at a network, the newest will do
    with pytest.raises(ConfigError, match="'pet' is in the names of 3 runs"):
        locate("pet", tmp_path)


def test_weights_outside_of_a_run_need_a_config(root: Path, tmp_path: Path) -> None:
    copy = shutil.copy(root / "20250102-000000-beta-0002" / "weights.npz", tmp_path)
    with pytest.raises(ConfigError, match="add --config CONFIG"):
        find_trained(str(copy), None, None, [])
    config = root / "20250102-000000-beta-0002" / "config.yaml"
    assert find_trained(str(copy), None, str(config), [])[1] == Path(copy)


def test_a_config_says_where_its_runs_are(root: Path) -> None:
    config = root / "20250102-000000-beta-0002" / "config.yaml"
    found, weights = find_trained("alpha", None, str(config), [f"runs_dir={root}"])
    assert (found.name, weights.name) == ("beta", "20250101-000000-alpha-0001")
    with pytest.raises(CheckpointError, match="no such file, and no run of that name in runs"):
        find_trained("alpha", None, None, [])


@pytest.mark.parametrize("name", ["nothing", "", "/", "20250102-000000-beta-9999", "x" * 5000])
def test_an_unknown_run_is_one_line_and_3(root: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="no run") as caught:
        find_run(root, name)
    assert caught.value.exit_code == 3


def test_a_run_whose_folder_was_renamed_says_how_it_has_to_be_named(
    root: Path, tmp_path: Path
) -> None:
    shutil.copytree(root / "20250101-000000-alpha-0001", tmp_path / "my copy")
    with pytest.raises(CheckpointError, match="holds a run, but is not named like one"):
        find_run(root, str(tmp_path / "my copy"))


def test_a_misspelt_run_is_answered_with_the_one_that_was_meant(root: Path) -> None:
    with pytest.raises(CheckpointError, match="Did you mean 'alpha'"):
        find_run(root, "alhpa")
