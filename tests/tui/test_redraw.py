import pytest

from tui import redraw
from tui.redraw import Pace, RedrawTimer


def test_at_once_for_something_else_and_now_and_then_for_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100 * redraw.TURN + 0.01
    monkeypatch.setattr(redraw.time, "monotonic", lambda: now)
    one, other = RedrawTimer(), RedrawTimer()
    assert one.due("training")
    assert not one.due("training")
    assert one.due("paused")
    assert one.due("training")
    now += 0.6 * redraw.TURN
    assert not one.due("training")
    assert other.due("training")
    now += 0.6 * redraw.TURN
    assert (one.due("training"), other.due("training")) == (True, True), "by one clock"


def test_a_look_at_a_training_takes_a_twentieth_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(redraw.time, "monotonic", lambda: now)
    pace = Pace()
    assert pace.due
    pace.rest(0.001)
    now += redraw.INTERVAL - 0.01
    assert not pace.due
    now += 0.02
    assert pace.due
    pace.rest(3.0)
    pace.rest(0.1)
    now += 3.0 * redraw.REST - 0.01
    assert not pace.due, "the longest rest counts"
    now += 0.02
    assert pace.due
    pace.rest(0.01, least=0)
    now += 0.21
    assert pace.due
