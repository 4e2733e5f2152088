"""Convolution and pooling with arguments that no grid lists, drawn by Hypothesis."""

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from engine.errors import SpecError
from engine.layers import AvgPool2D, Conv2D, MaxPool2D
from tests.support.cases import Case
from tests.support.checks import (
    directions,
    float32,
    forward,
    memory_orders,
    pool_sums,
    ties,
)

pytestmark = pytest.mark.usefixtures("every_kernel")

EXAMPLES = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.filter_too_much],
)

sizes = st.integers(1, 12)
pairs = st.tuples(st.integers(1, 4), st.integers(1, 4)).map(list)


@st.composite
def convolutions(draw: Any) -> Case:
    groups = draw(st.integers(1, 3))
    padding = draw(
        st.one_of(
            st.just("same"),
            st.integers(0, 4),
            st.tuples(st.integers(0, 4), st.integers(0, 4)).map(list),
        )
    )
    arguments = {
        "out_channels": groups * draw(st.integers(1, 6)),
        "kernel_size": draw(pairs),
        "stride": draw(pairs),
        "padding": padding,
        "dilation": draw(st.tuples(st.integers(1, 3), st.integers(1, 3)).map(list)),
        "groups": groups,
        "bias": draw(st.booleans()),
    }
    batch = draw(st.sampled_from([1, 2, 3, 5, 17]))
    shape = (batch, groups * draw(st.integers(1, 4)), draw(sizes), draw(sizes))
    return Case(Conv2D, shape, arguments)


@st.composite
def poolings(draw: Any) -> Case:
    kernel = draw(pairs)
    arguments = {
        "kernel_size": kernel,
        "stride": draw(st.one_of(st.none(), pairs)),
        "padding": [draw(st.integers(0, k // 2)) for k in kernel],
    }
    layer = draw(st.sampled_from([MaxPool2D, AvgPool2D]))
    if layer is AvgPool2D:
        arguments["count_include_pad"] = draw(st.booleans())
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(sizes), draw(sizes))
    return Case(layer, shape, arguments, inputs="distinct")


def _assume_it_fits(case: Case) -> None:
    try:
        case.make()
    except SpecError:
        assume(False)


@EXAMPLES
@given(convolutions())
def test_convolutions(case: Case) -> None:
    _assume_it_fits(case)
    for check in (forward, directions, memory_orders, float32):
        check(case)


@EXAMPLES
@given(poolings())
def test_poolings(case: Case) -> None:
    _assume_it_fits(case)
    for check in (forward, directions, pool_sums, ties, float32):
        check(case)
