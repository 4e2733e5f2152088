"""What a step and an evaluation compute, against plain sums over the same micro-batches."""

import math
from typing import Any

import numpy as np
import pytest

from engine import metrics
from engine.data import Augmentation, Batches, Split
from engine.data.views import View
from engine.errors import Diverged
from engine.layers import Layer, Sequential, Tanh
from engine.losses import MSE, Loss, SoftmaxCrossEntropy
from engine.models import build
from engine.optim import SGD, Adam
from engine.optim.clipping import clip_factor
from engine.optim.slow_weights import Lookahead
from engine.parallel.micro_batches import micro_batches
from engine.parallel.workers import Workers
from engine.rng import Purpose, stream
from engine.train.snapshot import dead_shares
from engine.train.trainer import Trainer

DENSE = {"Dense": {"out_features": 4}}
SPECS: list[Any] = [
    {"Conv2D": {"out_channels": 3, "kernel_size": 3}},
    "ReLU",
    {"Dropout": {"p": 0.25}},
    "Flatten",
    DENSE,
]
SEED = 3
WEIGHTS = np.array([0.1, 5.0, 1.0, 2.5])


def network(dtype: Any = np.float32) -> Sequential:
    return build(SPECS, (1, 6, 6)).initialise(np.random.default_rng(0), dtype)


def batches_of(n: int, size: int, **options: Any) -> Batches:
    rng = np.random.default_rng(1)
    split = Split(rng.integers(0, 256, (n, 1, 6, 6), dtype=np.uint8), rng.integers(0, 4, n))
    given: dict[str, Any] = {"seed": SEED, "shuffle": True, "mean": (0.5,), "std": (0.25,)}
    return Batches(split, np.arange(n), size, **given | options)


def target_of(loss: Loss, labels: np.ndarray) -> np.ndarray:
    return labels if isinstance(loss, SoftmaxCrossEntropy) else np.eye(4, dtype="f4")[labels]


def plain_step(
    model: Sequential, loss: Loss, batches: Batches, epoch: int, step: int
) -> tuple[float, int, dict[str, np.ndarray]]:
    """Loss, correct answers and gradients of a batch: its micro-batches one after the other."""
    indices = batches.batch_indices(epoch, step)
    total, correct = 0.0, 0
    parts: list[dict[str, np.ndarray]] = []
    for i, piece in enumerate(micro_batches(len(indices))):
        where = SEED, epoch, step, i
        model.set_rng(stream(Purpose.DROPOUT, *where))
        x, labels, mix = batches.load_mixed(indices[piece], stream(Purpose.AUGMENT, *where), epoch)
        logits = model.forward(x)
        share = len(labels) / len(indices)
        target = target_of(loss, labels)
        if mix is not None:
            own, rows = mix.shares.astype("f4")[:, None], np.eye(4, dtype="f4")
            target = own * rows[labels] + (1 - own) * rows[mix.labels]
        total += share * loss.forward(logits, target)
        correct += int((logits.argmax(axis=1) == labels).sum())
        model.backward(loss.backward() * share)
        parts.append({name: grad.copy() for name, grad in model.named_grads().items()})
    return total, correct, {name: _tree([part[name] for part in parts]) for name in parts[0]}


def _tree(terms: list[np.ndarray]) -> np.ndarray:
    while len(terms) > 1:
        pairs = [terms[i : i + 2] for i in range(0, len(terms), 2)]
        terms = [pair[0] + pair[1] if len(pair) == 2 else pair[0] for pair in pairs]
    return terms[0]


@pytest.mark.parametrize("clip_norm", [None, 0.1, 1e6])
@pytest.mark.parametrize(
    "loss",
    [SoftmaxCrossEntropy(0.1), SoftmaxCrossEntropy(0.1, WEIGHTS), MSE()],
    ids=["ce", "weighted", "mse"],
)
@pytest.mark.parametrize("mixup", [0.0, 0.5])
def test_steps_are_plain_sums_over_micro_batches(
    loss: Loss, clip_norm: float | None, mixup: float
) -> None:
    model, twin = network(), network().train()
    batches = batches_of(90, 70, augment=Augmentation(1, True, 2, mixup=mixup))
    with Workers(1) as workers:
        trainer = Trainer(model, loss, SGD(lr=0.5), seed=SEED, workers=workers, clip_norm=clip_norm)
        for epoch, step in ((0, 0), (0, 1), (1, 0)):
            total, correct, grads = plain_step(twin, loss, batches, epoch, step)
            result, _ = trainer.step(batches, epoch, step)
            flat = np.concatenate([grad.ravel() for grad in grads.values()])
            norm = math.sqrt(float(np.dot(flat, flat)))
            assert result.loss == pytest.approx(total, rel=1e-14)
            assert result.grad_norm == norm
            assert result.correct == correct
            assert result.samples == len(batches.batch_indices(epoch, step))
            factor = 1.0 if clip_norm is None else clip_factor(norm, clip_norm)
            for name, param in twin.named_parameters().items():
                grad = grads[name] * np.float32(factor) if factor < 1 else grads[name]
                param -= np.float32(0.5) * grad
                np.testing.assert_array_equal(model.named_parameters()[name], param)


