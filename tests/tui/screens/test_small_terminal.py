"""Every screen and every dialog in the smallest terminal that is promised."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from engine.errors import ConfigError
from tests.support.app_pilot import Until, seen, settled
from tests.support.fakes import HINTS, train_to
from tests.support.made_up_sweeps import make_sweep
from tests.support.patience import PATIENCE
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import add_film, make_run
from tests.tui.screens.evaluate.test_screen import measurement
from tui import keymap
from tui.app import CnnApp
from tui.screens.base import MIN_HEIGHT, MIN_WIDTH
from tui.screens.configs.copied import Copied
from tui.screens.configs.data.import_dialog import ImportImages
from tui.screens.dialogs import AskPath, Choose, Confirm
from tui.screens.evaluate import screen
from tui.screens.evaluate.compare import screen as compare_screen
from tui.screens.evaluate.draw.canvas import DrawingCanvas
from tui.screens.help import HelpScreen
from tui.screens.inspect.gallery import GalleryPane
from tui.screens.sweeps.new_sweep import NewSweep

SIZES = (
    (MIN_WIDTH, MIN_HEIGHT),
    *(
        pytest.param(size, marks=pytest.mark.proof)
        for size in ((MIN_WIDTH, 24), (80, MIN_HEIGHT), (80, 20), (80, 24))
    ),
)
MakeApp = Callable[..., CnnApp]
DIGITS = tuple("0123456789")


async def _nothing(pilot: Pilot, until: Until) -> None:
    pass


async def _trains(pilot: Pilot, until: Until) -> None:
    train_to(pilot.app, 6.6)  # type: ignore[arg-type]


async def _evaluates(pilot: Pilot, until: Until) -> None:
    await pilot.press("6")
    await settled(pilot, until)
    await pilot.press("e")
    await settled(pilot, until)


async def _trains_badly(pilot: Pilot, until: Until) -> None:
    train_to(pilot.app, 6.6, hints=HINTS)  # type: ignore[arg-type]


async def _swept(pilot: Pilot, until: Until) -> None:
    make_sweep(Path("sweeps").absolute())


@dataclass(frozen=True)
class Place:
    """A screen, how one gets there, and what has to be seen on it."""

    name: str
    keys: tuple[str, ...]
    shows: tuple[str, ...]
    before: Callable[[Pilot, Until], Awaitable[None]] = _nothing


PLACES = (
    Place("configs", ("1",), (r"conv +✓", r"r  train conv", r"data +MNIST")),
    Place("train", ("2",), (r"training  epoch 7/12", r"loss ", r"acc", r"★"), _trains),
    Place(
        "hints",
        ("2", "w"),
        (r"! overfitting", r"why  The network", r"fix  shift the"),
        _trains_badly,
    ),
    Place("inspect", ("3",), (r"0 Conv2D", r"1 ReLU", r"2 MaxPool2D", r"weights", r"gradients")),
    Place("microscope", ("3", "e"), (r"× weights", r"adds up to -?\d", r"row \d+, column \d+")),
    Place(
        "weight", ("3", "e", "w"), (r"largest contributions", r"adds up to -?\d", r"weight\[0, 0")
    ),
    Place("gradients", ("4", "g"), (r"Passed", r"0 Conv2D", r"verdict", r"analytic", r"error")),
    Place("runs", ("5",), (r"conv0 .*finished", r"conv3 .*finished", r"val_acc", r"▸finished")),
    Place("evaluate", (), (r"test_acc", *(rf"(?m)^.?[ ▸]+{n} +[·\d]" for n in DIGITS)), _evaluates),
    Place("draw", ("d", "n"), tuple(rf"\b{n} [━╸─]+ +\d+%" for n in DIGITS), _evaluates),
    Place(
        "why", ("w",), ("predicted as", "integrated gradients", "for: row", "add up to"), _evaluates
    ),
    Place("mistakes", ("m",), ("largest loss", r"▸.*✗ 1 ", "image #", "y why"), _evaluates),
    Place(
        "compare",
        ("c", "enter"),
        ("B minus A -0", "both right", r"▸9 .* -3 ", r"A \d+, B \d+"),
        _evaluates,
    ),
    Place("epochs", ("6", "a"), (r"test_acc", r"epochs 0 to 2", r"last", r"▸\d +\d\.\d+")),
    Place("data", ("1", "d"), (*(rf"(?m)[ ▸]{n} +400 .*100" for n in DIGITS), "image 1 of every")),
    Place("space", ("3", "w"), (r"300 images, \d+ features", r"→ \d+% of the variance")),
    Place("bench", ("3", "b", "a"), (r"↓ 0 Conv2D|↑ 0 Conv2D", r"zeros", r"hash [0-9a-f]{12}")),
    Place("break", ("3", "b", "b"), (r"a sign is flipped", r"loss", r"enter breaks")),
    Place("rates", ("2", "f"), (r"loss over learning rate", r"Suggested: ", r"1e-6")),
    Place(
        "sweeps",
        ("7",),
        (r"▸tiny +✓ finished +4 of 4", r"▸1  ▸ 2 seeds  0\.03 +✓ 2 of 2 +0\.92"),
        _swept,
    ),
    Place("edit", ("1", "e"), (r"name +config", r"dataset", r"ready to run")),
)


@pytest.fixture
def app(make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch) -> CnnApp:
    """An app with a config of a few layers, four runs of it, and an evaluation at hand."""
    monkeypatch.setattr(screen, "measure", lambda *args, **more: _of_digits())
    monkeypatch.setattr(compare_screen, "measured", lambda *args: _of_digits(nans=3))
    for i in range(4):
        path = make_run(home / "runs", f"2026010{i + 1}-030405-conv{i}-00a{i}")
    add_film(path)
    (home / "configs" / "conv.yaml").write_text((path / "config.yaml").read_text())
    return make_app("conv")


def _of_digits(nans: int = 0) -> object:
    found = measurement(DIGITS, nans=nans)
    images = found.test.images.repeat(4, axis=2).repeat(4, axis=3)[..., :28, :28]
    object.__setattr__(found.test, "images", images)
    return found


def test_every_screen_has_its_place_here() -> None:
    assert {spec.id for spec in keymap.tabs()} <= {place.name for place in PLACES}


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("place", rest_as_proofs(PLACES), ids=lambda place: place.name)
async def test_every_screen_is_usable(
    app: CnnApp, until: Until, place: Place, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        await _go(pilot, until, place)
        await _check(app, place)


@pytest.mark.parametrize("place", rest_as_proofs(PLACES), ids=lambda place: place.name)
async def test_every_screen_is_usable_after_the_terminal_was_made_smaller(
    app: CnnApp, until: Until, place: Place
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await _go(pilot, until, place)
        await pilot.resize_terminal(MIN_WIDTH, MIN_HEIGHT)
        await until(pilot, lambda: app.screen.has_class("-very-low"))
        await settled(pilot, until)
        await _check(app, place)
        for pane in app.screen.query(GalleryPane):
            assert _rows_in_sight(pane) >= 5, seen(app)


async def _go(pilot: Pilot, until: Until, place: Place) -> None:
    await place.before(pilot, until)
    for key in place.keys:
        await pilot.press(key)
        await settled(pilot, until)


async def _check(app: CnnApp, place: Place) -> None:
    for pattern in place.shows:
        await _comes(pattern, app)
    for widget in app.screen.query("*"):
        if widget.focusable and widget.display and widget.region.area:
            rows = _rows_in_sight(widget)
            assert rows >= 2 or rows == widget.size.height, f"{widget}\n{seen(app)}"
    pads = app.screen.query(DrawingCanvas)
    assert not pads or _rows_in_sight(pads.first()) >= 14, "all of the paper"


async def _comes(pattern: str, app: CnnApp) -> None:
    """Wait until something is seen; where it does not come, show what is there instead."""
    deadline = time.monotonic() + PATIENCE
    while not re.search(pattern, seen(app)):
        assert time.monotonic() < deadline, f"{pattern} is not in\n{seen(app)}"
        await asyncio.sleep(0.02)


def _rows_in_sight(widget: Widget) -> int:
    """Lines of the widget's content that are on the screen."""
    place = widget.screen.find_widget(widget)
    return place.clip.intersection(widget.content_region).height


