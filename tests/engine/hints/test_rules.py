"""When each rule holds and when it does not, on curves made up for it; real ones are beside it."""

import math
from pathlib import Path

import pytest

from engine.events import Logs
from engine.hints import Evidence, Hint, LayerStats, Look, holding
from tests.support.small_runs import PLAIN, RICH, make_config

CLASSES = tuple("0123456789")
EVEN = (80,) * 10


def logs(
    loss: float, val_loss: float, val_acc: float = 0.9, lr: float = 0.1, acc: float | None = None
) -> Logs:
    acc = val_acc if acc is None else acc
    val = {"val_loss": val_loss, "val_acc": val_acc}
    return {"loss": loss, "acc": acc, **val, "lr": lr, "grad_norm": 1.0}


def evidence(
    history: list[Logs],
    *overrides: str,
    text: str = PLAIN,
    counts: tuple[int, ...] = EVEN,
    looks: list[Look] | None = None,
    inputs: tuple[float, float] = (0.0, 1.0),
    diverged: str = "",
) -> Evidence:
    config = make_config(Path("/nowhere"), text, *overrides)
    return Evidence(config, history, counts, CLASSES, looks or [], inputs, diverged)


def said(history: list[Logs]) -> list[tuple[int, str]]:
    """Epoch and rule of all that is told on the way."""
    found: list[tuple[int, str]] = []
    before: set[str] = set()
    for end in range(1, len(history) + 1):
        now = rules(holding(evidence(history[:end])))
        found += [(end, rule) for rule in sorted(now - before)]
        before = now
    return found


def only(found: list[Hint], rule: str) -> Hint:
    (hint,) = [hint for hint in found if hint.rule == rule]
    return hint


def rules(found: list[Hint]) -> set[str]:
    return {hint.rule for hint in found}


def of_accuracies(*accuracies: float) -> list[Logs]:
    return [logs(2.3, 2.3, accuracy) for accuracy in accuracies]


def looked(*layers: LayerStats, epochs: int = 2) -> list[Look]:
    return [Look(epoch, layers) for epoch in range(1, epochs + 1)]


def fixes(hint: Hint) -> tuple[str, ...]:
    return () if hint.fix is None else hint.fix.overrides


def test_nothing_is_said_about_a_run_that_goes_well() -> None:
    assert said([logs(1 / i, 1.1 / i) for i in range(1, 9)]) == []
    assert holding(evidence([])) == []


def test_overfitting_is_seen_when_training_falls_and_validation_does_not() -> None:
    val = [1.0, 0.5, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7]
    history = [logs(1 / (i + 1), v) for i, v in enumerate(val)]
    assert said(history) == [(6, "overfitting")]
    hint = only(holding(evidence(history[:6])), "overfitting")
    assert "val_loss rose from 0.4 in epoch 3 to 0.55" in hint.words
    assert fixes(hint) == ("data.augment.shift=2",)
    hint = only(holding(evidence(history, "data.augment.shift=2")), "overfitting")
    assert fixes(hint) == ("train.weight_decay=0.001",)


def test_overfitting_that_comes_back_is_said_again() -> None:
    val = [0.4, 0.5, 0.5, 0.5, 0.3, 0.5, 0.5, 0.5]
    assert said([logs(1 / (i + 1), v) for i, v in enumerate(val)]) == [
        (4, "overfitting"),
        (8, "overfitting"),
    ]


def test_one_epoch_that_went_badly_is_not_overfitting() -> None:
    val, acc = [1.0, 0.4, 0.3, 0.2, 0.21, 0.9], [0.5, 0.8, 0.85, 0.9, 0.9, 0.7]
    history = [
        logs(1 / (i + 1), v, a, acc=0.95) for i, (v, a) in enumerate(zip(val, acc, strict=True))
    ]
    assert holding(evidence(history)) == []


def test_a_gap_between_training_and_validation_is_overfitting_too() -> None:
    history = [logs(1 / (i + 1), 0.5, 0.85, acc=0.99) for i in range(5)]
    assert said(history) == [(5, "overfitting")]


def test_labels_that_are_learnt_by_heart_are_overfitting_and_not_chance() -> None:
    history = [logs(2 / (i + 1), 2.5 + i, 0.1, acc=0.2 + i / 10) for i in range(6)]
    assert "chance" not in {rule for _, rule in said(history)}
    assert "overfitting" in {rule for _, rule in said(history)}


