"""``train --seeds``: a group of runs, each as if it were trained alone."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.config import dump
from engine.errors import ConfigError
from engine.runs.groups import RunGroup, groups_in
from engine.runs.listing import delete_run, list_runs
from engine.services.runs import find_run, find_runs
from engine.services.signals import Interrupted
from tests.support.command_runs import Bar, Spoken, make_config, run, speak
from tui.cli.commands import resume as resume_command
from tui.cli.commands.runs import compare, list_all
from tui.cli.commands.train import train_seeds
from tui.cli.main import command_parser, main
from tui.cli.output import Output


@pytest.fixture
def spoken(capsys: pytest.CaptureFixture[str]) -> Spoken:
    return speak(capsys)


class SignalIn(Bar):
    """A progress bar under which a signal comes, once a label begins so."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self.label, self.sent = label, False

    def update(self, label: str, done: int, total: int) -> None:
        super().update(label, done, total)
        if not self.sent and label.startswith(self.label):
            self.sent = True
            os.kill(os.getpid(), signal.SIGINT)


def the_group(folder: Path) -> RunGroup:
    (group,) = groups_in(list_runs(folder / "runs"))
    return group


def weights(folder: Path) -> dict[int, bytes]:
    parts = the_group(folder).finished
    return {info.record["seed"]: (info.path / "weights.npz").read_bytes() for info in parts}


