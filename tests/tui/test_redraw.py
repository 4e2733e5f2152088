import pytest

from tui import redraw
from tui.redraw import RedrawTimer


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