def test_a_plateau_of_both_is_not_overfitting() -> None:
    assert said([logs(0.5, 0.4), *[logs(0.5, 0.5)] * 5]) == []


def test_a_validation_that_suffers_from_a_raised_rate_is_not_overfitting() -> None:
    val = [1.0, 0.4, 0.6, 0.6, 0.6, 0.6]
    rates = [0.1, 0.1, 0.4, 0.4, 0.4, 0.4]
    history = [
        logs(1 / (i + 1), v, 0.5, r) for i, (v, r) in enumerate(zip(val, rates, strict=True))
    ]
    assert said(history) == []


def test_a_network_at_chance_does_not_overfit() -> None:
    val = [2.3, 2.5, 2.6, 2.7, 2.8]
    assert said([logs(2.3 - i / 100, v, 0.1) for i, v in enumerate(val)]) == [(2, "chance")]


def test_chance_is_called_chance_once() -> None:
    assert said(of_accuracies(0.1, 0.11, 0.1, 0.1)) == [(2, "chance")]


def test_chance_is_what_the_commonest_class_gives() -> None:
    history = of_accuracies(0.6, 0.6)
    hint = only(holding(evidence(history, counts=(600, *(44,) * 9))), "chance")
    assert "guessing gives 60.2%" in hint.words
    assert "chance" not in rules(holding(evidence(history)))


def test_one_bad_epoch_is_no_collapse() -> None:
    assert said(of_accuracies(0.5, 0.1, 0.6)) == []


@pytest.mark.parametrize("good", [0.16, 0.5, 0.99])
def test_a_collapse_is_said_after_one_good_epoch(good: float) -> None:
    history = of_accuracies(good, *[0.1] * 6)
    assert said(history) == [(3, "collapse")]
    hint = only(holding(evidence(history[:3])), "collapse")
    assert hint.words == f"val_acc fell to chance (10.0%) from {good:.1%} in epoch 1"
    assert fixes(hint) == ("train.clip_norm=1.0",)
    hint = only(holding(evidence(history, "train.clip_norm=1")), "collapse")
    assert fixes(hint) == ("train.lr=0.007",), "a third of 0.02"


def test_a_collapse_after_a_good_epoch_in_between_is_said_again() -> None:
    assert said(of_accuracies(0.9, 0.1, 0.1, 0.1, 0.8, 0.1, 0.1, 0.1)) == [
        (3, "collapse"),
        (7, "collapse"),
    ]
    assert said(of_accuracies(0.1, 0.1, 0.8, 0.1, 0.1)) == [(2, "chance"), (5, "collapse")]


def test_losses_that_are_no_numbers_are_borne() -> None:
    assert said([logs(math.nan, math.nan)] * 9) == []


def test_a_best_epoch_long_past_is_said_with_a_way_to_stop_there() -> None:
    history = [logs(0.1, 0.2, 0.95), *[logs(0.1, 0.201, 0.949)] * 8]
    hint = only(holding(evidence(history)), "past_best")
    assert "for 8 epochs" in hint.words
    assert fixes(hint) == ("callbacks=[early_stopping: {monitor: val_loss, patience: 5}]",)
    stops = "callbacks=[early_stopping: {patience: 20}]"
    assert fixes(only(holding(evidence(history, stops)), "past_best")) == ("train.epochs=1",)
    assert "past_best" not in rules(holding(evidence(history[:-1])))


def test_a_level_and_high_training_loss_is_underfitting() -> None:
    history = [logs(1.2 - i / 1000, 1.2, 0.6) for i in range(6)]
    hint = only(holding(evidence(history)), "underfitting")
    assert hint.fix is None
    decayed = only(holding(evidence(history, "train.weight_decay=0.1")), "underfitting")
    assert fixes(decayed) == ("train.weight_decay=0.01",)
    shifted = evidence(history, "data.augment.shift=6", "data.augment.flip=true")
    assert fixes(only(holding(shifted), "underfitting")) == (
        "data.augment.shift=0",
        "data.augment.flip=false",
    )
    falling = [logs(1.2 - i / 10, 1.2, 0.6) for i in range(6)]
    assert "underfitting" not in rules(holding(evidence(falling)))


