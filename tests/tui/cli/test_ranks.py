"""What ranks sent each other, in words and as JSON; who may begin ranks is in tests/mpi."""

import json

import pytest

from engine.events import Traffic
from tui.cli.narration import Narrator
from tui.cli.output import Output


def test_what_ranks_sent_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    traffic = Traffic(ranks=4, machines=2)
    traffic.count(10, 30 << 20)
    traffic.count(5, 15 << 20)
    Narrator(Output()).on_event(traffic)
    assert capsys.readouterr().err == "4 ranks on 2 machines sent each other 3 MB a step\n"
    Narrator(Output(as_json=True, quiet=True)).on_event(traffic)
    assert json.loads(capsys.readouterr().out) == {
        "event": "ranks",
        "ranks": 4,
        "machines": 2,
        "steps": 15,
        "sent": 45 << 20,
        "bytes_per_step": 3 << 20,
    }
