"""``cnn-tui gradcheck`` on real samples: table, JSON lines, exit codes, weights."""

import json
import signal
from typing import Any

import numpy as np
import pytest

from engine.config import Config, loads
from engine.layers import Dense
from tests.support.command_runs import CHECKED
from tests.support.proofs import rest_as_proofs
from tui.cli.commands.gradcheck import gradcheck
from tui.cli.output import Output

TENSORS = [
    "loss.input",
    "0.weight",
    "0.bias",
    "0.input",
    "1.weight",
    "1.bias",
    "6.weight",
    "6.bias",
]


@pytest.fixture
def config() -> Config:
    return loads(CHECKED, "test.yaml")


@pytest.mark.parametrize("mode", rest_as_proofs(["directions", "exact"]))
def test_a_table_and_exit_code_0(
    mode: Any, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gradcheck(config, Output(), mode=mode) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert [line.split()[-1] for line in lines[1:-1]].count("FAILED") == 0
    assert lines[-1].startswith("passed: ")
    assert len(lines) == 2 + len(TENSORS) + 1
    assert "4 test samples of mnist_mini" in said.err
    assert ("all 100" in said.out) == (mode == "exact")


def test_json_lines(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    assert gradcheck(config, Output(as_json=True)) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["tensor"] * (len(TENSORS) + 1) + ["end"]
    assert [f"{event['layer']}.{event['tensor']}" for event in events[:-2]] == TENSORS
    assert all(event["error"] <= 1e-6 for event in events[:-1])
    assert events[-1]["passed"] is True


@pytest.mark.parametrize("mode", rest_as_proofs(["directions", "exact"]))
def test_a_broken_backward_is_exit_code_1(
    mode: Any, config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = Dense.backward

    def wrong(self: Dense, dout: np.ndarray) -> np.ndarray | None:
        dx = right(self, dout)
        self.grads["bias"][3] = 0
        return dx

    monkeypatch.setattr(Dense, "backward", wrong)
    assert gradcheck(config, Output(), mode=mode) == 1
    table = capsys.readouterr().out
    (failed,) = [line for line in table.splitlines() if line.startswith("6") and "FAILED" in line]
    assert failed.split()[1:3] == ["Dense", "bias"]
    assert ("[3]" in failed) == (mode == "exact")
    assert table.splitlines()[-1].startswith("FAILED: ")


def test_a_signal_stops_it(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    class Interrupting:
        def update(self, label: str, done: int, total: int) -> None:
            if label.startswith("checking") and done == 50:
                signal.raise_signal(signal.SIGINT)

        def close(self) -> None:
            pass

        def abandon(self) -> None:
            pass

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & ignores it
    try:
        assert gradcheck(config, Output(progress=Interrupting()), mode="exact") == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().out.endswith("nothing is proven\n")
