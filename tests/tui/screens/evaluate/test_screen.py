"""Evaluate: the test set, class by class, and the images that were mistaken."""

import threading
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.content import Content
from textual.pilot import Pilot

from engine.data import Split
from engine.errors import CheckpointError
from engine.metrics import confusion_matrix, per_class
from engine.services.evaluation.evaluate import Measurement, worst_mistakes
from engine.train.results import Evaluation
from tests.support.app_pilot import Until, on_screen, seen, settled, tap
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import make_run
from tui.app import CnnApp
from tui.screens.evaluate import screen as module
from tui.screens.evaluate.cell_images import CellImages, CellPane
from tui.screens.evaluate.heatmap import Heatmap
from tui.screens.evaluate.scores import ClassTable, MistakeTable
from tui.screens.evaluate.screen import EvaluateScreen
from tui.screens.help import HelpScreen
from tui.screens.inspect.gallery import Sample
from tui.screens.inspect.screen import InspectScreen
from tui.state.selection import Selection, of_run
from tui.widgets.line import Line

MakeApp = Callable[..., CnnApp]


def save_newer(app: CnnApp, monkeypatch: pytest.MonkeyPatch) -> list[Selection]:
    """An app whose training saves newer weights of every network that is put into the list."""
    outdated: list[Selection] = []

    def newer(network: Selection) -> Selection | None:
        return replace(network, what="best weights, epoch 9") if network in outdated else None

    monkeypatch.setattr(app.choice, "newer", newer)
    return outdated


def measurement(
    classes: tuple[str, ...] = ("cat", "dog", "owl"), *, colour: bool = False, nans: int = 0
) -> Measurement:
    """90 images: of 30 cats 20 are found, of 30 dogs 25, and every owl."""
    c = len(classes)
    labels = np.repeat(np.arange(c), 30)
    predictions = labels.copy()
    predictions[:10] = 1
    predictions[30:35] = 2
    predictions[len(labels) - nans :] = -1
    confusion = confusion_matrix(labels, predictions, c)
    images = np.random.default_rng(0).integers(
        0, 256, (len(labels), 3 if colour else 1, 8, 8), np.uint8
    )
    acc, confidences = float((labels == predictions).mean()), np.linspace(1, 0.5, len(labels))
    losses = np.where(labels == predictions, 1 - confidences, 1 + confidences)
    result = Evaluation(0.5, acc, predictions, labels, 1.0, losses, confidences)
    return Measurement(
        result, classes, confusion, per_class(confusion), Split(images, labels), (0.5,), (0.5,), ""
    )


async def opened(app: CnnApp, pilot: Pilot, until: Until) -> EvaluateScreen:
    await tap(pilot, "6")
    screen = await on_screen(pilot, EvaluateScreen)
    await until(pilot, lambda: screen.ready and not app.jobs)
    return screen


async def evaluated(app: CnnApp, pilot: Pilot, until: Until) -> EvaluateScreen:
    screen = await opened(app, pilot, until)
    await tap(pilot, "e")
    await until(pilot, lambda: screen.found and not screen.running)
    await until(pilot, lambda: isinstance(screen.focused, Heatmap))
    return screen


@pytest.fixture
def measured_app(make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch) -> CnnApp:
    """An app with a run, whose evaluation takes no time."""
    monkeypatch.setattr(module, "measure", lambda *args, **more: measurement())
    make_run(home / "runs")
    return make_app()


def verdict(screen: EvaluateScreen) -> str:
    return str(screen.query_one("#verdict").render())


