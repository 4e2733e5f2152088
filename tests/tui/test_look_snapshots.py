"""Pictures of the screens from Inspect to Sweeps, from numbers that are the same everywhere."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot

from engine.gradcheck import Measured, Report
from engine.inspection.health import examine
from engine.train.snapshot import LayerSnapshot, Snapshot
from tests.support.app_pilot import on_screen, until
from tests.support.made_up_sweeps import make_sweep
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import CONV, make_run
from tests.tui.screens.evaluate.test_screen import measurement
from tests.tui.screens.gradients.test_screen import row
from tui.app import CnnApp
from tui.screens.evaluate import screen
from tui.screens.evaluate.draw.canvas import DrawingCanvas
from tui.screens.evaluate.draw.screen import DrawScreen, Predictions
from tui.screens.evaluate.screen import EvaluateScreen
from tui.screens.gradients.screen import GradientsScreen
from tui.screens.inspect.screen import InspectScreen
from tui.screens.runs.screen import RunsScreen
from tui.screens.sweeps.screen import SweepsScreen
from tui.state.network_inspector import Inspection
from tui.state.selection import of_run

SIZES = pytest.mark.parametrize(
    "size", rest_as_proofs([(80, 24), (120, 40)]), ids=["80x24", "120x40"]
)
MakeApp = Callable[..., CnnApp]
Compare = Callable[..., bool]
Prepare = Callable[[Pilot], Awaitable[None]]


async def settle(pilot: Pilot, condition: Callable[[], object]) -> None:
    await until(pilot, lambda: condition() and not pilot.app.jobs)  # type: ignore[attr-defined]
    await pilot.pause()


@SIZES
def test_inspect(
    snap_compare: Compare, make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
) -> None:  # fmt: skip
    monkeypatch.setenv("CNN_TUI_DATA", str(home / "nothing here"))
    (home / "configs" / "lenet.yaml").write_text(CONV.replace("mnist_mini", "mnist"))

    async def prepare(pilot: Pilot) -> None:
        await pilot.press("3")
        screen = await on_screen(pilot, InspectScreen)
        inspector = screen.inspector
        await settle(pilot, lambda: inspector.inspection)
        assert inspector.inspection is not None
        chance = np.random.default_rng(0)
        layers = tuple(
            _as_if_trained(layer, chance) for layer in inspector.inspection.layers.values()
        )
        facts = examine(Snapshot(layers))
        made = Inspection(facts, {layer.name: layer for layer in layers}, None, 0, None)
        drawn = False
        while not drawn:  # the inspector may measure once more, and put its own in place
            inspector.inspection = made
            inspector.version += 1
            screen.refresh_tick()
            await settle(pilot, lambda: True)
            drawn = inspector.inspection is made

    assert snap_compare(make_app("lenet"), terminal_size=size, run_before=prepare)


def _as_if_trained(layer: LayerSnapshot, chance: np.random.Generator) -> LayerSnapshot:
    """Gradients, updates and dead ReLUs that show several words of health."""
    weight = layer.weights.get("weight")
    if weight is None:
        dead = {"1": 0.0, "4": 0.5}.get(layer.name)
        return LayerSnapshot(layer.name, layer.layer, layer.weights, {}, {}, dead)
    grads = {"weight": chance.standard_normal(weight.shape) * 0.01}
    ratio = {"0": 1.2e-3, "3": 3e-2}.get(layer.name, 4e-6)
    return LayerSnapshot(layer.name, layer.layer, layer.weights, grads, {"weight": ratio}, None)


@SIZES
def test_gradients(snap_compare: Compare, make_app: MakeApp, size: tuple[int, int]) -> None:
    async def prepare(pilot: Pilot) -> None:
        await pilot.press("4")
        screen = await on_screen(pilot, GradientsScreen)
        selection = screen.cnn.choice.current
        assert selection is not None
        bad = tuple(
            Measured((0, 0, 1, i), -0.25 + i / 10, 0.25, 1.0 - i / 4, kink=i == 3) for i in range(4)
        )
        rows = (
            row(layer="loss", kind="SoftmaxCrossEntropy", tensor="input", shape=(4, 10)),
            row(layer="0", tensor="weight"),
            row(layer="0", tensor="bias", shape=(4,), error=0.0, verdict="zero", index=(2,)),
            row(verdict="FAILED", error=1.0, numeric=0.25, measured=bad),
        )
        screen._checked, screen._rows = (selection, "exact"), list(rows)
        screen.report = Report(rows, (), 1e-6, 1e-6)
        screen.refresh_tick()
        screen.query_one("#tensors").move_to("3.weight")  # type: ignore[attr-defined]
        await settle(pilot, lambda: True)

    assert snap_compare(make_app(), terminal_size=size, run_before=prepare)


@SIZES
def test_runs(snap_compare: Compare, make_app: MakeApp, home: Path, size: tuple[int, int]) -> None:
    root = home / "runs"
    make_run(root, "20260101-100000-lenet-00aa", accuracies=(0.6, 0.8, 0.875, 0.9))
    make_run(root, "20260102-100000-vgg-00bb", status="diverged", accuracies=(0.7, 0.5),
             reason="diverged in epoch 3, batch 2")  # fmt: skip
    make_run(root, "20260103-100000-lenet-00cc", accuracies=(0.5, 0.75, 0.95, 0.96))
    (root / "20260104-100000-gone-00dd").mkdir()

    async def prepare(pilot: Pilot) -> None:
        await pilot.press("5")
        screen = await on_screen(pilot, RunsScreen)
        await settle(pilot, lambda: screen.store.runs)
        for _ in range(3):
            await pilot.press("down", "space")
            await settle(pilot, lambda: True)
        await pilot.press("up", "up")
        await settle(pilot, lambda: len(screen.store.details) == 4)

    assert snap_compare(make_app(), terminal_size=size, run_before=prepare)


@SIZES
def test_evaluate(
    snap_compare: Compare, make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
) -> None:  # fmt: skip
    names = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
             "Bag", "Ankle boot")  # fmt: skip
    monkeypatch.setattr(screen, "measure", lambda *args, **more: measurement(names))
    run = make_run(home / "runs", "20260101-100000-fashion-00aa")

    async def prepare(pilot: Pilot) -> None:
        assert isinstance(pilot.app, CnnApp)
        pilot.app.choice.chosen = of_run(run)
        await pilot.press("6")
        screen = await on_screen(pilot, EvaluateScreen)
        await settle(pilot, lambda: screen.ready)
        await pilot.press("e")
        await settle(pilot, lambda: screen.found and screen.focused)

    assert snap_compare(make_app(), terminal_size=size, run_before=prepare)


@SIZES
def test_draw(snap_compare: Compare, make_app: MakeApp, home: Path, size: tuple[int, int]) -> None:
    run = make_run(home / "runs")

    async def prepare(pilot: Pilot) -> None:
        app = pilot.app
        assert isinstance(app, CnnApp)
        app.choice.chosen = of_run(run)
        await pilot.press("6")
        await settle(pilot, lambda: isinstance(app.screen, EvaluateScreen))
        await settle(pilot, lambda: getattr(app.screen, "ready", False) and not app.jobs)
        await pilot.press("d")
        await settle(pilot, lambda: isinstance(app.screen, DrawScreen))
        pad = app.screen.query_one(DrawingCanvas)
        for start, end in (((5, 7), (5, 20)), ((5, 20), (23, 11))):
            pad.drawing.stroke(start, end)
        await pilot.press("space")
        await settle(pilot, lambda: not app.jobs)
        await settle(pilot, lambda: "%" in str(app.screen.query_one(Predictions).render()))

    assert snap_compare(make_app(), terminal_size=size, run_before=prepare)


@SIZES
def test_sweeps(
    snap_compare: Compare, make_app: MakeApp, home: Path, size: tuple[int, int]
) -> None:
    make_sweep(
        home / "sweeps",
        grid=("train.lr=0.1,0.03,0.01", "train.optimizer=adam,sgd", "seed=1..2"),
        accuracies={i: (0.4 + i / 40, 0.9 - (i - 7) ** 2 / 80) for i in range(1, 11)},
        statuses={9: "stopped", 10: "diverged"},
    )

    async def prepare(pilot: Pilot) -> None:
        await pilot.press("7")
        screen = await on_screen(pilot, SweepsScreen)
        await settle(pilot, lambda: screen.store.curves)
        await pilot.press("enter", "p", "enter")
        await settle(pilot, lambda: True)

    assert snap_compare(make_app(), terminal_size=size, run_before=prepare)