# -- dialogs ------------------------------------------------------------------------------------

LONG = "20260104-030405-a_name_as_long_as_they_get-00a3"
DIALOGS: dict[str, tuple[type[ModalScreen], Callable[[CnnApp], ModalScreen]]] = {
    "a question": (
        Confirm,
        lambda app: Confirm(
            f"Delete {LONG}?",
            "Its config, metrics, checkpoints and weights are gone for good, and nothing brings "
            "them back: neither undo nor the trash of the desktop has them.",
            yes="quit without saving configs", no="not yet",
        ),
    ),
    "a path": (
        AskPath,
        lambda app: AskPath(
            "Export as npz", f"{LONG}, finished weights; where to?", value="x.npz", check=Path
        ),
    ),
    "a path that is refused": (AskPath, lambda app: _refused()),
    "what was copied": (
        Copied,
        lambda app: Copied(["cnn-tui", "--no-ui", *["--set", "train.lr=0.1"] * 8]),
    ),
    "a list": (
        Choose,
        lambda app: Choose(
            f"{LONG} and more words than there is room for",
            [(str(i), f"option {i}", "a remark") for i in range(50)], "30",
        ),
    ),
    "an import": (ImportImages, lambda app: _refused_import()),
    "a sweep": (NewSweep, lambda app: _refused_sweep(app)),
    "help": (HelpScreen, lambda app: HelpScreen(app.screen)),  # type: ignore[arg-type]
}  # fmt: skip


