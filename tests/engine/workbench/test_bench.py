"""The workbench: passes of a layer, exact updates, faults and the way back."""

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError, RunError
from engine.parallel.workers import Workers
from engine.train import factory
from engine.train.trainer import Trainer
from engine.workbench import FAULTS, Workbench
from tests.support.small_runs import PLAIN, RICH, make_config

CLEAN = RICH.replace("  - Dropout: {p: 0.3}\n", "")


def make_bench(folder: Path, text: str = PLAIN, *overrides: str) -> Workbench:
    config = make_config(folder, text, *overrides)
    return Workbench(config, factory.load_dataset(config))


@pytest.mark.parametrize("size", ["12", "48"])
@pytest.mark.parametrize("text", [PLAIN, RICH])
def test_an_update_is_bit_by_bit_a_step_of_a_training(tmp_path: Path, text: str, size: str) -> None:
    bench = make_bench(tmp_path, text, f"train.batch_size={size}")
    config = bench.config
    sources = factory.make_sources(config, bench.dataset)
    with Workers(1) as workers:
        trainer = Trainer(
            factory.make_model(config), factory.make_loss(config, sources.class_counts),
            factory.make_optimizer(config), seed=config.seed, workers=workers,
        )  # fmt: skip
        trainer.optimizer.lr = bench.lr
        expected, _ = trainer.step(sources.train, 0, 0)
    list(bench.passes())
    assert bench.update() == expected
    for name, array in trainer.model.state_dict().items():
        assert np.array_equal(array, bench.model.state_dict()[name]), name


def test_passes_go_down_the_layers_and_up_again_and_change_nothing(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, RICH)
    before = bench.hash()
    passes = list(bench.passes())
    names = ["0", "1", "2", "3.body.0", "3.body.1", "3", *map(str, range(4, 10))]
    back = ["9", "8", "7", "6", "5", "4", "3.body.1", "3.body.0", "3", "2", "1", "0"]
    assert [each.name for each in passes] == names + back
    assert [each.direction for each in passes] == ["forward"] * 12 + ["backward"] * 12
    assert passes[0].in_shape == (48, 1, 28, 28)
    assert passes[11].out_shape == (48, 10)
    assert passes[1].sample.shape == passes[1].out_shape[1:]
    assert passes[12].in_shape == (48, 10)
    assert set(passes[12].grads) == {"weight", "bias"}
    relu = passes[2]
    assert relu.low == 0
    assert 0.1 < relu.zeros < 0.9
    assert passes[-1].out_shape == (48, 1, 28, 28)
    assert bench.hash() == before


def test_a_block_adds_its_branches_and_their_gradients(tmp_path: Path) -> None:
    passes = list(make_bench(tmp_path, RICH).passes())
    down = {each.name: each.sample for each in passes[:12]}
    up = {each.name: each.sample for each in passes[12:]}
    np.testing.assert_allclose(down["3"], down["3.body.1"] + down["2"], rtol=1e-6)
    np.testing.assert_allclose(up["3"], up["3.body.0"] + up["4"], rtol=1e-6)


def test_a_bench_takes_over_the_memory_of_an_optimizer(tmp_path: Path) -> None:
    first = make_bench(tmp_path, RICH)
    first.train(2)
    model = factory.make_model(first.config)
    model.load_state_dict(first.model.state_dict())
    state = first._trainer.optimizer_state()
    second = Workbench(first.config, first.dataset, model, 2, state)
    assert second.hash() == first.hash()
    assert second.update() == first.update()
    assert second.hash() == first.hash()


def test_the_gradients_on_the_way_back_are_those_of_the_step(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, PLAIN, "train.batch_size=12", "train.momentum=0.0")
    old = {name: array.copy() for name, array in bench.model.state_dict().items()}
    passes, lr = list(bench.passes()), bench.lr
    bench.update()
    for each in passes[4:]:
        for key, size in each.grads.items():
            name = f"{each.name}.{key}"
            step = (old[name] - bench.model.state_dict()[name]) / lr
            assert np.sqrt(np.mean(step**2)) == pytest.approx(size, rel=1e-3)