def test_some_steps_in_a_row_are_single_steps_at_their_own_rates() -> None:
    batches = batches_of(100, 30)
    with Workers(1) as workers:
        one, other = (
            Trainer(network(), MSE(), Adam(0.1), seed=SEED, workers=workers) for _ in range(2)
        )
        one.optimizer.t = other.optimizer.t = 5
        done = one.steps(batches, 0, 0, [0.1, 0.05, 0.01, 0.7])
        assert len(done) == 3  # the fourth batch is smaller
        for step, (result, other.optimizer.lr) in enumerate(
            zip(done, (0.1, 0.05, 0.01), strict=True)
        ):
            assert other.step(batches, 0, step)[0] == result
        assert (one.optimizer.t, one.optimizer.lr) == (8, 0.01)
        assert (other.optimizer.t, other.optimizer.lr) == (8, 0.01)
    assert one.parameters.vector.tobytes() == other.parameters.vector.tobytes()


def test_dead_channels_are_those_of_the_first_micro_batch_where_they_are_asked_for() -> None:
    model, twin = network(), network().train()
    batches = batches_of(70, 70)
    piece = micro_batches(70)[0]
    twin.set_rng(stream(Purpose.DROPOUT, SEED, 0, 0, 0))
    twin.named_parameters()["0.bias"][0] = model.named_parameters()["0.bias"][0] = -100.0
    twin.forward(batches.load(batches.batch_indices(0, 0)[piece])[0])
    with Workers(1) as workers:
        trainer = Trainer(model, MSE(), SGD(0.1), seed=SEED, workers=workers)
        _, snapshot = trainer.step(batches, 0, 0, inspect=True)
        assert snapshot is not None
        assert {layer.name: layer.dead for layer in snapshot.layers if layer.dead is not None} == {
            "1": dead_shares(twin)["1"]
        }
        assert dead_shares(twin)["1"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda loss: math.nan, "the loss is nan"),
        (lambda loss: math.inf, "the loss is inf"),
        (None, "the gradient is not finite"),
    ],
)
def test_a_step_that_diverges_changes_nothing(spoil: Any, words: str) -> None:
    class Spoilt(MSE):
        def forward(self, pred: np.ndarray, target: np.ndarray) -> float:
            value = super().forward(pred, target)
            return spoil(value) if spoil and len(pred) == 24 else value

        def backward(self) -> np.ndarray:
            return super().backward() * np.float32(1.0 if spoil else np.inf)

    model = build(["BatchNorm2D", *SPECS], (1, 6, 6)).initialise(np.random.default_rng(0))
    with Workers(1) as workers:
        trainer = Trainer(model, Spoilt(), Adam(0.1), seed=SEED, workers=workers)
        before = {name: array.copy() for name, array in model.state_dict().items()}
        with pytest.raises(Diverged, match=words) as caught:
            trainer.step(batches_of(70, 70), 2, 0)
        assert (caught.value.epoch, caught.value.step, caught.value.lr) == (2, 0, 0.1)
        assert (trainer.optimizer.t, trainer.optimizer.lr) == (0, 0.1)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("signs", [(1.0, 1.0), (np.inf, -np.inf)], ids=["too large", "opposite"])
