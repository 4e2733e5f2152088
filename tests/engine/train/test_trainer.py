"""One optimizer step and one evaluation, against the same arithmetic without micro-batches."""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.data import Augmentation, Batches, Split
from engine.data.mixing import Mix
from engine.errors import Diverged
from engine.layers import Dropout, ReLU, Sequential
from engine.losses import MSE, Loss, SoftmaxCrossEntropy
from engine.models import build
from engine.optim import SGD, Adam, Muon, Optimizer, clipping
from engine.optim.groups import Group
from engine.optim.slow_weights import Average, Lookahead, SlowWeights
from engine.parallel import shared_memory
from engine.parallel.workers import Workers
from engine.train import evaluator, worker_program
from engine.train.evaluator import Evaluator
from engine.train.trainer import Trainer
from tests.support.proofs import rest_as_proofs
from tests.support.small_runs import copy_state, same_arrays

BN_NET: list[Any] = [
    {"Conv2D": {"out_channels": 3, "kernel_size": 3}},
    "BatchNorm2D",
    "ReLU",
    "Flatten",
    {"Dense": {"out_features": 8}},
    "BatchNorm1D",
    "Tanh",
    {"Dense": {"out_features": 4}},
]
DROPOUT_NET = ["Flatten", {"Dropout": {"p": 0.5}}, {"Dense": {"out_features": 4}}]
PLAIN_NET: list[Any] = [
    "Flatten",
    {"Dense": {"out_features": 6}},
    "ReLU",
    {"Dense": {"out_features": 4}},
]


def make_batches(n: int, **kwargs: Any) -> Batches:
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (n, 1, 6, 6), dtype=np.uint8)
    split = Split(images, rng.integers(0, 4, n))
    arguments = {"seed": 3, "shuffle": True, "mean": (0.5,), "std": (0.25,), **kwargs}
    return Batches(split, np.arange(n), arguments.pop("batch_size", n), **arguments)


def make_trainer(
    specs: list[Any] = BN_NET,
    *,
    workers: Workers,
    optimizer: Optimizer | None = None,
    loss: Loss | None = None,
    clip_norm: float | None = None,
    slow: SlowWeights | None = None,
    dtype: Any = np.float32,
) -> Trainer:
    model = build(specs, (1, 6, 6)).initialise(np.random.default_rng(0), dtype)
    return Trainer(
        model,
        loss or SoftmaxCrossEntropy(),
        optimizer or SGD(lr=0.5),
        seed=3,
        workers=workers,
        clip_norm=clip_norm,
        slow=slow,
    )


@pytest.fixture(scope="module", params=["threads", "processes"])
def two(request: pytest.FixtureRequest) -> Any:
    with pytest.MonkeyPatch.context() as patch, Workers(2) as workers:
        if request.param == "processes":
            patch.setattr(evaluator, "WORTH_PROCESSES", 0)
        yield workers


# -- a step ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 15, 16, 33, 100])
@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(0.1), MSE()], ids=["ce", "mse"])
def test_micro_batches_add_up_to_the_whole_batch(two: Workers, n: int, loss: Loss) -> None:
    specs = PLAIN_NET if n == 1 else BN_NET
    trainer = make_trainer(specs, workers=two, loss=loss, dtype=np.float64)
    twin = build(specs, (1, 6, 6)).initialise(np.random.default_rng(0), np.float64)
    batches = make_batches(n)
    x, labels = batches.load(batches.batch_indices(0, 0))
    logits = twin.forward(x.astype(np.float64))
    target = labels if isinstance(loss, SoftmaxCrossEntropy) else np.eye(4)[labels]
    value = loss.forward(logits, target)
    twin.backward(loss.backward())
    # The trainer feeds float32 images to a float64 network, which is as exact.
    result, _ = trainer.step(batches, 0, 0)
    assert result.loss == pytest.approx(value, rel=1e-6)
    assert result.correct == int((logits.argmax(axis=1) == labels).sum())
    assert result.samples == n
    grads = twin.named_grads()
    norm = math.sqrt(sum(float((grad**2).sum()) for grad in grads.values()))
    assert result.grad_norm == pytest.approx(norm, rel=1e-5)
    for name, array in trainer.model.named_parameters().items():
        expected = twin.named_parameters()[name] - 0.5 * grads[name]
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-7)
    for name, array in trainer.model.named_buffers().items():
        np.testing.assert_allclose(array, twin.named_buffers()[name], rtol=1e-4)


