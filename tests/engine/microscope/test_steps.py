"""The next step of a training, taken apart: it is the step that the training takes."""

from pathlib import Path

import pytest

from engine.microscope.steps import Steps
from engine.parallel.workers import Workers
from engine.train import factory
from engine.train.trainer import Trainer
from tests.support.small_runs import PLAIN, RICH, make_config


@pytest.mark.parametrize(
    ("text", "overrides", "rows"),
    [
        (PLAIN, (), 4),
        (PLAIN, ("train.clip_norm=0.1", "train.weight_decay=0.01"), 5),
        (RICH.replace("  - Dropout: {p: 0.3}\n", ""), ("train.epochs=2", "train.micro_batch=5"), 3),
        (
            PLAIN,
            (
                "train.groups=[{match: '*.weight', lr_scale: 3}, {match: 0.bias, epochs: 0}]",
                "train.weight_decay=0.01",
            ),
            1,
        ),
        (PLAIN, ("data.augment.mixup=1.0", "train.micro_batch=9", "train.loss=mse"), 4),
        (PLAIN, ("train.optimizer=muon", "train.nesterov=true", "train.clip_norm=0.1"), 5),
        (PLAIN, ("train.freeze=[0]", "train.clip_norm=0.1", "train.weight_decay=0.01"), 2),
    ],
    ids=[
        "momentum",
        "clipped, with weight decay",
        "augmented, with batch norm",
        "groups",
        "mixed images",
        "muon",
        "frozen, clipped",
    ],
)
def test_the_weights_become_what_the_training_makes_of_them(
    tmp_path: Path, text: str, overrides: tuple[str, ...], rows: int
) -> None:
    config = make_config(tmp_path, text, *overrides)
    dataset = factory.load_dataset(config)
    sources = factory.make_sources(config, dataset)
    model = factory.make_model(config)
    steps = Steps(config, dataset)
    with Workers(1) as workers:
        trainer = Trainer(
            model, factory.make_loss(config, sources.class_counts),
            factory.make_optimizer(config), seed=config.seed, workers=workers,
            clip_norm=config.train.clip_norm,
        )  # fmt: skip
        state = None
        for batch in range(3):
            step = steps.next(model, state)
            assert (step.epoch, step.batch) == (0, batch)
            found = {
                (name, key, index): step.weight(name, key, index)
                for name, layer in model.named_layers()
                for key, array in layer.params.items()
                for index in [tuple(n // 2 for n in array.shape)]
            }
            trainer.optimizer.lr = step.optimizer.lr
            trainer.step(sources.train, 0, batch)
            state = trainer.optimizer_state()
            for (name, key, index), weight in found.items():
                gradient = weight.gradient.arithmetic
                if abs(gradient.network) < 1e-6:
                    continue  # nothing but rounding, which Adam makes as large as any other
                after = float(model.named_parameters()[f"{name}.{key}"][index])
                change = abs(after - weight.before)
                assert weight.after == pytest.approx(after, abs=1e-3 * change + 1e-7), (name, key)
                assert gradient.difference < 1e-3
                assert len(weight.steps) >= rows