def test_certain_and_wrong_is_a_loss_above_that_of_guessing() -> None:
    hint = only(holding(evidence([logs(0.1, 2.5, 0.8)] * 2)), "saturated")
    assert "2.3" in hint.words
    assert fixes(hint) == ("train.label_smoothing=0.1",)
    in_training_too = only(holding(evidence([logs(2.4, 2.5, 0.8)] * 2)), "saturated")
    assert fixes(in_training_too) == ("train.lr=0.007",)
    assert "saturated" not in rules(holding(evidence([logs(0.1, 2.2, 0.8)] * 2)))
    assert "saturated" not in rules(holding(evidence([logs(2.5, 2.5, 0.2)] * 2))), "fresh weights"


def test_a_training_that_diverged_has_a_learning_rate_that_is_too_high() -> None:
    hint = only(holding(evidence([], diverged="the loss is nan")), "lr_high")
    assert fixes(hint) == ("train.lr=0.002",)


def test_steps_that_are_too_long_or_too_short_show_beside_the_weights() -> None:
    history = [logs(2.2, 2.2, 0.4), logs(2.1, 2.1, 0.5), logs(2.0, 2.0, 0.5)]

    def with_ratio(ratio: float) -> set[str]:
        looks = looked(LayerStats("0", "Conv2D", 0.1, ratio))
        return rules(holding(evidence(history, looks=looks)))

    assert with_ratio(1e-3) == set()
    assert with_ratio(5e-5) == {"lr_low"}
    assert with_ratio(0.2) == {"lr_high"}
    one = looked(LayerStats("0", "Conv2D", 0.1, 0.2), epochs=1)
    assert holding(evidence(history[:1], looks=one)) == [], "one epoch may be an accident"


def test_a_loss_that_goes_up_again_comes_from_a_rate_that_is_too_high() -> None:
    falls, climbs = [logs(x, x, 0.7) for x in (2, 1, 0.9)], [logs(x, x, 0.6) for x in (1.5, 1.6)]
    hint = only(holding(evidence([*falls, *climbs])), "lr_high")
    assert hint.words == "loss is 1.6, and was 0.9 in epoch 3"
    assert fixes(hint) == ("train.lr=0.007",)
    small = [logs(x, 0.5, 0.95) for x in (2, 0.5, 0.02, 0.05, 0.06)]
    assert "lr_high" not in rules(holding(evidence(small))), "next to nothing of the first loss"


def test_a_loss_of_certain_mistakes_in_training_comes_from_a_rate_that_is_too_high() -> None:
    hint = only(holding(evidence([logs(9.0 - i, 2.0, 0.8) for i in range(3)])), "lr_high")
    assert "loss is 7 after 3 epochs, above the 2.3 of guessing, though acc is 80.0%" in hint.words


def test_relus_that_died_of_the_first_steps_do_not_make_the_rate_too_low() -> None:
    history = [logs(6.0, 2.31, 0.1), logs(2.32, 2.31, 0.1), logs(2.31, 2.31, 0.1)]
    looks = looked(LayerStats("0", "Dense", 1e-9, 1e-9), LayerStats("1", "ReLU", dead=1.0))
    found = holding(evidence(history, looks=looks))
    assert rules(found) == {"chance", "dead_relus", "lr_high"}
    assert fixes(only(found, "chance")) == ("train.lr=0.002",)
    assert fixes(only(found, "lr_high")) == ("train.lr=0.002",)


def test_chance_with_short_steps_is_left_with_longer_ones() -> None:
    looks = looked(LayerStats("0", "Dense", 0.1, 1e-6))
    history = [logs(2.4, 2.4, 0.1), logs(2.39, 2.39, 0.1)]
    assert fixes(only(holding(evidence(history, looks=looks)), "chance")) == ("train.lr=0.2",)


def test_short_steps_at_the_end_of_a_schedule_are_meant() -> None:
    looks = looked(LayerStats("0", "Conv2D", 0.1, 5e-5))
    history = [logs(1.1, 1.1, 0.6), logs(1.0, 1.0, 0.7), logs(0.9, 0.9, 0.8, lr=0.001)]
    assert holding(evidence(history, looks=looks)) == []