def test_gradients_that_cannot_be_added_up_give_no_warning(signs: tuple[float, float]) -> None:
    class Steep(MSE):
        def backward(self) -> np.ndarray:
            gradient = np.zeros_like(super().backward())
            sign = signs[len(gradient) == 21]  # the second of 20 and 21
            gradient[:2] = sign if math.isinf(sign) else 3.3e38  # about half of it, twice
            return gradient

    model = build(["Flatten", DENSE], (1, 6, 6))
    model.initialise(np.random.default_rng(0))
    with Workers(1) as workers:
        trainer = Trainer(model, Steep(), SGD(0.1), seed=SEED, workers=workers)
        with pytest.raises(Diverged, match="the gradient is not finite"):
            trainer.step(batches_of(41, 41), 0, 0)


def test_processes_take_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = ["BatchNorm2D", *SPECS]
    monkeypatch.setattr("engine.train.worker_program.DOT_LENGTH", 16)  # both have some parameters
    monkeypatch.setattr("engine.optim.clipping.DOT_LENGTH", 16)
    states = []
    for worth, count in ((10**12, 1), (0, 2)):
        monkeypatch.setattr("engine.train.evaluator.WORTH_PROCESSES", worth)
        model = build(specs, (1, 6, 6)).initialise(np.random.default_rng(0))
        with Workers(count) as workers:
            trainer = Trainer(model, MSE(), Adam(0.01), seed=SEED, workers=workers, clip_norm=0.1)
            results = trainer.steps(batches_of(200, 100), 0, 0, [0.01, 0.02])
            assert len(results) == 2
        arrays = b"".join(array.tobytes() for array in model.state_dict().values())
        states.append((results, arrays))
    assert states[0] == states[1]


def test_micro_batches_can_be_stopped() -> None:
    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    with Workers(1) as workers:
        trainer = Trainer(network(), MSE(), SGD(0.1), seed=SEED, workers=workers)
        before = trainer.parameters.vector.copy()
        with pytest.raises(Stop):
            trainer.step(batches_of(70, 70), 0, 0, check=stop)
        with pytest.raises(Stop):
            trainer.evaluate(batches_of(70, 70, shuffle=False), check=stop)
        np.testing.assert_array_equal(trainer.parameters.vector, before)


def test_nothing_is_kept_of_a_batch_that_is_through() -> None:
    twins: list[Layer] = []

    class Watched(Tanh):
        def replica(self) -> Any:
            twins.append(super().replica())
            return twins[-1]

    model = Sequential([*build(["Flatten"], (1, 6, 6)), Watched(), *build([DENSE], (36,))])
    model.initialise(np.random.default_rng(0))
    with Workers(1) as workers:
        trainer = Trainer(model, MSE(), SGD(0.1), seed=SEED, workers=workers)
        trainer.step(batches_of(40, 40), 0, 0)
        assert [twin.saved for twin in twins] == [None, None]
        trainer.evaluate(batches_of(40, 40, shuffle=False))
        assert [twin.saved for twin in twins] == [None, None]


@pytest.mark.parametrize(
    "loss",
    [SoftmaxCrossEntropy(0.1), SoftmaxCrossEntropy(0.1, WEIGHTS), MSE()],
    ids=["ce", "weighted", "mse"],
)
def test_an_evaluation_is_a_plain_mean_without_weights(loss: Loss) -> None:
    model = network()
    batches = batches_of(90, 40, shuffle=False, augment=Augmentation(1, True, 2))
    with Workers(1) as workers:
        trainer = Trainer(model, loss, SGD(lr=0.5), seed=SEED, workers=workers)
        told: list[tuple[int, int]] = []
        found = trainer.evaluate(batches, lambda done, of: told.append((done, of)))
    x, labels = batches.load(np.arange(90))
    logits = np.concatenate([model.eval().forward(x[[i]]) for i in range(90)])
    each = [
        loss.unweighted().forward(logits[[i]].astype(float), target_of(loss, labels[[i]]))
        for i in range(90)
    ]
    assert told == [(40, 90), (80, 90), (90, 90)]
    assert found.loss == pytest.approx(math.fsum(each) / 90, rel=1e-6)
    assert found.acc == metrics.accuracy(logits, labels)
    assert type(found.acc) is type(found.loss) is float
    np.testing.assert_array_equal(found.predictions, logits.argmax(axis=1))
    np.testing.assert_array_equal(found.labels, labels)
    assert found.top5 == 1.0


