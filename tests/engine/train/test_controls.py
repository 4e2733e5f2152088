import threading
import time

import pytest

from engine.train.controls import Controls
from engine.train.snapshot import Snapshot


def test_each_order_is_given_once_but_for_stop_and_pause() -> None:
    controls = Controls()
    controls.set_lr(0.1)
    controls.checkpoint_now()
    controls.pause()
    controls.stop("why")
    future = controls.request_snapshot()
    orders = controls.take()
    assert (orders.lr, orders.checkpoint, orders.paused, orders.stop) == (0.1, True, True, "why")
    assert orders.snapshots == (future,)
    orders = controls.take()
    assert (orders.lr, orders.checkpoint, orders.paused, orders.stop) == (None, False, True, "why")
    assert orders.snapshots == ()


def test_the_first_reason_to_stop_counts() -> None:
    controls = Controls()
    controls.stop("one")
    controls.stop("two")
    controls.stop_from_signal("three")
    assert controls.stop_reason == "one"


def test_a_step_is_used_up_when_its_batch_begins() -> None:
    controls = Controls()
    controls.step()
    assert controls.paused
    assert not controls.take().paused
    controls.take_step()  # the batch begins; what is ordered while it runs is for the next one
    controls.step()
    assert not controls.take().paused
    controls.take_step()
    assert controls.take().paused


def test_pause_and_resume_forget_steps() -> None:
    controls = Controls()
    controls.step()
    controls.step()
    controls.pause()
    assert controls.take().paused
    controls.step()
    controls.resume()
    assert not controls.paused
    controls.pause()
    assert controls.take().paused


def test_wait_returns_at_once_for_an_order_that_came_before() -> None:
    controls = Controls()
    controls.pause()
    controls.take()
    controls.resume()
    began = time.monotonic()
    controls.wait(60)
    assert time.monotonic() - began < 30


def test_wait_is_woken_by_an_order() -> None:
    controls = Controls()
    waiter = threading.Thread(target=controls.wait, args=(60,))
    waiter.start()
    controls.step()
    waiter.join(30)
    assert not waiter.is_alive()


def test_a_handler_may_stop_while_its_own_thread_gives_an_order() -> None:
    controls = Controls()
    with controls._changed:  # what a signal handler may interrupt
        other = threading.Thread(target=controls.stop_from_signal, args=("SIGTERM",))
        other.start()
        other.join(30)
        assert not other.is_alive()
    assert controls.take().stop == "SIGTERM"


@pytest.mark.parametrize("lr", [0, -0.1, float("nan"), float("inf"), -float("inf")])
def test_rates_that_cannot_be_are_refused(lr: float) -> None:
    controls = Controls()
    with pytest.raises(ValueError, match="finite number above 0"):
        controls.set_lr(lr)
    assert controls.take().lr is None


def test_closing_cancels_what_is_asked_for_before_and_after() -> None:
    controls = Controls()
    before = controls.request_snapshot()
    controls.close()
    assert before.cancelled()
    assert controls.request_snapshot().cancelled()


def test_what_was_taken_is_not_cancelled() -> None:
    controls = Controls()
    future = controls.request_snapshot()
    controls.take()
    controls.close()
    future.set_result(Snapshot(()))
    assert future.result(0) == Snapshot(())