def test_dead_relus_are_counted_in_two_epochs() -> None:
    history = [logs(1.0, 1.0, 0.7), logs(0.5, 0.5, 0.8)]
    alive, dead = (
        Look(i, (LayerStats("1", "ReLU", dead=share),)) for i, share in ((1, 0.2), (2, 0.9))
    )
    assert holding(evidence(history, looks=[alive, dead])) == []
    hint = only(holding(evidence(history, looks=[Look(1, dead.layers), dead])), "dead_relus")
    assert "90% of the channels of layer 1 ReLU" in hint.words
    assert fixes(hint) == ("train.lr=0.002",)
    fewer = Look(1, (LayerStats("1", "ReLU", dead=0.8),))
    hint = only(holding(evidence(history, looks=[fewer, dead])), "dead_relus")
    assert "80% of the channels" in hint.words
    assert fixes(hint) == ("train.lr=0.007",)


def test_a_gradient_that_vanishes_does_so_in_the_first_layers() -> None:
    history = [logs(2.0, 2.0, 0.3), logs(1.9, 1.9, 0.4)]

    def of(*sizes: float) -> list[Look]:
        return looked(*(LayerStats(str(i), "Dense", size, 1e-3) for i, size in enumerate(sizes)))

    hint = only(holding(evidence(history, looks=of(1e-7, 1e-5, 1e-3, 1e-2))), "vanishing")
    assert hint.words.startswith("the gradient of layer 0 Dense is 1e-05 of the largest")
    assert fixes(hint) == ("train.optimizer=adam", "train.lr=0.001")
    assert holding(evidence(history, looks=of(1e-2, 1e-2, 1e-2, 1e-6))) == []
    ahead = evidence(history, "train.nesterov=true", looks=of(1e-7, 1e-5, 1e-3, 1e-2))
    assert "train.nesterov=false" in fixes(only(holding(ahead), "vanishing"))


def test_a_gradient_that_explodes_is_to_be_clipped() -> None:
    history = [logs(2.0 / (i + 1), 1.0, 0.5) for i in range(4)]
    history[-1]["grad_norm"] = 40.0
    hint = only(holding(evidence(history)), "exploding")
    assert "the gradient's norm is 40; the median before is 1" in hint.words
    assert fixes(hint) == ("train.clip_norm=1.0",)
    assert "exploding" not in rules(holding(evidence(history, "train.clip_norm=1")))


def test_uneven_classes_are_said_from_the_start_with_figures() -> None:
    uneven = (64, 64, 64, 384, *(64,) * 6)
    hint = only(holding(evidence([], counts=uneven)), "uneven_classes")
    assert "class '0' has 64 of 960 training samples, and '3' has 384" in hint.words
    assert fixes(hint) == ("train.class_weights=balanced",)
    assert holding(evidence([], "train.class_weights=balanced", counts=uneven)) == []
    assert (
        only(holding(evidence([], "train.loss=mse", counts=uneven)), "uneven_classes").fix is None
    )


@pytest.mark.parametrize(
    ("most", "expected"),
    [(190, set()), (192, {"uneven_classes"})],
    ids=["below three times", "three"],
)
def test_the_bound_of_uneven_classes(most: int, expected: set[str]) -> None:
    assert rules(holding(evidence([], counts=(most, *(64,) * 9)))) == expected


def test_few_samples_may_differ_by_chance() -> None:
    assert holding(evidence([], counts=(3, 10, *(7,) * 8))) == []


def test_images_that_are_not_normalised_are_said_from_the_start() -> None:
    assert rules(holding(evidence([], inputs=(33.0, 79.0)))) == {"not_normalised"}
    first = PLAIN.replace("layers:\n", "layers:\n  - BatchNorm2D\n")
    assert holding(evidence([], text=first, inputs=(33.0, 79.0))) == []


def test_batch_norm_wants_more_than_a_handful_of_images() -> None:
    hint = only(holding(evidence([], "train.batch_size=4", text=RICH)), "small_batches")
    assert fixes(hint) == ("train.batch_size=32",)
    assert holding(evidence([], "train.batch_size=8", text=RICH)) == []
    assert holding(evidence([], "train.batch_size=4")) == []


def test_batch_norm_inside_another_layer_counts() -> None:
    inside = PLAIN.replace("  - Flatten\n", "  - Residual: {body: [BatchNorm2D]}\n  - Flatten\n")
    assert rules(holding(evidence([], "train.batch_size=4", text=inside))) == {"small_batches"}
