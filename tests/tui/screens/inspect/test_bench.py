"""The workbench's screens: a batch layer by layer, faults, and the way back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.support.app_pilot import Until, on_screen, seen, settled, tap, training, write_slow
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import CONV, make_run
from tui.app import CnnApp
from tui.screens.inspect.bench import break_screen
from tui.screens.inspect.bench.break_screen import BreakScreen, FaultTable
from tui.screens.inspect.bench.screen import BenchScreen, PassMaps, PassTable
from tui.screens.inspect.screen import InspectScreen

MakeApp = Callable[..., CnnApp]
SIZES = [(60, 16), (80, 24)]


@pytest.fixture
def app(make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch) -> CnnApp:
    (home / "configs" / "conv.yaml").write_text(CONV)
    monkeypatch.setattr(break_screen, "STEPS", 6)
    return make_app("conv")


async def bench_of(pilot: Pilot, until: Until) -> BenchScreen:
    await tap(pilot, "3")
    screen = await on_screen(pilot, InspectScreen)
    await until(pilot, lambda: screen.refuse("bench") is None)
    await tap(pilot, "b")
    bench = await on_screen(pilot, BenchScreen)
    await until(pilot, lambda: bench.found is not None and bench.job is None)
    await settled(pilot, until)
    return bench


@pytest.mark.parametrize("size", rest_as_proofs(SIZES), ids=str)
async def test_a_batch_passes_layer_by_layer_and_an_update_is_undone(
    app: CnnApp, until: Until, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        bench = await bench_of(pilot, until)
        table = bench.query_one(PassTable)
        assert table.keys == ["↓ 0"]
        await tap(pilot, "space", "enter")
        assert table.keys == ["↓ 0", "↓ 1", "↓ 2"]
        assert table.key == "↓ 2"
        assert len(bench.query_one(PassMaps).pictures) > 1
        await tap(pilot, "a")
        assert table.key == "↑ 0"
        await until(pilot, lambda: "gradient" in seen(app))
        assert bench.refuse("next") == "the batch is through; s changes the weights by it"
        await tap(pilot, "s")
        await settled(pilot, until)
        await until(pilot, lambda: "batch 2" in seen(app))
        await tap(pilot, "u")
        await settled(pilot, until)
        await until(pilot, lambda: "the same as before" in seen(app))
        await until(pilot, lambda: "batch 1" in seen(app))
        await tap(pilot, "escape")
        await on_screen(pilot, InspectScreen)


@pytest.mark.parametrize("size", rest_as_proofs(SIZES), ids=str)
async def test_a_fault_shows_two_curves_and_a_verdict_and_is_undone(
    app: CnnApp, until: Until, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        bench = await bench_of(pilot, until)
        await tap(pilot, "b")
        screen = await on_screen(pilot, BreakScreen)
        assert screen.refuse("undo") == "nothing is broken; enter breaks it"
        for fault, verdict in (("sign", "notices it"), ("labels", "does not notice it")):
            screen.query_one(FaultTable).move_to(fault)
            await tap(pilot, "enter")
            await settled(pilot, until)
            await until(pilot, lambda verdict=verdict: verdict in seen(app))
            await until(pilot, lambda: "x broken" in seen(app))
        await tap(pilot, "u")
        await settled(pilot, until)
        await until(pilot, lambda: "the same as before" in seen(app))
        screen.query_one(FaultTable).move_to("rate")
        await tap(pilot, "b")
        await settled(pilot, until)
        await tap(pilot, "escape")
        await on_screen(pilot, BenchScreen)
        assert bench.found is not None
        assert bench.found.bench.hash() == bench.found.hash


async def test_the_gradients_of_a_copy_that_a_fault_makes_diverge_are_checked_too(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    wild = CONV.replace("lr: 0.05", "lr: 1000.0, optimizer: sgd")
    (home / "configs" / "wild.yaml").write_text(wild)
    app = make_app("wild")
    async with app.run_test(size=(80, 24)) as pilot:
        await bench_of(pilot, until)
        await tap(pilot, "b", "b")
        await on_screen(pilot, BreakScreen)
        await settled(pilot, until)
        await until(pilot, lambda: "notices it (FAILED, worst error" in seen(app))


async def test_a_copy_is_broken_from_inspect_in_one_key(app: CnnApp, until: Until) -> None:
    async with app.run_test() as pilot:
        await tap(pilot, "3")
        screen = await on_screen(pilot, InspectScreen)
        await until(pilot, lambda: screen.refuse("bench") is None)
        await tap(pilot, "B")
        await on_screen(pilot, BreakScreen)
        await tap(pilot, "escape")
        await on_screen(pilot, BenchScreen)


async def test_a_fault_that_does_not_fit_says_why(app: CnnApp, until: Until) -> None:
    async with app.run_test() as pilot:
        await bench_of(pilot, until)
        await tap(pilot, "b")
        screen = await on_screen(pilot, BreakScreen)
        screen.query_one(FaultTable).move_to("norm")
        await tap(pilot, "enter")
        await settled(pilot, until)
        await until(pilot, lambda: "needs a batch norm" in seen(app))


async def test_a_run_has_its_own_weights_on_the_bench(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    run = make_run(home / "runs")
    files = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    app = make_app()
    async with app.run_test() as pilot:
        bench = await bench_of(pilot, until)
        assert bench.found is not None
        own = bench.found.bench.model.state_dict()
        inspector = app.screen_stack[-2].inspector  # type: ignore[attr-defined]
        for name, layer in inspector.inspection.layers.items():
            for key, array in layer.weights.items():
                assert (own[f"{name}.{key}"] == array).all()
        await tap(pilot, "s")
        await settled(pilot, until)
    assert files == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.mark.proof
async def test_a_live_training_goes_on_untouched_by_the_bench(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    write_slow(home)
    app = make_app("slow")
    async with training(app, until) as pilot:
        await tap(pilot, "3")
        screen = await on_screen(pilot, InspectScreen)
        await until(pilot, lambda: (found := screen.inspector.inspection) and found.step)
        await tap(pilot, "b")
        bench = await on_screen(pilot, BenchScreen)
        await until(pilot, lambda: bench.found is not None and bench.job is None)
        assert bench.found is not None
        assert bench.found.bench.done > 0
        optimizer = bench.found.bench._optimizer
        assert optimizer.t == bench.found.bench.done
        assert all(array.any() for slot in optimizer.slots.values() for array in slot.values())
        session = app.training.session
        assert session is not None
        before = session.progress.global_step
        await tap(pilot, "s")
        await until(pilot, lambda: bench.job is None)
        assert bench.good is None
        assert "loss" in bench.words
        await until(pilot, lambda: session.progress.global_step > before)
