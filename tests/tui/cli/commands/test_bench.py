"""``bench``: what it measures and says, never how fast."""

import os
import signal

import pytest

from engine.errors import ConfigError
from engine.models import PRESETS
from engine.services.signals import Interrupted
from tests.support.command_runs import Bar, speak
from tui.cli.commands.bench import bench
from tui.cli.output import Output


@pytest.mark.proof
def test_a_line_for_every_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys, as_json=True)
    code = bench(spoken.out, presets=["lenet_mnist"], batch=20, workers=2, budget=0.0)
    assert code == 0
    machine, training, *rest = spoken.lines()
    assert machine["event"] == "machine"
    assert machine["peak_gflops"].keys() == {"1", "2"}
    assert (training["event"], training["preset"], training["batch"]) == (
        "training",
        "lenet_mnist",
        20,
    )
    assert training["samples_per_s"].keys() == {"1", "2"}
    assert 0 < training["product_share"] < 1
    by_event: dict[str, list] = {}
    for line in rest:
        assert line["preset"] == "lenet_mnist"
        by_event.setdefault(line["event"], []).append(line)
    assert [line["batch"] for line in by_event["inference"]] == [1, 32, 512]
    assert [line["batch"] for line in by_event["growth"]] == [16, 64, 256, 1024]
    layers = by_event["layer"]
    assert [line["name"] for line in layers] == [str(i) for i in range(12)]
    assert {line["samples"] for line in layers} == {20}
    assert all(line["forward"] > 0 and line["backward"] > 0 for line in layers)
    done, total = spoken.bar.last
    assert done == total - 1  # said before the last one
    assert spoken.bar.closed == 1


def test_tables_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys)
    assert bench(spoken.out, presets=["mlp"], batch=4, workers=1, budget=0.0) == 0
    done, total = spoken.bar.last
    assert done == total - 1
    text, narration = spoken.read()
    assert "mlp: images 1×28×28, 101,770 parameters" in text
    for words in ("GFLOP/s on 1 thread", "samples/s on 1 worker", "(batch 512)", "(batch 1024)"):
        assert words in text
    assert "Dense(784→128)" in text
    assert narration == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"presets": ["lenet"]}, "unknown preset 'lenet'"),
        ({"batch": 1}, "batch: got 1, expected at least 2"),
        ({"workers": 0}, "workers: got 0, expected at least 1"),
    ],
)
def test_nothing_runs_when_the_request_is_wrong(
    arguments: dict, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = speak(capsys)
    with pytest.raises(ConfigError, match=message):
        bench(spoken.out, budget=0.0, **arguments)
    assert spoken.read() == ("", "")
    assert spoken.bar.labels == []


def test_a_signal_ends_it_before_the_next_figure(capsys: pytest.CaptureFixture[str]) -> None:
    class Impatient(Bar):
        def update(self, label: str, done: int, total: int) -> None:
            super().update(label, done, total)
            if done == 1:
                os.kill(os.getpid(), signal.SIGTERM)

    bar = Impatient()
    with pytest.raises(Interrupted) as caught:
        bench(Output(progress=bar), presets=list(PRESETS), batch=4, workers=1, budget=0.0)
    assert caught.value.exit_code == 143
    assert len(bar.labels) == 2
    assert bar.closed == 1
