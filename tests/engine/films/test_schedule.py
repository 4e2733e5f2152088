"""Which moments a film keeps: always the first and the last, never more than there is room for."""

import pytest

from engine.films import schedule
from engine.films.schedule import first_steps, kept, room


@pytest.mark.parametrize("frames", [2, 3, 7, 32])
def test_the_first_and_the_last_are_kept_and_all_fit(frames: int) -> None:
    for epochs in range(300):
        steps = kept(epochs, 113, frames)
        assert len(steps) <= frames
        assert {0, epochs * 113} <= steps


@pytest.mark.parametrize("frames", [2, 3, 7, 32])
def test_nothing_is_kept_that_was_dropped_before(frames: int) -> None:
    for epochs in range(300):
        assert kept(epochs + 1, 113, frames) <= kept(epochs, 113, frames) | {(epochs + 1) * 113}


def test_every_epoch_is_kept_while_there_is_room_and_then_every_second() -> None:
    assert kept(12, 113, 32) == {0, 1, 2, 4, 8, 16, 32, 64, *range(113, 12 * 113 + 1, 113)}
    ends = sorted(step // 113 for step in kept(25, 113, 32) if step >= 113)
    assert ends == [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 25]


def test_the_first_epoch_takes_a_third_of_the_room() -> None:
    assert first_steps(113, 32) == [0, 1, 2, 4, 8, 16, 32, 64]
    assert first_steps(5000, 32) == [0, 2, 8, 32, 128, 512, 2048]
    assert first_steps(113, 9) == [0, 8]
    assert first_steps(1, 32) == [0]


def test_large_networks_have_fewer_frames_and_very_large_ones_no_film() -> None:
    assert room(100_000) == schedule.FRAMES
    assert room(schedule.BYTES // 5) == 5
    assert room(schedule.BYTES // 2) == 2
    assert room(schedule.BYTES // 2 + 1) == 0