def run_steps(count: int, specs: list[Any], **kwargs: Any) -> bytes:
    with Workers(count) as workers:
        trainer = make_trainer(specs, workers=workers, optimizer=Adam(lr=0.01))
        batches = make_batches(
            150, batch_size=100, augment=Augmentation(shift=1, flip=True), **kwargs
        )
        for epoch in range(2):
            for step in range(batches.steps_per_epoch):
                trainer.step(batches, epoch, step)
        return b"".join(array.tobytes() for array in trainer.model.state_dict().values())


def run_recipe(count: int) -> bytes:
    """Steps with all that a recipe may do to parameters, and every change to images."""
    specs: list[Any] = ["Whitening2D", *BN_NET[1:]]
    specs[1] = {"BatchNorm2D": {"scale": False}}
    optimizer = SGD(0.05, momentum=0.8, nesterov=True, weight_decay=0.01)
    optimizer.groups = [Group("BatchNorm2D.bias", 8, 0.125), Group("0.bias", epochs=1)]
    with Workers(count) as workers:
        trainer = make_trainer(
            specs, workers=workers, optimizer=optimizer, slow=Lookahead(2, 0.9, 4)
        )
        augment = Augmentation(
            2, True, 2, "reflect", True, rotate=9, zoom=0.1, erase=0.5, mixup=1.0
        )
        batches = make_batches(150, batch_size=70, augment=augment, drop_last=True)
        for epoch in range(2):
            trainer.steps(batches, epoch, 0, [0.05, 0.04])
        assert trainer.slow is not None
        arrays = [*trainer.model.state_dict().values(), trainer.slow.vector]
        return b"".join(array.tobytes() for array in arrays)


def test_workers_never_change_the_bits_of_a_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "WORTH_PROCESSES", 0)
    reference = run_recipe(1)
    for count in (2, 3):
        assert run_recipe(count) == reference


def run_matrices(count: int) -> bytes:
    """Steps of matrices across the borders of the workers' parts, clipped."""
    specs: list[Any] = [
        {"Conv2D": {"out_channels": 40, "kernel_size": 3}},
        "BatchNorm2D",
        {"Conv2D": {"out_channels": 50, "kernel_size": 3}},
        "ReLU",
        "GlobalMaxPool2D",
        {"Dense": {"out_features": 10}},
    ]
    with Workers(count) as workers:
        optimizer = Muon(0.1, nesterov=True, weight_decay=0.01)
        trainer = make_trainer(
            specs, workers=workers, optimizer=optimizer, clip_norm=0.5, slow=Average(2, 0.9, 4)
        )
        for epoch in range(2):
            trainer.steps(make_batches(40, batch_size=20, micro_batch=10), epoch, 0, [0.1, 0.05])
        assert trainer.slow is not None
        slots = optimizer.slots["momentum_buffer"][""]
        arrays = [*trainer.model.state_dict().values(), trainer.slow.vector, slots]
        return b"".join(array.tobytes() for array in arrays)


def test_workers_never_change_the_bits_of_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "WORTH_PROCESSES", 0)
    reference = run_matrices(1)
    for count in (2, 3):
        assert run_matrices(count) == reference


@pytest.mark.parametrize("specs", [BN_NET, DROPOUT_NET], ids=["batch norm", "dropout"])
@pytest.mark.parametrize("worth", [0, 10**12], ids=["processes", "threads"])
def test_workers_never_change_the_bits(
    specs: list[Any], worth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluator, "WORTH_PROCESSES", worth)
    reference = run_steps(1, specs)
    for count in (2, 3, 4):
        assert run_steps(count, specs) == reference