def _refused() -> AskPath:
    """A path that cannot be written, and the reason in the dialog."""

    def refuse(typed: str) -> Path:
        raise ConfigError(f"{typed}: a name may have 255 bytes, this one has 300; shorten it")

    asked = AskPath("Save as", "Configs in ./configs are listed here.", value="x.npz", check=refuse)
    asked.call_after_refresh(asked._submitted)
    return asked


def _refused_import() -> ImportImages:
    """The import of images, with a long reason why it cannot be."""
    asked = ImportImages("x.npz")
    reason = "different sizes, 40x40 to 2000x3000; give the one to which they are brought"
    asked.call_after_refresh(lambda: asked._failed(ConfigError(f"the images have {reason}")))
    return asked


def _refused_sweep(app: CnnApp) -> NewSweep:
    """The start of a sweep, with a problem for each line of its grid."""
    document = app.workspace.document
    assert document.config is not None
    asked = NewSweep(document.text, document.name, document.config)
    asked.call_after_refresh(
        lambda: asked._wrong(ConfigError("train.epochz: unknown key\ntrain.lr: the grid has it"))
    )
    return asked


def test_every_dialog_has_its_place_here() -> None:
    ours = {one for one in ModalScreen.__subclasses__() if one.__module__.startswith("tui.")}
    assert ours == {kind for kind, _ in DIALOGS.values()}


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", rest_as_proofs(DIALOGS))
async def test_every_dialog_is_usable(
    app: CnnApp, until: Until, name: str, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        await settled(pilot, until)
        await app.push_screen(DIALOGS[name][1](app))
        await pilot.pause()
        dialog = app.screen
        assert isinstance(dialog, ModalScreen)
        box = dialog.query_one(".dialog, Copied > VerticalScroll")
        assert box.region == box.region.intersection(dialog.region), seen(app)
        if name == "help":  # it scrolls
            assert box.max_scroll_y > 0
            assert "Train this config" in _scrolled_through(app, box)
            return
        for widget in dialog.query("Static, Button, Input, OptionList"):
            inside = box.content_region.intersection(widget.region)
            assert inside == widget.region, f"{widget} is cut\n{seen(app)}"
        words = " ".join(seen(app).split())
        assert name != "a path that is refused" or "shorten it" in words
        for static in dialog.query(Static):
            for word in str(static.content).split():
                assert word in words, f"{word!r} is cut\n{seen(app)}"
        for button in dialog.query(Button):
            assert str(button.label) in seen(app)
        assert not dialog.query(Input) or "x.npz" in words or name == "a sweep"
        assert name != "a list" or "● option 30" in words, "the chosen one is in sight"


def _scrolled_through(app: CnnApp, box: Widget) -> str:
    found = []
    for y in range(0, int(box.max_scroll_y) + 1, 4):
        box.scroll_to(y=y, animate=False, immediate=True)
        app.screen._compositor.reflow(app.screen, app.screen.size)
        found.append(seen(app))
    return "\n".join(found)
