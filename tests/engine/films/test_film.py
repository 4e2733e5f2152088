"""The film of a run: a few moments of its network, the same however the run was interrupted."""

from pathlib import Path

import numpy as np
import pytest

from engine.checkpoints import checkpoint
from engine.checkpoints.archive import JSON
from engine.config import config_hash
from engine.errors import CheckpointError
from engine.films import film, schedule
from engine.train import factory
from engine.train.extending import plan
from engine.train.weights import described_model, find_weights, list_weights, load_model
from tests.support.small_runs import PLAIN, RICH, STEPS, Run, Stop, make_config, train

ALL = [0, 1, 2, 4, 8, 12]
"""Three epochs of four batches."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of three epochs, with batch norm."""
    return train(make_config(tmp_path_factory.mktemp("whole"), RICH))


def steps(run: Path) -> list[int]:
    return [film.moment(path).global_step for path in film.frames(run)]


def contents(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in film.frames(run)}


def test_a_run_keeps_moments_of_its_first_epoch_and_every_epoch(whole: Run) -> None:
    assert steps(whole.path) == ALL
    moments = [film.moment(path) for path in film.frames(whole.path)]
    assert [(one.epoch, one.step) for one in moments] == [
        (0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (3, 0)
    ]  # fmt: skip
    assert moments[0].logs == {}
    assert set(moments[1].logs) == {"loss", "acc"}
    assert moments[4].logs["val_acc"] == whole.history[1]["val_acc"]


def test_frames_are_the_network_before_training_and_after_it(whole: Run) -> None:
    first, *_, last = film.frames(whole.path)
    fresh = factory.make_model(whole.session.config).state_dict()
    shown = load_model(whole.session.config, first).state_dict()
    assert all(np.array_equal(array, shown[name]) for name, array in fresh.items())
    finished = checkpoint.load(whole.path / "weights.npz").arrays
    in_frame = checkpoint.load(last).arrays
    assert in_frame.keys() == finished.keys(), "statistics of batch norm, too"
    assert all(np.array_equal(array, in_frame[name]) for name, array in finished.items())


def test_a_frame_says_itself_which_network_it_is_of(whole: Run) -> None:
    frame = film.frames(whole.path)[2]
    model = described_model(frame)
    expected = load_model(whole.session.config, frame).state_dict()
    assert all(np.array_equal(array, expected[name]) for name, array in model.state_dict().items())


def test_the_weights_are_the_same_bits_without_a_film(tmp_path: Path, whole: Run) -> None:
    config = make_config(tmp_path, RICH, "train.film=false")
    without = train(config)
    assert without.weights == whole.weights
    assert without.history == whole.history
    assert film.frames(without.path) == []
    assert config_hash(config) == config_hash(whole.session.config)


@pytest.mark.parametrize("moment", [(0, 1), (1, 2), "validating"], ids=str)
def test_a_stopped_and_resumed_run_has_the_same_film(
    tmp_path: Path, whole: Run, moment: str | tuple[int, int]
) -> None:
    config = make_config(tmp_path, RICH)
    cut = train(config, stop=Stop(moment))
    resumed = train(config, resume=cut.path)
    assert contents(resumed.path) == contents(whole.path)


def test_frames_after_the_checkpoint_of_a_killed_run_are_taken_again(
    tmp_path: Path, whole: Run
) -> None:
    config = make_config(tmp_path, RICH)
    cut = train(config, stop=Stop((1, 1)))
    later = cut.path / film.FOLDER / "step-00000999.npz"
    later.write_bytes(b"of a moment that is not to be")
    (later.parent / ".cnn-tui-999999999-0123abcd.tmp").write_bytes(b"half a frame")
    resumed = train(config, resume=cut.path)
    assert contents(resumed.path) == contents(whole.path)
    assert len(list(later.parent.iterdir())) == len(ALL)


def test_a_run_without_a_film_has_one_from_where_it_is_resumed(tmp_path: Path) -> None:
    config = make_config(tmp_path, PLAIN)
    cut = train(make_config(tmp_path, PLAIN, "train.film=false"), stop=Stop((1, 1)))
    assert film.frames(cut.path) == []
    resumed = train(config, resume=cut.path)
    assert steps(resumed.path) == [8, 12]
    assert resumed.warnings == []


def test_an_extended_run_has_a_longer_film(tmp_path: Path) -> None:
    run = train(make_config(tmp_path, PLAIN))
    extension = plan(run.path, ["train.epochs=4"])
    assert extension is not None
    train(extension.after, resume=run.path, extension=extension)
    assert steps(run.path) == [*ALL, 16]


def test_a_long_film_is_thinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "FRAMES", 6)
    run = train(make_config(tmp_path, PLAIN, "train.epochs=11"))
    assert [step / STEPS for step in steps(run.path)] == [0, 0.5, 4, 8, 11]