def test_smaller_micro_batches_give_other_bits_but_workers_still_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evaluator, "WORTH_PROCESSES", 0)
    reference = run_steps(1, BN_NET, micro_batch=8)
    assert reference != run_steps(1, BN_NET)
    for count in (3, 9):
        assert run_steps(count, BN_NET, micro_batch=8) == reference


def test_what_batch_norm_exchanges_may_be_larger_than_what_is_handed_over_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fewer workers, the more micro-batches' statistics each of them brings."""
    monkeypatch.setattr(evaluator, "WORTH_PROCESSES", 0)
    monkeypatch.setattr(shared_memory, "_CHUNK", 1000)
    specs: list[Any] = [
        {"Conv2D": {"out_channels": 16, "kernel_size": 1}},
        "Flatten",
        "BatchNorm1D",
        {"Dense": {"out_features": 4}},
    ]
    reference = run_steps(1, specs)
    for count in (2, 4, 8):
        assert run_steps(count, specs) == reference


def test_chance_depends_on_seed_epoch_step_and_micro_batch(two: Workers) -> None:
    masks: list[bytes] = []

    class Watched(Dropout):
        def forward(self, x: np.ndarray) -> np.ndarray:
            out = super().forward(x)
            masks.append(self.saved[0].tobytes())
            return out

    model = Sequential([*build(["Flatten"], (1, 6, 6)), Watched(0.5)])
    model.layers += build([{"Dense": {"out_features": 4}}], (36,)).layers
    model.initialise(np.random.default_rng(0))
    batches = make_batches(64, batch_size=32)
    with Workers(1) as one:
        for seed in (3, 4):
            trainer = Trainer(model, SoftmaxCrossEntropy(), SGD(lr=0.1), seed=seed, workers=one)
            for epoch, step in ((0, 0), (0, 1), (1, 0)):
                trainer.step(batches, epoch, step)
    assert len(masks) == 12  # two micro-batches each
    assert len(set(masks)) == 12


def test_training_augments_anew_for_every_batch_and_evaluation_never_does(two: Workers) -> None:
    seen: list[bytes] = []

    class Watched(Batches):
        def load_mixed(
            self, indices: np.ndarray, rng: Any, epoch: int
        ) -> tuple[np.ndarray, np.ndarray, Mix | None]:
            x, labels, mix = super().load_mixed(indices, rng, epoch)
            seen.append(x.tobytes())
            return x, labels, mix

    whole = make_batches(32)
    arguments: dict[str, Any] = {"seed": 3, "shuffle": False, "mean": (0.5,), "std": (0.25,)}
    split = Split(whole._images, whole._labels)
    batches = Watched(split, np.arange(32), 32, augment=Augmentation(shift=2), **arguments)
    with Workers(1) as one:
        trainer = make_trainer(PLAIN_NET, workers=one)
        for epoch in (0, 1, 0):
            trainer.step(batches, epoch, 0)
        trainer.evaluate(batches)
    # Which of the two micro-batches is loaded first is not said.
    trained, evaluated = [sorted(seen[i : i + 2]) for i in (0, 2, 4)], sorted(seen[6:])
    plain = [whole.load(np.arange(16 * i, 16 * i + 16))[0].tobytes() for i in range(2)]
    assert evaluated == sorted(plain)
    assert trained[0] == trained[2]
    assert len({*plain, *trained[0], *trained[1]}) == 6


def test_clip_norm_bounds_the_step(two: Workers) -> None:
    trainer = make_trainer(PLAIN_NET, workers=two, clip_norm=0.01, optimizer=SGD(lr=1.0))
    before = trainer.parameters.vector.copy()
    result, _ = trainer.step(make_batches(40), 0, 0)
    assert result.grad_norm > 0.01
    assert np.linalg.norm(trainer.parameters.vector - before) == pytest.approx(0.01, rel=1e-3)


