"""Weights from files and runs."""

from pathlib import Path

import numpy as np
import pytest

from engine.checkpoints import checkpoint
from engine.data import DATASETS, describe
from engine.errors import CheckpointError
from engine.runs.weight_files import find_weights
from engine.train import factory
from engine.train.weights import (
    load_model,
    load_optimizer,
    normalised_for,
    trained_on,
)
from tests.support.small_runs import (
    PLAIN,
    RICH,
    Run,
    Stop,
    make_config,
    same_arrays,
    saved_model,
    train,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    callback = f"callbacks=[checkpoint: {{filepath: {folder}/mine.npz, monitor: val_acc}}]"
    return train(make_config(folder, RICH, callback))


def test_a_run_stands_for_its_finished_weights(run: Run) -> None:
    assert find_weights(run.path) == run.path / "weights.npz"
    model = load_model(run.session.config, run.path)
    assert same_arrays(model.state_dict(), run.session.model.state_dict())


def test_an_interrupted_run_stands_for_its_best_checkpoint(tmp_path: Path) -> None:
    cut = train(make_config(tmp_path), stop=Stop((1, 1)))
    assert find_weights(cut.path) == cut.path / "checkpoints" / "best.npz"
    load_model(cut.session.config, cut.path)


def test_a_run_cut_in_its_first_epoch_stands_for_its_latest_checkpoint(tmp_path: Path) -> None:
    cut = train(make_config(tmp_path), stop=Stop((0, 2)))
    (latest,) = (cut.path / "checkpoints").glob("*.npz")
    assert find_weights(cut.path) == latest
    load_model(cut.session.config, cut.path)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="and no checkpoint"):
        find_weights(tmp_path)


@pytest.mark.parametrize("name", ["mine.npz", "best", "step"])
def test_every_kind_of_checkpoint_has_weights(run: Run, name: str) -> None:
    checkpoints = run.path / "checkpoints"
    path = {
        "mine.npz": run.path.parents[1] / "mine.npz",
        "best": checkpoints / "best.npz",
        "step": max(checkpoints.glob("step-*")),
    }[name]
    model = load_model(run.session.config, path)
    assert same_arrays(model.state_dict(), saved_model(path))


def test_the_dtype_is_an_argument(run: Run) -> None:
    model = load_model(run.session.config, run.path, np.float64)
    for name, array in model.state_dict().items():
        assert array.dtype == np.float64
        np.testing.assert_array_equal(array, run.session.model.state_dict()[name])


def test_a_finished_network_is_what_was_tested(run: Run) -> None:
    x = np.ones((4, 1, 28, 28), np.float32)
    np.testing.assert_array_equal(
        load_model(run.session.config, run.path).eval().forward(x),
        run.session.model.replica().eval().forward(x),
    )