def test_undo_of_a_step_restores_weights_buffers_and_optimizer(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, RICH)
    bench.update()
    before = bench.hash()
    bench.update()
    assert bench.hash() != before
    assert bench.undo() == before
    assert bench.done == 1
    bench.undo()
    with pytest.raises(RunError, match="nothing to undo"):
        bench.undo()


@pytest.mark.parametrize("name", FAULTS)
def test_undo_of_a_fault_restores_all_and_the_training_goes_on_as_if_nothing_was(
    tmp_path: Path, name: str
) -> None:
    bench = make_bench(tmp_path, CLEAN)
    bench.update()
    before = bench.hash()
    healthy = bench.train(3)
    assert bench.undo() == before
    bench.apply(FAULTS[name])
    assert bench.train(3) != healthy
    bench.undo()
    assert bench.undo() == before
    assert bench.fault is None
    assert bench.train(3) == healthy


@pytest.mark.parametrize("name", FAULTS)
def test_a_gradient_check_notices_what_the_fault_says(tmp_path: Path, name: str) -> None:
    bench = make_bench(tmp_path, CLEAN)
    assert bench.check_gradients().passed
    bench.apply(FAULTS[name])
    assert (bench.check_gradients().outcome == "FAILED") == FAULTS[name].noticed


@pytest.mark.parametrize("name", ["sign", "rate", "zeros", "labels"])
def test_the_loss_of_a_broken_training_ends_above_that_of_the_healthy_one(
    tmp_path: Path, name: str
) -> None:
    bench = make_bench(tmp_path)
    healthy = bench.train(16)
    bench.undo()
    bench.apply(FAULTS[name])
    broken = bench.train(16)
    assert not broken[-1] < healthy[-1] + 0.2


def test_the_gradients_of_a_pass_are_those_of_the_step_for_mixed_images_too(tmp_path: Path) -> None:
    """A batch of one micro-batch draws the same; the fault gives mixed images other classes."""
    mixed = ("data.augment.mixup=1.0", "train.batch_size=12", "train.momentum=0")
    bench, before = make_bench(tmp_path, PLAIN, *mixed), None
    for fault in (None, "labels"):
        if fault is not None:
            bench.apply(FAULTS[fault])
        (last,) = (each for each in bench.passes() if each.name == "3" and each.grads)
        weight = bench.model.state_dict()["3.weight"].copy()
        bench.update()
        step = (weight - bench.model.state_dict()["3.weight"]) / 0.02
        found = float(np.sqrt(np.mean(np.square(step, dtype=np.float64))))
        assert last.grads["weight"] == pytest.approx(found, rel=1e-3)
        assert before is None or last.grads["weight"] != pytest.approx(before, rel=1e-3)
        before = last.grads["weight"]
        bench.undo()


def test_behind_the_last_epoch_the_learning_rate_stays(tmp_path: Path) -> None:
    config = make_config(tmp_path, PLAIN, "train.scheduler.name=one_cycle", "train.epochs=2")
    bench = Workbench(config, factory.load_dataset(config), done=7)
    last = bench.lr
    losses = bench.train(3)
    assert len(losses) == 3
    assert bench.lr == last


def test_a_training_that_is_stopped_changes_nothing(tmp_path: Path) -> None:
    bench = make_bench(tmp_path)
    before, calls = bench.hash(), iter([None, None])
    with pytest.raises(StopIteration):
        bench.train(5, lambda: next(calls))
    assert bench.hash() == before
    assert not bench.can_undo


def test_a_fault_leaves_the_memory_of_the_optimizer_as_it_is(tmp_path: Path) -> None:
    bench = make_bench(tmp_path)
    bench.update()
    before = bench.hash()
    bench.apply(FAULTS["sign"])
    assert bench.hash() == before


def test_a_fault_that_does_not_fit_says_so_and_changes_nothing(tmp_path: Path) -> None:
    bench = make_bench(tmp_path)
    before = bench.hash()
    with pytest.raises(ConfigError, match="needs a batch norm"):
        bench.apply(FAULTS["norm"])
    assert bench.hash() == before
    assert bench.fault is None
    assert not bench.can_undo