async def test_the_newest_run_with_weights_is_evaluated(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    make_run(home / "runs", "20260101-000000-old-00aa")
    make_run(home / "runs", "20260103-000000-empty-00bb", status="stopped", weights=False)
    make_run(home / "runs", "20260102-000000-new-00cc")
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        assert screen.selection is not None
        assert screen.selection.name == "20260102-000000-new-00cc"
        await tap(pilot, "e")
        await until(pilot, lambda: screen.found)
        assert screen.found is not None
        assert "1,000 images" in verdict(screen)
        assert f"test_acc {screen.found.result.acc:.4f}" in verdict(screen)
        assert screen.query_one(Heatmap).counts.sum() == 1000
        assert len(screen.query_one(ClassTable).rows) == 10
        assert screen.query_one(MistakeTable).rows


async def test_from_the_matrix_to_the_images(measured_app: CnnApp, until: Until) -> None:
    app = measured_app
    async with app.run_test() as pilot:
        screen = await evaluated(app, pilot, until)
        heatmap, images = screen.query_one(Heatmap), screen.query_one(CellImages)
        pane = screen.query_one("#matrix-pane")
        assert heatmap.cursor == (0, 1), "the worst mistake comes first"
        assert "cat predicted as dog: 10/30 (33.3%)" in str(pane.border_subtitle)
        assert len(images.pictures) == 10
        assert images.captions[0] == "#0"
        await pilot.press("n")
        assert heatmap.cursor == (1, 2)
        assert len(images.pictures) == 5
        await pilot.press("n")
        assert heatmap.cursor == (0, 1), "after the last one comes the first"
        await pilot.press("p")
        assert "percent" in str(pane.border_title)
        text = heatmap.render_line(2).text
        assert "67" in text
        assert "33" in text
        assert "esc back" not in seen(app)
        await pilot.press("enter")
        assert isinstance(screen.focused, CellImages)
        assert not screen.query_one("#upper").display
        await until(pilot, lambda: "esc back" in seen(app))
        await pilot.press("escape")
        assert isinstance(screen.focused, Heatmap)
        await until(pilot, lambda: "esc back" not in seen(app))
        await pilot.press("left", "up", "up")
        assert heatmap.cursor == (0, 0)
        assert "cat right: 20/30" in str(pane.border_subtitle)
        screen.query_one(MistakeTable).focus()
        await pilot.press("end")
        assert heatmap.cursor == (1, 2), "the list of mistakes leads to the cell"
        await pilot.press("enter")
        assert isinstance(screen.focused, CellImages)
        await pilot.press("question_mark")
        await on_screen(pilot, HelpScreen)


@pytest.mark.parametrize("key", rest_as_proofs(["i", "enter"]))
async def test_from_an_image_to_what_the_layers_make_of_it(
    make_app: MakeApp, home: Path, until: Until, key: str
) -> None:
    run = make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        if key == "i":  # all but the layers was hidden when Inspect was left
            await tap(pilot, "3")
            await until(pilot, lambda: app.screen.refuse("zoom") is None)  # type: ignore
            await tap(pilot, "z")
            await until(pilot, lambda: app.screen.has_class("-zoomed"))
        screen = await evaluated(app, pilot, until)
        await pilot.press("enter", "right")
        index = screen.query_one(CellPane).index
        assert screen.query_one(CellImages).captions[1] == f"#{index}"
        await tap(pilot, key)
        await on_screen(pilot, InspectScreen)
        inspect = app.screen
        assert isinstance(inspect, InspectScreen)
        await until(pilot, lambda: inspect.query(Sample))
        await until(pilot, lambda: inspect.query_one(Sample).captions == (f"#{index}",))
        assert not inspect.has_class("-zoomed")
        assert app.choice.current == of_run(run)
        assert f"image #{index}:" in inspect.query_one("#subject", Line).render().plain


async def test_an_empty_cell_has_nothing_to_look_into(measured_app: CnnApp, until: Until) -> None:
    app = measured_app
    async with app.run_test() as pilot:
        screen = await evaluated(app, pilot, until)
        await pilot.press("down", "down")
        assert screen.query_one(Heatmap).cursor == (2, 1)
        await tap(pilot, "i")
        assert app.screen is screen
        assert any("no image of this" in n.message for n in app._notifications)


async def test_from_a_class_to_its_images(measured_app: CnnApp, until: Until) -> None:
    app = measured_app
    async with app.run_test() as pilot:
        screen = await evaluated(app, pilot, until)
        table = screen.query_one(ClassTable)
        await pilot.press("down")
        assert table.cursor == 1, "the table follows the matrix"
        table.focus()
        await pilot.press("down")
        assert screen.query_one(Heatmap).cursor == (2, 2)
        await pilot.press("enter")
        assert isinstance(screen.focused, CellImages)
        assert len(screen.query_one(CellImages).pictures) == 30


async def test_a_click_on_a_cell(measured_app: CnnApp, until: Until) -> None:
    app = measured_app
    async with app.run_test() as pilot:
        screen = await evaluated(app, pilot, until)
        heatmap = screen.query_one(Heatmap)
        await pilot.pause()  # its room is settled
        label, width = heatmap._layout()
        await pilot.click(Heatmap, offset=(label + 2 * width + 1, 2 + 1))
        await until(pilot, lambda: heatmap.cursor == (1, 2))


async def test_without_a_run_it_says_what_to_do(make_app: MakeApp, until: Until) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        assert "no trained network yet" in str(screen.query_one("#nothing").render())
        await tap(pilot, "e")
        assert not screen.running
        assert any("no trained network" in n.message for n in app._notifications)


async def test_an_evaluation_that_fails_says_why(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    run = make_run(home / "runs")
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        (run / "weights.npz").write_bytes(b"damaged")
        await tap(pilot, "e")
        await until(pilot, lambda: isinstance(screen.error, CheckpointError))
        await until(pilot, lambda: "→ o chooses another run" in verdict(screen))


async def test_an_evaluation_is_stopped(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = threading.Event()
    real = module.measure

    def slow(*args: Any, cancelled: Callable[[], bool], **more: Any) -> Measurement:
        started.set()
        while not cancelled():
            pass
        return real(*args, cancelled=cancelled, **more)

    monkeypatch.setattr(module, "measure", slow)
    make_run(home / "runs")
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        await tap(pilot, "e")
        await until(pilot, started.is_set)
        assert screen.refuse("evaluate") is not None
        await tap(pilot, "x")
        await until(pilot, lambda: "Stopped" in verdict(screen))
        await tap(pilot, "e")
        await until(pilot, lambda: screen.running)
        await tap(pilot, "q")
        await until(pilot, lambda: app.return_code == 0)


async def test_another_network_than_the_one_that_was_evaluated_is_said(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "measure", lambda *args, **more: measurement())
    make_run(home / "runs", "20260101-000000-first-00aa")
    other = make_run(home / "runs", "20260102-000000-second-00bb")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await evaluated(app, pilot, until)
        app.choice.chosen = of_run(other.with_name("20260101-000000-first-00aa"))
        await until(pilot, lambda: "second-00bb; e evaluates again" in verdict(screen))


async def test_class_names_are_text_and_nan_is_counted(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("[b]cat[/b]", "d\x1b[31mog", "owl\u202e")
    monkeypatch.setattr(
        module, "measure", lambda *args, **more: measurement(names, colour=True, nans=3)
    )
    make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await evaluated(app, pilot, until)
        assert "3 without a prediction" in verdict(screen)
        labels = screen.query_one(Heatmap).labels
        assert labels == ("[b]cat[/b]", "d\ufffd[31mog", "owl\ufffd")
        rows = screen.query_one(ClassTable).rows
        assert rows[0][0][0] == "[b]cat[/b]"
        title = Content.from_markup(str(screen.query_one("#images-pane").border_title))
        assert "[b]cat[/b] predicted as" in title.plain
        assert screen.query_one(CellImages).pictures.shape[1:] == (8, 8, 3)


def test_the_worst_mistakes() -> None:
    confusion = np.array([[5, 0, 2], [7, 1, 0], [0, 2, 9]])
    assert worst_mistakes(confusion) == [(1, 0), (0, 2), (2, 1)]
    assert worst_mistakes(np.diag([1, 2, 3])) == []
    assert worst_mistakes(np.zeros((0, 0), int)) == []


def test_the_worst_mistakes_of_many_classes_take_little_memory() -> None:
    confusion = np.eye(1000, dtype=np.int64)
    confusion[3, 7] = confusion[5, 1] = 2
    tracemalloc.start()
    assert worst_mistakes(confusion) == [(3, 7), (5, 1)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < confusion.nbytes / 4


@pytest.mark.parametrize("size", rest_as_proofs([(60, 16), (80, 24)]))
async def test_ten_classes_are_legible(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
) -> None:  # fmt: skip
    names = tuple("0123456789")
    monkeypatch.setattr(module, "measure", lambda *args, **more: measurement(names))
    make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=size) as pilot:
        screen = await evaluated(app, pilot, until)
        heatmap = screen.query_one(Heatmap)
        await until(pilot, lambda: heatmap.size.area)
        first = heatmap.render_line(heatmap._head).text
        assert "20" in first
        assert "10" in first
        await pilot.press(*["down"] * 9)
        height = heatmap.size.height
        assert "▸9" in "".join(heatmap.render_line(y).text for y in range(height))
        label, width = heatmap._layout()
        assert label + 10 * width <= heatmap.size.width


MANY = tuple(f"class number {i}" for i in range(100))


def shown(heatmap: Heatmap) -> list[str]:
    return [heatmap.render_line(y).text for y in range(heatmap.size.height)]


@pytest.mark.parametrize("size", rest_as_proofs([(80, 24), (60, 16), (200, 60)]))
async def test_of_many_classes_the_part_around_the_cursor_is_shown(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
) -> None:  # fmt: skip
    monkeypatch.setattr(module, "measure", lambda *args, **more: measurement(MANY))
    make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=size) as pilot:
        screen = await evaluated(app, pilot, until)
        heatmap = screen.query_one(Heatmap)
        await settled(pilot, until)
        await tap(pilot, "left")
        rows, columns = heatmap._seen
        lines = shown(heatmap)
        assert lines[0].strip() == f"true ↓ 1–{rows}  predicted → 1–{columns}  of 100"
        assert lines[2].lstrip("▸ ").startswith("class num")
        assert " 20 " in lines[2]
        await tap(pilot, "end", "pagedown", "pagedown")
        assert heatmap.cursor == (2 * rows, 99)
        lines = shown(heatmap)
        assert f"predicted → {101 - columns}–100" in lines[0]
        assert "▾" in lines[1]
        assert any("▸" in line for line in lines)
        await tap(pilot, "left")
        assert f"predicted → {101 - columns}–100" in shown(heatmap)[0], "it is in sight"
        heatmap.go(80, 20)
        assert heatmap._first == (80 - rows // 2, 20 - columns // 2), "a jump is centred"
        label, width = heatmap._layout()
        await pilot.click(Heatmap, offset=(label + 2 * width + 1, heatmap._head + 1))
        await until(pilot, lambda: heatmap.cursor == (81 - rows // 2, 22 - columns // 2))


async def test_of_many_classes_the_worst_come_first_in_their_table(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "measure", lambda *args, **more: measurement(MANY))
    make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await evaluated(app, pilot, until)
        table = screen.query_one(ClassTable)
        assert [row[0][0] for row in table.rows[:4]] == [MANY[i] for i in (1, 0, 2, 3)]
        await until(pilot, lambda: table.cell == (0, 0))  # the class of the matrix
        heatmap = screen.query_one(Heatmap)
        table.focus()
        await until(pilot, lambda: table.has_focus)
        await tap(pilot, "home")
        await until(pilot, lambda: heatmap.cursor == (1, 1))


async def test_long_names_leave_room_for_the_figures(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("猫科动物和其他东西的照片", "a very long name of a class that goes on", "owl")
    monkeypatch.setattr(module, "measure", lambda *args, **more: measurement(names))
    make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await evaluated(app, pilot, until)
        pane = screen.query_one("#matrix-pane")

        def words() -> Content:
            return Content.from_markup(str(pane.border_subtitle))

        await until(pilot, lambda: 30 < words().cell_length <= pane.size.width)
        assert words().plain.startswith("猫科")
        assert words().plain.endswith(": 10/30 (33.3%)")


async def test_the_macro_f1_stands_beside_the_accuracy(measured_app: CnnApp, until: Until) -> None:
    async with measured_app.run_test() as pilot:
        screen = await evaluated(measured_app, pilot, until)
        assert screen.found is not None
        assert f"macro F1 {screen.found.macro_f1:.4f}" in verdict(screen)
        assert "top-5" not in verdict(screen), "of three classes it is 1"
