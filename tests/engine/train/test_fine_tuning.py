"""Training that begins with the weights of a file, with some layers frozen."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.checkpoints import checkpoint
from engine.config import Config, ConfigProblems, config_hash
from engine.errors import CheckpointError
from engine.layers import Sequential
from engine.parallel.micro_batches import micro_batches
from engine.parallel.workers import Workers
from engine.rng import Purpose, stream
from engine.runs.weight_files import START
from engine.services.configs import network_summary
from engine.services.gradcheck import run_check
from engine.services.verify import verify
from engine.train import factory
from engine.train.trainer import Trainer
from tests.support.small_runs import PLAIN, RICH, Run, Stop, make_config, same_arrays, train

FROZEN = "train.freeze=[0, 1, 2, 3]"
"""All convolutions of ``RICH``, and the batch norms between them."""


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(make_config(tmp_path_factory.mktemp("rich"), RICH, "train.epochs=1"))


def tuned(folder: Path, rich: Run, *more: str) -> Config:
    overrides = [f"train.init_from={rich.path}", "seed=8", "train.weight_decay=0.1", *more]
    return make_config(folder, RICH, "train.epochs=2", *overrides)


def of(model: Sequential | dict[str, np.ndarray], *layers: int) -> dict[str, np.ndarray]:
    state = model if isinstance(model, dict) else model.state_dict()
    return {name: a for name, a in state.items() if int(name.partition(".")[0]) in layers}


def test_a_training_begins_with_the_weights_of_a_run(tmp_path: Path, rich: Run) -> None:
    cut = train(tuned(tmp_path, rich), stop=Stop("start"))
    assert same_arrays(cut.session.model.state_dict(), rich.session.model.state_dict())


def test_frozen_layers_do_not_change_by_a_bit_and_the_others_do(tmp_path: Path, rich: Run) -> None:
    run = train(tuned(tmp_path, rich, FROZEN, "train.clip_norm=0.5"))
    before, after = rich.session.model, run.session.model
    assert same_arrays(of(before, 0, 1, 2, 3), of(after, 0, 1, 2, 3))
    for layer in (6, 7, 9):
        assert not same_arrays(of(before, layer), of(after, layer))


def test_a_frozen_layer_between_others_hands_the_gradient_on(tmp_path: Path, rich: Run) -> None:
    run = train(tuned(tmp_path, rich, "train.freeze=['3.body.0', 6]"))
    before, after = rich.session.model.state_dict(), run.session.model.state_dict()
    same = {name for name in before if np.array_equal(before[name], after[name])}
    assert same == {"3.body.0.weight", "3.body.0.bias", "6.weight", "6.bias"}


def test_any_number_of_workers_gives_the_same_bits(tmp_path: Path, rich: Run) -> None:
    one, three = (
        train(tuned(tmp_path / str(n), rich, FROZEN, f"train.workers={n}", "train.batch_size=160"))
        for n in (1, 3)
    )
    assert one.weights == three.weights
    assert one.history == three.history


def test_what_is_trained_is_as_if_the_frozen_layers_had_prepared_the_images(
    tmp_path: Path, rich: Run
) -> None:
    """The gradient of the layers that learn, and its norm, are those without the shortcut."""
    config = tuned(tmp_path, rich, "train.freeze=[0]")
    model = factory.make_starting_model(config)
    through = factory.make_starting_model(config)
    through.layers[1].needs_dx = False
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 1, 28, 28)).astype(np.float32)
    for each in (model, through):
        each.train().set_rng(np.random.default_rng(1))
        each.backward(np.ones_like(each.forward(x)))
    expected, found = model.named_grads(), through.named_grads()
    assert not found.pop("0.weight").any()
    assert expected.pop("0.weight").any()
    assert same_arrays(expected, found)


def test_a_resumed_run_has_the_same_bits_without_the_file(tmp_path: Path, rich: Run) -> None:
    shutil.copytree(rich.path, tmp_path / "source")
    config = tuned(tmp_path, rich, FROZEN, f"train.init_from={tmp_path / 'source'}")
    whole = train(config)
    cut = train(config, stop=Stop((1, 1)))
    shutil.rmtree(tmp_path / "source")
    resumed = train(factory.config_of(cut.path), resume=cut.path)
    assert not resumed.warnings
    assert resumed.weights == whole.weights


def test_a_run_is_verified_without_the_file(tmp_path: Path, rich: Run) -> None:
    shutil.copytree(rich.path, tmp_path / "source")
    more = [f"train.init_from={tmp_path / 'source'}", "train.init_except=[9]", "train.epochs=1"]
    run = train(tuned(tmp_path, rich, FROZEN, *more))
    shutil.rmtree(tmp_path / "source")
    verdict = verify(run.path)
    assert verdict.verified
    assert [one.what for one in verdict.compared] == ["epoch 1", "finished weights"]
    record = json.loads((run.path / "run.json").read_text())
    assert len(record["provenance"]["start"]) == 64


@pytest.mark.parametrize("damage", ["missing", "other"])
def test_a_run_whose_first_weights_are_lost_is_not_verified(
    tmp_path: Path, rich: Run, damage: str
) -> None:
    run = train(tuned(tmp_path, rich, "train.epochs=1"))
    start = run.path / START
    if damage == "missing":
        start.unlink()
    else:
        shutil.copy(run.path / "weights.npz", start)
    with pytest.raises(CheckpointError, match=START):
        verify(run.path)


def test_a_new_last_layer_is_drawn_afresh(tmp_path: Path, rich: Run) -> None:
    twelve = RICH.replace("out_features: 16", "out_features: 12")
    more = [f"train.init_from={rich.path}", "train.epochs=1"]
    with pytest.raises(CheckpointError) as caught:
        train(make_config(tmp_path, twelve, *more))
    message = str(caught.value)
    assert message.startswith("train.init_from: ")
    assert "6.weight has shape (16, 256), expected (12, 256)" in message
    assert "7.running_var has shape (16,), expected (12,)" in message
    assert "9.weight has shape (10, 16), expected (10, 12)" in message
    assert "\n" not in message
    assert not list((tmp_path / "runs").glob("*"))  # nothing was begun
    config = make_config(tmp_path, twelve, *more, "train.init_except=[6, 7, 9]")
    model = factory.make_starting_model(config)
    assert same_arrays(of(model, 0, 1, 3), of(rich.session.model, 0, 1, 3))
    assert same_arrays(of(model, 6, 7, 9), of(factory.make_model(config), 6, 7, 9))


def test_layers_that_the_file_lacks_can_be_excepted(tmp_path: Path, rich: Run) -> None:
    path = tmp_path / "part.npz"
    arrays = {f"model/{name}": a for name, a in of(rich.session.model, 0, 1, 3, 6, 7).items()}
    checkpoint.save(path, arrays, {"kind": "weights"})
    config = tuned(tmp_path, rich, f"train.init_from={path}", "train.init_except=[9]")
    assert same_arrays(of(factory.make_starting_model(config), 0, 6), of(rich.session.model, 0, 6))
    with pytest.raises(CheckpointError, match=r"9\.weight is missing, of shape \(10, 16\)"):
        factory.make_starting_model(tuned(tmp_path, rich, f"train.init_from={path}"))


def test_numbers_that_are_not_finite_begin_no_run(tmp_path: Path, rich: Run) -> None:
    path = tmp_path / "nan.npz"
    arrays = {f"model/{name}": a.copy() for name, a in rich.session.model.state_dict().items()}
    arrays["model/6.bias"][0] = np.nan
    checkpoint.save(path, arrays, {"allow_non_finite": True})
    with pytest.raises(CheckpointError, match="1 numbers that are not finite"):
        train(tuned(tmp_path, rich, f"train.init_from={path}"))
    assert not list((tmp_path / "runs").glob("*"))


def test_the_gradient_of_a_frozen_network_is_checked(tmp_path: Path, rich: Run) -> None:
    report = run_check(tuned(tmp_path, rich, FROZEN))
    assert report.passed


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "train.freeze=[7]",
            r"train\.freeze\.0: expected a layer of the network, which are 0 to 3",
        ),
        ("train.freeze=['0.body.1']", "expected a layer of the network, which are 0 to 3, got"),
        ("train.freeze=[0, 3]", r"train\.freeze: freezes all layers that learn"),
        ("train.freeze=0", r"train\.freeze: expected a list of layers"),
        ("train.freeze=[-1]", r"train\.freeze\.0: expected a list of layers"),
        ("train.init_except=[3]", "expected an empty list without train.init_from"),
        ("train.init_from=''", r"train\.init_from: expected a path"),
    ],
)
def test_a_config_that_cannot_be_is_refused(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigProblems, match=message):
        make_config(tmp_path, PLAIN, override)


def test_configs_of_earlier_versions_keep_their_hash(tmp_path: Path) -> None:
    plain = config_hash(make_config(tmp_path))
    assert plain != config_hash(make_config(tmp_path, PLAIN, "train.freeze=[0]"))
    assert plain != config_hash(make_config(tmp_path, PLAIN, "train.init_from=x.npz"))
    assert plain == config_hash(make_config(tmp_path, PLAIN, "train.freeze=[]"))


def test_frozen_layers_are_marked_in_the_summary(tmp_path: Path) -> None:
    rows = network_summary(make_config(tmp_path, PLAIN, "train.freeze=[0, 1]")).rows
    assert [row.layer.endswith(", frozen") for row in rows] == [True, False, False, False]


def test_frozen_convolutions_serve_a_new_last_layer_for_other_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train(make_config(tmp_path, PLAIN, "data.limit=1000", "train.epochs=4"))
    more = ["data.limit=1000", "train.freeze=[0]", "train.init_except=[3]", "train.epochs=3"]
    config = make_config(tmp_path, PLAIN, f"train.init_from={first.path}", *more)
    dataset = factory.load_dataset(config)
    relabelled = replace(dataset.train, labels=(dataset.train.labels + 5) % 10)
    monkeypatch.setattr(
        factory, "load_dataset", lambda *_, **__: replace(dataset, train=relabelled)
    )
    run = train(config)
    assert run.session.history[-1]["val_acc"] > 0.6
    assert same_arrays(of(run.session.model, 0), of(first.session.model, 0))


@pytest.mark.torch
def test_fine_tuning_takes_the_steps_of_pytorch(tmp_path: Path, rich: Run) -> None:
    import torch

    from tests.support.torch_twins import twin_of

    text = RICH.replace("Dropout: {p: 0.3}", "Tanh").replace(", optimizer: adam", "")
    layers = "train.init_except=[6, 7, 9]", "train.freeze=['0', 1, '3.body.0', '3.body.1']"
    clip = "train.weight_decay=0.01", "train.momentum=0.9", "train.clip_norm=0.5"
    config = make_config(tmp_path, text, f"train.init_from={rich.path}", *layers, *clip)
    sources = factory.make_sources(config, factory.load_dataset(config))
    model = factory.make_starting_model(config)
    twin = twin_of(model, torch.float32).train()
    frozen = [twin[0], twin[1], *twin[3].body]
    for module in frozen:
        module.eval().requires_grad_(False)
    learning = [p for p in twin.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learning, 0.01, 0.9, weight_decay=0.01)
    with Workers(1) as workers:
        trainer = Trainer(
            model, factory.make_loss(config), factory.make_optimizer(config),
            seed=config.seed, workers=workers, clip_norm=0.5,
        )  # fmt: skip
        for step in range(4):
            result, _ = trainer.step(sources.train, 0, step)
            indices = sources.train.batch_indices(0, step)
            rngs = [stream(Purpose.AUGMENT, config.seed, 0, step, i) for i in range(9)]
            pieces = [
                sources.train.load(indices[piece], rng)
                for piece, rng in zip(micro_batches(len(indices)), rngs, strict=False)
            ]
            x, labels = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(twin(torch.tensor(x)), torch.tensor(labels))
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(learning, 0.5)
            optimizer.step()
            assert result.loss == pytest.approx(loss.item(), rel=1e-4)
            assert result.grad_norm == pytest.approx(norm.item(), rel=1e-3)
    theirs = {name: array.numpy() for name, array in twin.state_dict().items()}
    for name, array in model.state_dict().items():
        np.testing.assert_allclose(array, theirs[name], rtol=1e-3, atol=1e-5, err_msg=name)
