import threading

import numpy as np
import pytest

from engine.train.metric_buffer import FIELDS, MetricBuffer


def fill(buffer: MetricBuffer, start: int, count: int) -> None:
    for i in range(start, start + count):
        buffer.append(step=i, loss=2.0 * i, acc=0.5, lr=0.1, grad_norm=1.0)


def test_points_come_back_in_order_by_field() -> None:
    buffer = MetricBuffer()
    fill(buffer, 0, 5)
    curve = buffer.curve()
    assert curve.values.shape == (5, len(FIELDS))
    np.testing.assert_array_equal(curve.column("step"), [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(curve.column("loss"), [0, 2, 4, 6, 8])
    assert curve.stride == 1


def test_a_curve_is_a_copy_and_the_version_tells_of_changes() -> None:
    buffer = MetricBuffer()
    assert buffer.curve().values.shape == (0, len(FIELDS))
    before = buffer.version
    fill(buffer, 0, 1)
    curve = buffer.curve()
    assert curve.version == buffer.version > before
    curve.values[:] = -1
    assert buffer.curve().column("loss")[0] == 0


@pytest.mark.parametrize("count", [8, 9, 10, 16, 17, 18, 31, 32, 33, 34, 36, 1000])
def test_every_point_is_the_mean_of_stride_steps(count: int) -> None:
    buffer = MetricBuffer(capacity=8)
    fill(buffer, 0, count)
    curve = buffer.curve()
    assert len(curve.values) <= 8
    whole = len(curve.values) * curve.stride
    assert count - curve.stride < whole <= count
    steps = np.arange(whole).reshape(-1, curve.stride)
    np.testing.assert_allclose(curve.column("step"), steps.mean(axis=1))
    np.testing.assert_allclose(curve.column("loss"), 2 * steps.mean(axis=1))


def test_an_odd_capacity_is_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        MetricBuffer(capacity=7)


def test_readers_never_see_half_a_point() -> None:
    buffer = MetricBuffer(capacity=16)
    writer = threading.Thread(target=fill, args=(buffer, 0, 3000))
    writer.start()
    while writer.is_alive():
        curve = buffer.curve()
        np.testing.assert_allclose(curve.column("loss"), 2 * curve.column("step"))
        assert (np.diff(curve.column("step")) > 0).all()
    writer.join()
