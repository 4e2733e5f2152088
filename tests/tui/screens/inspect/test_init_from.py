"""Networks with ``train.init_from`` are looked at with the weights that they begin with."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.services.export import write_network
from engine.train.weights import load_model
from tests.support.app_pilot import Until, tap, training
from tests.support.run_makers import CONV, make_run
from tests.tui.screens.evaluate.test_draw import paper
from tests.tui.screens.evaluate.test_screen import opened as evaluate_opened
from tests.tui.screens.inspect.test_screen import line, opened
from tui.app import CnnApp
from tui.state.selection import of_run

MakeApp = Callable[..., CnnApp]


def tuned(home: Path, source: Path, *, more: str = "") -> str:
    """The name of a config that begins with the weights of a file, and hardly changes them."""
    text = CONV.replace("seed: 1", "seed: 2").replace("lr: 0.05", f"init_from: {source}, lr: 1e-30")
    (home / "configs" / "tuned.yaml").write_text(text.replace("epochs: 3", f"epochs: 3{more}"))
    return "tuned"


def exported(home: Path) -> Path:
    """What an export as npz wrote of a run of another seed."""
    run = make_run(home / "elsewhere")
    write_network(of_run(run).config, run, "npz", home / "net.npz")
    return home / "net.npz"


def weights_of(layers: Any) -> dict[str, np.ndarray]:
    return {f"{layer.name}.{key}": a for layer in layers for key, a in layer.weights.items()}


def of_file(home: Path, source: Path) -> dict[str, np.ndarray]:
    return load_model(of_run(next((home / "elsewhere").iterdir())).config, source).state_dict()


def same(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> bool:
    return found.keys() == expected.keys() and all(
        np.allclose(found[name], expected[name], atol=1e-7) for name in expected
    )


async def test_inspect_shows_the_weights_that_a_training_would_begin_with(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    source = exported(home)
    app = make_app(tuned(home, source))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot, until)
        assert "begins with net.npz" in line(screen)
        snapshot = screen.inspector._snapshot
        assert snapshot is not None
        assert same(weights_of(snapshot.layers), of_file(home, source))


async def test_inspect_says_that_the_weights_cannot_be_had_and_shows_fresh_ones(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    source = exported(home)
    app = make_app(tuned(home, home / "gone.npz"))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot, until)
        assert "fresh weights: gone.npz: no such file" in line(screen)
        snapshot = screen.inspector._snapshot
        assert snapshot is not None
        assert not same(weights_of(snapshot.layers), of_file(home, source))


async def test_a_config_is_drawn_for_with_the_weights_that_it_begins_with(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    source = exported(home)
    app = make_app(tuned(home, source))
    async with app.run_test(size=(80, 24)) as pilot:
        await evaluate_opened(app, pilot, until)
        draw = await paper(app, pilot, until)
        network = draw._network
        assert network is not None
        assert network.what == "begins with net.npz"
        assert same(network._networks[0].model.state_dict(), of_file(home, source))


@pytest.mark.proof
async def test_a_training_is_drawn_for_and_compared_with_what_it_began_with(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    source = exported(home)
    expected = of_file(home, source)
    app = make_app(tuned(home, source, more="00"))
    async with training(app, until) as pilot:
        source.unlink()  # the run keeps what it began with
        await evaluate_opened(app, pilot, until)
        draw = await paper(app, pilot, until)
        network = draw._network
        assert network is not None
        await until(pilot, lambda: "live" in network.what)
        assert same(network._networks[0].model.state_dict(), expected)
        await tap(pilot, "escape")
        app.training.stop()
        await until(pilot, lambda: not app.training.running)
        screen = await opened(app, pilot, until)
        context = screen.inspector.context
        assert context is not None
        assert context.start is not None
        assert same(weights_of(context.start.values()), expected)


async def test_a_drawing_is_answered_when_the_file_of_the_run_is_gone(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    config = CONV.replace("lr: 0.05", f"init_from: {home / 'gone.npz'}, lr: 0.05")
    run = make_run(home / "runs", config=config)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.choice.chosen = of_run(run)
        await evaluate_opened(app, pilot, until)
        draw = await paper(app, pilot, until)
        network = draw._network
        assert network is not None
        own = load_model(of_run(run).config, run)
        assert same(network._networks[0].model.state_dict(), own.state_dict())