def test_a_smaller_last_batch_uses_only_its_own_micro_batches(two: Workers) -> None:
    specs = PLAIN_NET
    batches = make_batches(110, batch_size=100, shuffle=False)
    trainer = make_trainer(specs, workers=two)
    trainer.step(batches, 0, 0)
    fresh = make_trainer(specs, workers=two)
    fresh.parameters.vector[:] = trainer.parameters.vector
    one, _ = trainer.step(batches, 0, 1)
    other, _ = fresh.step(batches, 0, 1)
    assert one == other
    np.testing.assert_array_equal(trainer.parameters.vector, fresh.parameters.vector)


# -- some steps in a row ---------------------------------------------------------------------------


def run_turns(count: int, turn: int, clip_norm: float | None = None) -> tuple[bytes, list[Any]]:
    """Two epochs in turns of so many batches; the bits of the state, and all results."""
    results: list[Any] = []
    with Workers(count) as workers:
        trainer = make_trainer(workers=workers, optimizer=Adam(lr=0.01), clip_norm=clip_norm)
        batches = make_batches(270, batch_size=40, augment=Augmentation(shift=1, flip=True))
        for epoch in range(2):
            step = 0
            while step < batches.steps_per_epoch:
                rates = [0.01 / (1 + step + i) for i in range(turn)]
                rates = rates[: batches.steps_per_epoch - step]
                done = trainer.steps(batches, epoch, step, rates)
                assert 1 <= len(done) <= len(rates)
                assert trainer.optimizer.lr == rates[len(done) - 1]
                results += done
                step += len(done)
        assert trainer.optimizer.t == len(results) == 2 * batches.steps_per_epoch
        arrays = trainer.model.state_dict() | trainer.optimizer.slots["exp_avg"]
        return b"".join(array.tobytes() for array in arrays.values()), results


@pytest.mark.parametrize("clip_norm", rest_as_proofs([0.05, None]))
@pytest.mark.parametrize("worth", [0, 10**12], ids=["processes", "threads"])
def test_turns_never_change_the_bits(
    worth: int, clip_norm: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluator, "WORTH_PROCESSES", worth)
    # Pieces so small that every worker has some of the parameters.
    monkeypatch.setattr(worker_program, "DOT_LENGTH", 16)
    monkeypatch.setattr(clipping, "DOT_LENGTH", 16)
    reference = run_turns(1, 1, clip_norm)
    for count, turn in ((1, 7), (2, 1), (2, 3), (3, 7)):
        assert run_turns(count, turn, clip_norm) == reference


def test_a_turn_ends_before_a_batch_that_diverges(two: Workers) -> None:
    batches = make_batches(160, batch_size=40, shuffle=False)
    spoilt = 120  # the first sample of the last batch

    class Spoilt(Batches):
        def load_mixed(
            self, indices: np.ndarray, rng: Any, epoch: int
        ) -> tuple[np.ndarray, np.ndarray, Mix | None]:
            x, labels, mix = batches.load_mixed(indices, rng, epoch)
            x[indices == spoilt] = np.inf
            return x, labels, mix

    arguments: dict[str, Any] = {"seed": 3, "shuffle": False, "mean": (0.5,), "std": (0.25,)}
    split = Split(batches._images, batches._labels)
    source = Spoilt(split, np.arange(160), 40, **arguments)
    one, other = (make_trainer(workers=two, optimizer=Adam(lr=0.01)) for _ in range(2))
    assert one.steps(source, 0, 0, [0.01, 0.02, 0.03, 0.04]) == [
        other.step(batches, 0, step)[0]
        for step, other.optimizer.lr in enumerate((0.01, 0.02, 0.03))
    ]
    assert one.optimizer.t == 3
    assert one.optimizer.lr == 0.03
    assert same_arrays(one.model.state_dict(), other.model.state_dict())
    with pytest.raises(Diverged, match=r"batch 4, at learning rate 0\.04.*the images"):
        one.steps(source, 0, 3, [0.04])
    assert same_arrays(one.model.state_dict(), other.model.state_dict())
    assert one.optimizer.t == 3


