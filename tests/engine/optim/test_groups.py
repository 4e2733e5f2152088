"""Groups of parameters: which settings count for what, and that a step obeys them."""

from typing import Any

import numpy as np
import pytest

from engine.layers import Dense
from engine.models import build
from engine.optim import OPTIMIZERS, SGD
from engine.optim.groups import REST, Group, Span, group_of, kinds_of
from engine.optim.parameters import FlatParameters, spans_of
from tests.support.optim_problem import every_rule

SPECS: list[Any] = [
    {"Conv2D": {"out_channels": 2, "kernel_size": 3}},
    "BatchNorm2D",
    "Flatten",
    {"Dense": {"out_features": 3}},
]


def test_the_first_match_counts_by_name_or_by_kind() -> None:
    fast, late = Group("BatchNorm2D.bias", 64), Group("*.bias", 2)
    assert group_of("1.bias", "BatchNorm2D.bias", [fast, late]) is fast
    assert group_of("1.bias", "BatchNorm2D.bias", [late, fast]) is late
    assert group_of("0.bias", "Conv2D.bias", [fast, late]) is late
    assert group_of("0.weight", "Conv2D.weight", [fast, late]) is REST
    assert group_of("0.weight", "Conv2D.weight", [Group("0.*")]) == Group("0.*")


def test_a_layer_alone_has_names_without_a_number() -> None:
    assert kinds_of(Dense(2, 3)) == {"weight": "Dense.weight", "bias": "Dense.bias"}


def test_the_vector_is_cut_where_settings_change(rng: np.random.Generator) -> None:
    model = build(SPECS, (1, 5, 5)).initialise(rng)
    flat = FlatParameters(model)
    group = Group("*.bias", 3.0)
    spans = spans_of(model, flat, [group])
    assert [(span.start, span.stop) for span in spans] == [
        (0, 18), (18, 20), (20, 22), (22, 24), (24, 78), (78, 81),
    ]  # fmt: skip
    assert [span.group for span in spans] == [REST, group] * 3
    assert spans_of(model, flat, []) == [Span(0, 81, REST)]
    model[0].freeze()  # which puts its parameters behind the others
    spans = spans_of(model, FlatParameters(model), [group])
    assert [(span.start, span.stop) for span in spans] == [(0, 2), (2, 4), (4, 58), (58, 61)]
    alone = Dense(2, 3).initialise(rng).freeze()
    assert FlatParameters(alone).trained == 0


@every_rule
@pytest.mark.parametrize("cuts", [(0, 40), (0, 7, 40), (0, 12, 25, 40)])
def test_a_group_is_a_run_of_its_own_with_its_settings(name: str, cuts: tuple[int, ...]) -> None:
    """Each span by itself, in an optimizer with its rate and decay; any parts, in any order."""
    group = Group("b", 4.0, 0.5)
    spans = [Span(0, 10, REST), Span(10, 23, group), Span(23, 40, REST)]
    rng = np.random.default_rng(0)
    start, gradients = rng.standard_normal(40), rng.standard_normal((3, 40))
    kind = OPTIMIZERS[name]
    whole = start.copy()
    members = [kind(0.02, weight_decay=0.1) for _ in cuts[1:]]
    for gradient in gradients:
        for member, low, high in zip(members, cuts, cuts[1:], strict=False):
            member.step({"": whole}, {"": gradient}, slice(low, high), spans)
            assert (member.lr, member.weight_decay) == (0.02, 0.1)
    for span in spans:
        part = slice(span.start, span.stop)
        alone = start[part].copy()
        lr, decay = 0.02 * span.group.lr_scale, 0.1 * span.group.weight_decay_scale
        optimizer = kind(lr, weight_decay=decay)
        for gradient in gradients:
            optimizer.step({"": alone}, {"": gradient[part]})
        np.testing.assert_array_equal(whole[part], alone)


def test_a_group_can_be_trained_for_some_epochs_only() -> None:
    optimizer, weights = SGD(1.0, momentum=0.5), np.zeros(4)
    spans = [Span(0, 2, Group("b", epochs=2)), Span(2, 4, REST)]
    for epoch in (0, 1, 2):
        optimizer.step({"": weights}, {"": np.ones(4)}, spans=spans, epoch=epoch)
    np.testing.assert_array_equal(weights, [-2.5, -2.5, -4.25, -4.25])
    assert optimizer.t == 3