def test_a_film_takes_no_more_bytes_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "BYTES", 120_000)
    run = train(make_config(tmp_path, PLAIN))
    count, size = film.size(run.path)
    assert size <= 120_000
    assert 2 <= count < len(ALL)
    monkeypatch.setattr(schedule, "BYTES", 20_000)
    without = train(make_config(tmp_path, PLAIN))
    assert film.size(without.path) == (0, 0)
    assert without.warnings == []
    assert without.weights == run.weights


def test_a_damaged_frame_is_one_line_and_the_others_are_read(tmp_path: Path) -> None:
    config = make_config(tmp_path, PLAIN)
    run = train(config)
    damaged, cut, other, *_ = film.frames(run.path)
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    cut.write_bytes(cut.read_bytes()[:5000])
    for path in (damaged, cut):
        with pytest.raises(CheckpointError) as caught:
            load_model(config, path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)
    with pytest.raises(CheckpointError, match="truncated"):
        film.moment(cut)
    load_model(config, other)
    load_model(config, run.path)


def test_other_weights_are_no_frame(whole: Run) -> None:
    with pytest.raises(CheckpointError, match="not a frame of a film"):
        film.moment(whole.path / "weights.npz")


def test_a_film_that_cannot_be_written_ends_with_a_warning(tmp_path: Path, whole: Run) -> None:
    def block(run: Path) -> None:
        (run / film.FOLDER).write_text("not a folder")

    config = make_config(tmp_path, RICH)
    cut = train(config, stop=Stop("start"))
    for frame in film.frames(cut.path):
        frame.unlink()
    (cut.path / film.FOLDER).rmdir()
    block(cut.path)
    run = train(config, resume=cut.path)
    assert run.ended.status == "finished"
    assert run.weights == whole.weights
    assert len([line for line in run.warnings if "its film ends here" in line]) == 1


def test_a_film_is_never_written_through_a_link(tmp_path: Path) -> None:
    config = make_config(tmp_path, PLAIN)
    cut = train(config, stop=Stop((0, 2)))
    elsewhere = tmp_path / "elsewhere"
    (cut.path / film.FOLDER).rename(elsewhere)
    (cut.path / film.FOLDER).symlink_to(elsewhere)
    before = {path.name for path in elsewhere.iterdir()}
    run = train(config, resume=cut.path)
    assert run.ended.status == "finished"
    assert any("symbolic link" in line for line in run.warnings)
    assert {path.name for path in elsewhere.iterdir()} == before


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "film",
        [],
        {},
        {"epoch": -1, "step": 0, "global_step": 0, "logs": {}},
        {"epoch": 1, "step": 0.5, "global_step": 0, "logs": {}},
        {"epoch": 1, "step": 0, "global_step": True, "logs": {}},
        {"epoch": 1, "step": 0, "global_step": 2**70, "logs": {}},
        {"epoch": 1, "step": 0, "global_step": 4, "logs": {"val_acc": "\u202emuch"}},
        {"epoch": 1, "step": 0, "global_step": 4, "logs": {"val_acc": {}}},
    ],
    ids=str,
)
def test_a_moment_that_we_never_write_is_refused_in_one_line(tmp_path: Path, odd: JSON) -> None:
    """Of a film from another machine: its digests are right, its content is anyone's."""
    path = tmp_path / "step-00000004.npz"
    checkpoint.save(path, {"model/0.weight": np.zeros(3, np.float32)}, {"film": odd})
    with pytest.raises(CheckpointError) as caught:
        film.moment(path)
    assert str(caught.value).isprintable()


def test_a_run_that_diverges_in_its_first_epoch_has_the_moments_before(tmp_path: Path) -> None:
    config = make_config(tmp_path, PLAIN, "train.lr=1e12", "train.batch_size=16")
    run = train(config)
    assert run.ended.status == "diverged"
    frames = film.frames(run.path)
    assert steps(run.path)[0] == 0
    assert find_weights(run.path) == frames[-1]
    (saved,) = list_weights(run.path)
    assert (saved.path, saved.kind, saved.problem) == (frames[-1], "film", None)
    load_model(config, run.path)