# -- an evaluation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), MSE()], ids=["ce", "mse"])
def test_evaluate_is_what_one_forward_pass_says(two: Workers, loss: Loss) -> None:
    trainer = make_trainer(workers=two, loss=loss)
    trainer.step(make_batches(64), 0, 0)
    batches = make_batches(150, batch_size=64, shuffle=False)
    x, labels = batches.load(np.arange(150))
    logits = trainer.model.replica().eval().forward(x)
    target = labels if isinstance(loss, SoftmaxCrossEntropy) else np.eye(4, dtype="f4")[labels]
    seen: list[tuple[int, int]] = []
    result = trainer.evaluate(batches, lambda *how_far: seen.append(how_far))
    assert result.loss == pytest.approx(loss.forward(logits, target), rel=1e-5)
    np.testing.assert_array_equal(result.labels, labels)
    np.testing.assert_array_equal(result.predictions, logits.argmax(axis=1))
    assert result.acc == pytest.approx((logits.argmax(axis=1) == labels).mean())
    assert result.top5 == 1.0  # there are four classes
    assert seen == [(64, 150), (128, 150), (150, 150)]


def test_an_evaluator_needs_no_optimizer_and_says_what_a_trainer_says(two: Workers) -> None:
    trainer = make_trainer(workers=two)
    trainer.step(make_batches(64), 0, 0)
    held_out = make_batches(150, batch_size=64, shuffle=False)
    alone = Evaluator(trainer.model.replica(), SoftmaxCrossEntropy(), workers=two)
    one, other = alone.evaluate(held_out), trainer.evaluate(held_out)
    assert (one.loss, one.acc, one.top5) == (other.loss, other.acc, other.top5)
    np.testing.assert_array_equal(one.predictions, other.predictions)


@pytest.mark.parametrize("specs", [BN_NET, DROPOUT_NET], ids=["batch norm", "dropout"])
def test_evaluate_changes_nothing(two: Workers, specs: list[Any]) -> None:
    one, other = (make_trainer(specs, workers=two) for _ in range(2))
    batches = make_batches(100)
    held_out = make_batches(70, batch_size=30, shuffle=False)
    for trainer in (one, other):
        trainer.step(batches, 0, 0)
    before = copy_state(one.model)
    results = [one.evaluate(held_out).loss for _ in range(2)]
    assert results[0] == results[1]
    assert same_arrays(one.model.state_dict(), before)
    one.step(batches, 1, 0)
    other.step(batches, 1, 0)
    assert same_arrays(one.model.state_dict(), other.model.state_dict())


def test_an_evaluation_that_is_stopped_leaves_training_as_it_was(two: Workers) -> None:
    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stop

    one, other = (make_trainer(DROPOUT_NET, workers=two) for _ in range(2))
    batches = make_batches(100)
    with pytest.raises(Stop):
        one.evaluate(make_batches(70, batch_size=30, shuffle=False), stop)
    one.step(batches, 0, 0)
    other.step(batches, 0, 0)
    assert same_arrays(one.model.state_dict(), other.model.state_dict())


def test_a_broken_network_predicts_nothing(two: Workers) -> None:
    trainer = make_trainer(workers=two)
    trainer.parameters.vector[:] = np.nan
    result = trainer.evaluate(make_batches(40, shuffle=False))
    assert math.isnan(result.loss)
    assert result.acc == result.top5 == 0


# -- divergence ------------------------------------------------------------------------------------