def resume(folder: Path, out: Output, *more: str) -> int:
    name = the_group(folder).id
    options = command_parser("resume").parse_args([name, "--runs-dir", f"{folder}/runs", *more])
    return resume_command.run(options, out)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Runs that were trained one by one, by seed."""
    folder = tmp_path_factory.mktemp("alone")
    return {seed: run(folder, f"seed={seed}") for seed in (0, 1)}


def test_each_run_has_the_bytes_of_the_same_run_trained_alone(
    tmp_path: Path, spoken: Spoken, alone: dict[int, Path]
) -> None:
    assert train_seeds(make_config(tmp_path), 2, spoken.out) == 0
    group = the_group(tmp_path)
    assert group.seeds == [0, 1]
    for info in group.runs:
        seed = info.record["seed"]
        film = sorted(path.name for path in (info.path / "film").iterdir())
        for name in ("weights.npz", *(f"film/{frame}" for frame in film)):
            assert (info.path / name).read_bytes() == (alone[seed] / name).read_bytes(), name
        assert (info.path / "config.yaml").read_text() == dump(
            make_config(tmp_path, f"seed={seed}")
        )
    out, err = spoken.read()
    assert [line for line in out.splitlines() if line.startswith("seed ")][:2] == [
        "seed 1 of 2: 0",
        "seed 2 of 2: 1",
    ]
    assert [line.split()[0] for line in out.splitlines()[-2:]] == ["mean", "±"]
    assert max(map(len, out.splitlines()[-5:])) <= 80
    assert "std is that of the sample (n − 1)" in err
    assert " left for 1 seed\n" in err
    assert spoken.bar.last[1], "the bar moved"


def test_json_lines_name_the_seed_and_end_with_a_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = speak(capsys, as_json=True, quiet=True)
    assert train_seeds(make_config(tmp_path, "seed=7"), 2, spoken.out) == 0
    first, *lines, last = spoken.lines()
    assert first == {"event": "group", "group": the_group(tmp_path).id, "seeds": [7, 8]}
    assert [(x["seed"], x["index"]) for x in lines if x["event"] == "end"] == [(7, 1), (8, 2)]
    assert all(line["group"] == first["group"] for line in lines)
    results = [line["test"]["test_acc"] for line in lines if line["event"] == "end"]
    assert last["event"] == "summary"
    assert last["mean"]["test_acc"] == pytest.approx(sum(results) / 2)
    assert last["std"]["test_acc"] == pytest.approx(abs(results[0] - results[1]) / 2**0.5)
    assert last["n"]["test_acc"] == 2


def test_ctrl_c_ends_the_group_and_its_command_trains_the_rest_to_the_same_bits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], alone: dict[int, Path]
) -> None:
    spoken = speak(capsys)
    bar = SignalIn("seed 1 of 2  epoch 2")
    assert train_seeds(make_config(tmp_path), 2, Output(progress=bar)) == 130
    group = the_group(tmp_path)
    assert [info.status for info in group.runs] == ["stopped"], "the next seed was not begun"
    command = f"cnn-tui resume {group.id} --runs-dir {tmp_path}/runs"
    assert f"resume with:  {command}\n" in spoken.read()[1]
    assert resume(tmp_path, spoken.out) == 0
    assert weights(tmp_path) == {
        seed: (path / "weights.npz").read_bytes() for seed, path in alone.items()
    }
    assert len(the_group(tmp_path).runs) == 2, "the cut run was resumed, not begun again"
    assert resume(tmp_path, spoken.out) == 0
    assert "nothing is left to train" in spoken.read()[1]


def test_a_signal_while_a_seed_is_loaded_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.train import session

    load, calls = session.factory.load_dataset, []

    def load_and_signal(*args: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return load(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(session.factory, "load_dataset", load_and_signal)
    spoken = speak(capsys)
    try:
        code = train_seeds(make_config(tmp_path), 2, spoken.out)
    except Interrupted as error:
        code = error.exit_code
    assert code == 143
    assert f"cnn-tui resume {the_group(tmp_path).id}" in spoken.read()[1]


def test_a_killed_group_resumes_to_the_same_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], alone: dict[int, Path]
) -> None:
    config = make_config(tmp_path)
    (tmp_path / "small.yaml").write_text(dump(config))
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", "train", "small.yaml", "--seeds", "2", "--json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "checkpoint" and event["index"] == 2 and event["epoch"] == 1:
            process.kill()
            break
    process.communicate()
    spoken = speak(capsys)
    assert train_seeds(config, 2, spoken.out, resume=True) == 0
    assert "done already: seed 0" in spoken.read()[1]
    assert weights(tmp_path) == {
        seed: (path / "weights.npz").read_bytes() for seed, path in alone.items()
    }


def test_a_missing_or_checkpointless_run_is_begun_again(tmp_path: Path, spoken: Spoken) -> None:
    config = make_config(tmp_path, "train.epochs=1")
    assert train_seeds(config, 3, spoken.out) == 0
    before, (first, second, _) = weights(tmp_path), the_group(tmp_path).runs
    delete_run(first.path)
    shutil.rmtree(second.path / "checkpoints")
    record = json.loads((second.path / "run.json").read_text())
    (second.path / "run.json").write_text(json.dumps({**record, "status": "running"}))
    assert resume(tmp_path, spoken.out) == 0
    assert weights(tmp_path) == before
    again = the_group(tmp_path)
    assert again.is_complete
    assert len(again.runs) == 4, "what was left of the second is still there"


def test_a_diverged_seed_leaves_the_others_alone_and_is_1(
    tmp_path: Path, spoken: Spoken, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.errors import Diverged
    from engine.train.session import Loop

    loop_run = Loop.run

    def diverge_once(self: Loop) -> None:
        loop_run(self)
        if self.config.seed == 1:
            raise Diverged("the loss", 0, 1, 0.1)

    monkeypatch.setattr(Loop, "run", diverge_once)
    assert train_seeds(make_config(tmp_path, "train.epochs=1"), 3, spoken.out) == 1
    err = spoken.read()[1]
    assert "seed 1 diverged; training the other\n" in err
    assert "mean and std over the 2 finished seeds" in err
    assert [info.status for info in the_group(tmp_path).runs] == [
        "finished",
        "diverged",
        "finished",
    ]
    assert resume(tmp_path, spoken.out) == 1, "it would diverge again"


def test_the_list_and_the_comparison_have_mean_and_std(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = speak(capsys)
    train_seeds(make_config(tmp_path, "train.epochs=1"), 2, spoken.out)
    run(tmp_path, "name=other")
    group, root = the_group(tmp_path), tmp_path / "runs"
    spoken.read()
    list_all(root, spoken.out)
    _, other, head, first, second = spoken.read()[0].splitlines()
    assert "other" in other
    assert head.startswith(f"{group.id}  small")
    assert "2 of 2 finished" in head
    assert " ± " in head
    assert first.startswith(f"  {group.runs[0].id}")
    assert second.startswith(f"  {group.runs[1].id}")
    compare(root, [group.id], spoken.out)
    out = spoken.read()[0]
    assert "small   0, 1" in out
    assert f"{group.runs[1].id}: the same config but for the seed" in out
    as_json = speak(capsys, as_json=True)
    compare(root, [group.id], as_json.out)
    assert as_json.lines()[-1]["seeds"] == [0, 1]


@pytest.mark.parametrize("number", ["0", "-3", "2.5", "many"])
def test_a_number_of_seeds_that_is_none_is_2(
    number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["train", "quickstart", "--seeds", number])
    assert caught.value.code == 2
    assert "--seeds: expected a number from 1 up" in capsys.readouterr().err


def test_one_seed_is_a_run_by_itself(tmp_path: Path, spoken: Spoken) -> None:
    (tmp_path / "small.yaml").write_text(dump(make_config(tmp_path, "train.epochs=1")))
    assert main(["train", str(tmp_path / "small.yaml"), "--seeds", "1", "--quiet"]) == 0
    (info,) = list_runs(tmp_path / "runs")
    assert "group" not in info.record


def test_seeds_beyond_the_largest_are_refused_before_anything_is_trained(
    tmp_path: Path, spoken: Spoken
) -> None:
    with pytest.raises(ConfigError, match="the last would be 4,294,967,296"):
        train_seeds(make_config(tmp_path, "seed=4294967295"), 2, spoken.out)
    with pytest.raises(ConfigError, match="expected 2 to 1,000"):
        train_seeds(make_config(tmp_path), 1001, spoken.out)
    assert not (tmp_path / "runs").exists()


def test_what_cannot_be_computed_here_is_said_before_a_group_begins(
    tmp_path: Path, spoken: Spoken, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(config: object) -> None:
        raise ConfigError("not with this arithmetic")

    monkeypatch.setattr("engine.train.factory.check_arithmetic", refuse)
    with pytest.raises(ConfigError, match="not with this arithmetic"):
        train_seeds(make_config(tmp_path), 2, spoken.out)
    assert spoken.read() == ("", "")


def test_a_group_is_no_run(tmp_path: Path, spoken: Spoken) -> None:
    train_seeds(make_config(tmp_path, "train.epochs=1"), 2, spoken.out)
    group = the_group(tmp_path)
    with pytest.raises(
        ConfigError, match=f"a group of 2 runs, expected one run: {group.runs[0].id}"
    ):
        find_run(tmp_path / "runs", group.id)
    assert [info.id for info in find_runs(tmp_path / "runs", [group.id, group.runs[1].id])] == [
        info.id for info in group.runs
    ], "each once"


def test_a_group_is_not_extended(tmp_path: Path, spoken: Spoken) -> None:
    train_seeds(make_config(tmp_path, "train.epochs=1"), 2, spoken.out)
    with pytest.raises(ConfigError, match="resume its runs one by one"):
        resume(tmp_path, spoken.out, "--set", "train.epochs=3")