def test_weights_of_another_network_are_refused_in_one_line(run: Run, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not fit this network") as caught:
        load_model(make_config(tmp_path, PLAIN), run.path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "the file is empty"),
        (b"garbage" * 1000, "w.npz: "),
        (b"PK\x03\x04", "w.npz: "),
    ],
)
def test_files_that_are_no_weights(
    run: Run, tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "w.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_model(run.session.config, path)
    assert "\n" not in str(caught.value)


def test_truncated_and_flipped_weights_are_refused(run: Run, tmp_path: Path) -> None:
    whole = (run.path / "weights.npz").read_bytes()
    path = tmp_path / "w.npz"
    for content in (whole[:-1], whole[: len(whole) // 2], whole + b"\0"):
        path.write_bytes(content)
        with pytest.raises(CheckpointError):
            load_model(run.session.config, path)
    for offset in range(0, len(whole), len(whole) // 40):
        flipped = bytearray(whole)
        flipped[offset] ^= 4
        path.write_bytes(flipped)
        with pytest.raises(CheckpointError):
            load_model(run.session.config, path)


@pytest.mark.parametrize("name", ["weights.npz", "checkpoints/best.npz", "."])
def test_weights_say_which_data_set_they_were_trained_on(run: Run, name: str) -> None:
    found = trained_on(run.path / name)
    assert found is not None
    assert describe(found) == describe(DATASETS["mnist_mini"])


def of_dataset(run: Run, folder: Path, dataset: object, description: object = None) -> Path:
    """The run's weights, as if they had been trained on another data set.

    Without a description, as earlier versions wrote them.
    """
    saved = checkpoint.load(run.path / "weights.npz")
    path = folder / "other.npz"
    meta = saved.meta | {"dataset": dataset, "data_set": description}
    checkpoint.save(path, saved.arrays, {k: v for k, v in meta.items() if v is not None})
    return path


def test_weights_describe_a_data_set_that_is_not_here(run: Run, tmp_path: Path) -> None:
    description = describe(DATASETS["mnist_mini"]) | {"name": "cats", "classes": ["a", "b"]}
    found = trained_on(of_dataset(run, tmp_path, "cats", description))
    assert found is not None
    assert (found.name, found.classes, found.image_shape) == ("cats", ("a", "b"), (1, 28, 28))
    assert found.preparation == DATASETS["mnist_mini"].preparation


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("classes", ["a"], "two or more"),
        ("classes", ["a", "a"], "each of another name"),
        ("image_shape", [2, 8, 8], "1 or 3 channels"),
        ("image_shape", [1, 8, 5000], "less than or equal to 1024"),
        ("mean", [0.1, 0.2], "one a channel"),
        ("std", [0.0], "greater than or equal to 0.000001"),
        ("preparation", {"fit": "twist"}, "'pad', 'crop' or 'stretch'"),
        ("name", "../up", "pattern"),
    ],
)
def test_a_damaged_description_is_said_in_one_line(
    run: Run, tmp_path: Path, key: str, value: object, message: str
) -> None:
    description = describe(DATASETS["mnist_mini"]) | {key: value}
    with pytest.raises(CheckpointError, match=message) as caught:
        trained_on(of_dataset(run, tmp_path, "cats", description))
    assert "\n" not in str(caught.value)


def test_a_data_set_is_normalised_as_the_weights_know_it(run: Run, tmp_path: Path) -> None:
    dataset = factory.load_dataset(run.session.config)
    fashion = DATASETS["fashion_mnist"]
    found, words = normalised_for(dataset, of_dataset(run, tmp_path, "fashion_mnist"))
    assert (found.mean, found.std) == (fashion.mean, fashion.std)
    assert (found.name, found.test) == (dataset.name, dataset.test)
    assert words == (
        "the weights were trained on fashion_mnist: images are normalised as there (mean 0.286, "
        "std 0.353), not as in mnist_mini (mean 0.1307, std 0.3081)"
    )
    assert normalised_for(dataset, run.path) == (dataset, "")


@pytest.mark.parametrize("name", ["moons", ["mnist"], None, 3, "cifar10"])
def test_a_data_set_that_is_not_known_or_does_not_fit_changes_nothing(
    run: Run, tmp_path: Path, name: object
) -> None:
    dataset = factory.load_dataset(run.session.config)
    assert normalised_for(dataset, of_dataset(run, tmp_path, name)) == (dataset, "")


def test_a_checkpoint_brings_back_the_memory_of_its_optimizer(run: Run) -> None:
    config = run.session.config
    trainer = run.session.state.trainer
    store = run.session.run_dir.store
    found = load_optimizer(config, trainer.model, store.path(store.steps()[-1]))
    expected = trainer.optimizer_state()
    assert found is not None
    assert (found.t, found.lr) == (expected.t, expected.lr)
    assert found.slots.keys() == {"exp_avg", "exp_avg_sq"}
    for slot, arrays in expected.slots.items():
        assert same_arrays(found.slots[slot], arrays)
    assert load_optimizer(config, trainer.model, run.path) is None, "the finished weights alone"