def assert_unchanged_after_diverging(trainer: Trainer, batches: Batches, step: int = 0) -> Diverged:
    before, t = copy_state(trainer.model), trainer.optimizer.t
    slots = copy.deepcopy(trainer.optimizer.slots)
    with pytest.raises(Diverged) as caught:
        trainer.step(batches, 1, step)
    assert same_arrays(trainer.model.state_dict(), before)
    assert trainer.optimizer.t == t
    for slot, arrays in trainer.optimizer.slots.items():
        assert same_arrays(arrays, slots[slot])
    assert "\n" not in str(caught.value)
    return caught.value


def test_diverging_changes_no_bit_and_says_where(two: Workers) -> None:
    trainer = make_trainer(workers=two, optimizer=Adam(lr=0.25))
    batches = make_batches(100, batch_size=50)
    trainer.step(batches, 0, 0)
    trainer.model.named_parameters()["4.weight"][2, 5] = np.inf
    error = assert_unchanged_after_diverging(trainer, batches, step=1)
    assert (error.epoch, error.step, error.lr) == (1, 1, 0.25)
    assert error.source is not None
    assert error.source.startswith("layer 4 Dense")
    for part in ("epoch 2, batch 2", "learning rate 0.25", "loss is nan", error.source):
        assert part in str(error)


def test_a_layer_that_only_training_breaks_is_named(two: Workers) -> None:
    class Overflow(ReLU):
        def forward(self, x: np.ndarray) -> np.ndarray:
            return super().forward(x) * (np.float32(3e38) if self.training else 1) * 10

    trainer = make_trainer(workers=two)
    model = trainer.model
    model.layers[2] = Overflow()
    trainer = Trainer(model, SoftmaxCrossEntropy(), SGD(lr=0.1), seed=3, workers=two)
    error = assert_unchanged_after_diverging(trainer, make_batches(40))
    assert error.source == "layer 2 Overflow()"


def test_a_gradient_that_is_not_finite_is_a_divergence(two: Workers) -> None:
    class Steep(SoftmaxCrossEntropy):
        def backward(self) -> np.ndarray:
            return super().backward() * np.float32(np.inf)

    trainer = make_trainer(PLAIN_NET, workers=two, loss=Steep())
    error = assert_unchanged_after_diverging(trainer, make_batches(40))
    assert "the gradient is not finite" in str(error)
    assert error.source is None


class Altered(Batches):
    """100 samples whose loading goes through ``change(indices, images)``."""

    def __init__(self, change: Callable[[np.ndarray, np.ndarray], None]) -> None:
        whole = make_batches(100)
        split = Split(whole._images, whole._labels)
        super().__init__(
            split, np.arange(100), 100, seed=3, shuffle=False, mean=(0.5,), std=(0.25,)
        )
        self.change = change

    def load_mixed(
        self, indices: np.ndarray, rng: Any, epoch: int
    ) -> tuple[np.ndarray, np.ndarray, Mix | None]:
        x, labels, mix = super().load_mixed(indices, rng, epoch)
        self.change(indices, x)
        return x, labels, mix


@pytest.mark.parametrize("specs", [BN_NET, PLAIN_NET], ids=["batch norm", "plain"])
def test_one_image_that_is_not_finite_is_enough(two: Workers, specs: list[Any]) -> None:
    def spoil(indices: np.ndarray, x: np.ndarray) -> None:
        x[indices == 77, 0, 2, 2] = np.nan

    trainer = make_trainer(specs, workers=two)
    error = assert_unchanged_after_diverging(trainer, Altered(spoil))
    assert error.source == "the images"
    assert "first not finite: the images" in str(error)


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [0, 40, 99])
def test_an_error_in_a_micro_batch_is_one_error_and_the_workers_go_on(
    two: Workers, bad: int
) -> None:
    def fail(indices: np.ndarray, x: np.ndarray) -> None:
        if bad in indices:
            raise OSError(f"sample {bad}")

    trainer = make_trainer(workers=two)  # with batch norm: the others wait for the broken one
    with pytest.raises(OSError, match=f"sample {bad}"):
        trainer.step(Altered(fail), 0, 0)
    result, _ = trainer.step(make_batches(100), 0, 0)
    assert math.isfinite(result.loss)