@pytest.mark.parametrize(("numbers", "rows"), [(1, 1), (11, 2), (10**6, 90)])
def test_every_sample_has_a_loss_and_a_confidence_found_for_a_few_at_a_time(
    numbers: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Together, no more than so many logits are looked at: this is what limits the memory."""
    sizes: list[int] = []
    confidence = metrics.confidence

    def watched(logits: np.ndarray) -> np.ndarray:
        sizes.append(len(logits))
        return confidence(logits)

    monkeypatch.setattr("engine.train.evaluator._BLOCK", numbers)
    monkeypatch.setattr(metrics, "confidence", watched)
    model, loss = network(), SoftmaxCrossEntropy(0.1, WEIGHTS)
    batches = batches_of(90, 40, shuffle=False)
    with Workers(1) as workers:
        trainer = Trainer(model, loss, SGD(lr=0.5), seed=SEED, workers=workers)
        found = trainer.evaluate(batches)
    x, labels = batches.load(np.arange(90))
    logits = model.eval().forward(x)
    each = [loss.unweighted().forward(logits[[i]], labels[[i]]) for i in range(90)]
    np.testing.assert_allclose(found.losses, each, rtol=1e-5)
    np.testing.assert_allclose(found.confidences, confidence(logits), rtol=1e-5)
    assert sizes == [rows] * (90 // rows)


def test_the_five_best_of_six_classes_count() -> None:
    model = build(["Flatten", {"Dense": {"out_features": 6}}], (1, 6, 6))
    model.initialise(np.random.default_rng(0))
    batches = batches_of(60, 60, shuffle=False)
    with Workers(1) as workers:
        trainer = Trainer(model, MSE(), SGD(lr=0.5), seed=SEED, workers=workers)
        found = trainer.evaluate(batches)
    x, labels = batches.load(np.arange(60))
    best = np.argsort(-model.eval().forward(x), axis=1, kind="stable")[:, :5]
    expected = sum(label in row for label, row in zip(labels, best, strict=True)) / 60
    assert found.top5 == expected < 1


def test_the_accuracy_of_views_is_that_of_their_mean_scores() -> None:
    model = network()
    views = {View(): 0.5, View(1): 0.3, View(-1, mirrored=True): 0.2}
    batches = [(batches_of(90, 40, shuffle=False, view=v), share) for v, share in views.items()]
    told: list[tuple[int, int]] = []
    with Workers(1) as workers:
        trainer = Trainer(model, MSE(), SGD(lr=0.5), seed=SEED, workers=workers)
        found = trainer.views_accuracy(batches, lambda done, of: told.append((done, of)))
    logits: Any = 0
    for one, share in batches:
        x, labels = one.load(np.arange(90))
        logits = logits + share * model.eval().forward(x)
    assert found == metrics.accuracy(logits, labels)
    assert told == [(done, 9) for done in range(1, 10)]
    assert type(found) is float


def test_a_view_that_is_surer_than_the_others_decides_without_anybody_being_told() -> None:
    model = network()
    views = [(View(), 1.0), (View(1), 1e-6)]
    batches = [(batches_of(90, 40, shuffle=False, view=view), share) for view, share in views]
    with Workers(1) as workers:
        trainer = Trainer(model, MSE(), SGD(lr=0.5), seed=SEED, workers=workers)
        found = trainer.views_accuracy(batches)
    x, labels = batches[0][0].load(np.arange(90))
    other, _ = batches[1][0].load(np.arange(90))
    assert found == metrics.accuracy(model.eval().forward(x), labels)
    assert found != metrics.accuracy(model.eval().forward(other), labels)


def test_slow_weights_follow_after_every_step_with_the_buffers() -> None:
    specs: list[Any] = [SPECS[0], "BatchNorm2D", "Flatten", DENSE]
    model = build(specs, (1, 6, 6)).initialise(np.random.default_rng(0))
    slow = Lookahead(every=1, decay=0.5, steps=2)
    batches = batches_of(64, 32)
    with Workers(1) as workers:
        trainer = Trainer(model, MSE(), SGD(lr=0.5), seed=SEED, workers=workers, slow=slow)
        before = slow.vector.copy(), [buffer.copy() for buffer in slow.buffers]
        for step in range(2):
            trainer.step(batches, 0, step)
        assert (slow.vector != before[0]).all()
        np.testing.assert_array_equal(trainer.parameters.vector, slow.vector)
        for buffer, old in zip(slow.buffers, before[1], strict=True):
            assert (buffer != old).all()
        for name, buffer in zip(model.named_buffers(), slow.buffers, strict=True):
            np.testing.assert_array_equal(model.named_buffers()[name], buffer)
