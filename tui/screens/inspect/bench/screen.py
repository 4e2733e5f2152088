"""Step: one batch on its way through the layers of a copy, forward and back."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from engine.config import Config
from engine.errors import DataError
from engine.inspection.activations import restored
from engine.layers import shape_text
from engine.train import factory
from engine.train.snapshot import LayerSnapshot, OptimizerState
from engine.workbench import LayerPass, Workbench
from tui import keymap, text
from tui.jobs import Job
from tui.screens.inspect.bench.break_screen import BreakScreen, compared
from tui.screens.inspect.glossary import explained
from tui.screens.work_screen import WorkScreen
from tui.state.selection import find_dataset
from tui.widgets.line import Line, TextPart
from tui.widgets.table import Cell, Column, Table
from tui.widgets.tiles import Tiles
from tui.widgets.titles import set_titles

_COLUMNS = (
    Column("layer", flexible=True, least=12),
    Column("in", rank=4),
    Column("out", rank=3),
    Column("mean", right=True, rank=2),
    Column("std", right=True),
    Column("min", right=True, rank=5),
    Column("max", right=True, rank=5),
    Column("zeros", right=True),
    Column("weight grads", rank=1, flexible=True, least=12),
)


class PassTable(Table):
    """The layers that the batch has passed."""

    HELP_TEXT = (
        "↓ forward: the numbers that the layer makes of the batch. ↑ backward: the gradient that "
        "it hands to the layer before it, which says how the loss changes with each of its "
        "inputs; the first layer's is that of the image. in, out: "
        "shapes with the batch. zeros: share of the numbers that are 0. weight grads: root mean "
        "square of the gradient of each parameter, which the update will use."
    )


class PassMaps(Tiles):
    """The numbers of one image at the chosen layer."""

    HELP_TEXT = (
        "What the chosen layer makes of the batch's first image, or on the way back the gradient "
        "there: a picture for each channel."
    )


@dataclass(frozen=True)
class _Found:
    """A workbench as its job left it."""

    bench: Workbench
    passes: list[LayerPass]
    hash: str


def _look(bench: Workbench) -> _Found:
    return _Found(bench, list(bench.passes()), bench.hash())


class BenchScreen(WorkScreen):
    """One batch, layer by layer.

    Args:
        config: of the network.
        layers: its weights, which are copied.
        done: batches that it was trained on.
        optimizer: the memory that its optimizer begins with; None for a new one.
        breaks: whether to open the faults as soon as there is a copy.
    """

    WHERE = "bench"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    FIRST_FOCUS = "#passes"
    HELP_TEXT: ClassVar[str] = (
        "A copy of the network, to take a training step apart. The batch passes the layers down "
        "to the loss (forward), then the gradients come up again (backward); s changes the "
        "copy's weights as the training would, and u takes that back exactly: the hash, a "
        "fingerprint of all weights and of the optimizer's memory, is the same again. The "
        "training and its files are never touched. The copy's optimizer has the memory of the "
        "training's, or of the checkpoint's. "
    ) + explained("hash", "gradient", "velocity", "moments")

    def __init__(
        self,
        config: Config,
        layers: tuple[LayerSnapshot, ...],
        done: int,
        optimizer: OptimizerState | None = None,
        breaks: bool = False,
    ) -> None:
        super().__init__()
        self._config, self._layers, self._done = config, layers, done
        self._optimizer, self._breaks = optimizer, breaks
        self.found: _Found | None = None
        self.shown = 0
        self._hashes: list[str] = []
        self._seen: object = None

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        with Vertical(id="body"):
            yield PassTable(_COLUMNS, id="passes", classes="pane")
            yield PassMaps(id="maps", classes="pane")
        yield Line(id="said")

    def on_mount(self) -> None:
        super().on_mount()
        self.start("copying the network ...", self._make, self._made)

    def _make(self, job: Job) -> _Found:
        dataset = find_dataset(self._config, self.cnn.training)
        if dataset is None:
            raise DataError(f"{self._config.dataset} is not downloaded; train or get it first")
        model = restored(factory.make_model(self._config), self._layers)
        return _look(Workbench(self._config, dataset, model, self._done, self._optimizer))

    def _made(self, found: _Found) -> None:
        self._show_found(found)
        self.words = f"hash {found.hash[:12]}: weights, buffers, optimizer"
        if self._breaks:
            self.action_break_it()

    def _show_found(self, found: _Found) -> None:
        self.found, self.shown = found, 1

    # -- drawing --------------------------------------------------------------------------------

    def tick(self) -> None:
        self.query_one("#said", Line).show((TextPart(*self.said()),))
        found, table = self.found, self.query_one(PassTable)
        seen = (found, self.shown, table.key, self.size)
        if found is None or seen == self._seen:
            return
        epoch, step = found.bench.place
        self.query_one("#subject", Line).show(
            (
                TextPart(" copy ", "bold $accent"),
                TextPart(f" {text.line(self._config.name, 24)} ", "bold"),
                TextPart(f" epoch {epoch + 1}  batch {step + 1}", "$muted"),
            ),
            (TextPart(f"lr {text.significant(found.bench.lr)} ", "$muted"),),
        )
        passed = found.passes[: self.shown]
        table.show([_row(each) for each in passed], [_key(each) for each in passed])
        set_titles(table, Content(f"layer pass {self.shown} of {len(found.passes)}"))
        chosen = next((each for each in passed if _key(each) == table.key), passed[-1])
        self._show_maps(chosen)
        self._seen = (found, self.shown, table.key, self.size)

    def _show_maps(self, chosen: LayerPass) -> None:
        tiles, sample = self.query_one(PassMaps), chosen.sample
        if sample.ndim == 3:
            pictures, captions = sample, tuple(map(str, range(len(sample))))
        else:
            pictures, captions = np.atleast_2d(sample)[None], ("",)
        tiles.show(pictures, captions, float(np.abs(pictures).max()) or 1.0)
        what = "output" if chosen.direction == "forward" else "gradient"
        title = Content(f"{_arrow(chosen)} {chosen.name}: {what} of the first image")
        set_titles(tiles, title)

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if action == "leave":
            return None
        if self.job is not None:
            return "the workbench is at work; wait a moment"
        if self.found is None:
            return "there is no copy to work on; esc goes back"
        if action in ("next", "all") and self.shown == len(self.found.passes):
            return "the batch is through; s changes the weights by it"
        if action == "undo" and not self.found.bench.can_undo:
            return "there is nothing to undo; s changes the weights"
        return None

    def on_table_chosen(self, event: Table.Chosen) -> None:
        if self.refuse("next") is None:
            self.action_next()

    def on_table_moved(self, event: Table.Moved) -> None:
        self.refresh_tick()

    def action_next(self) -> None:
        """The next layer."""
        self._pass_to(self.shown + 1)

    def action_all(self) -> None:
        """All layers that are left."""
        assert self.found is not None
        self._pass_to(len(self.found.passes))

    def _pass_to(self, count: int) -> None:
        assert self.found is not None
        self.shown = count
        self.refresh_tick()
        table, key = self.query_one(PassTable), _key(self.found.passes[count - 1])
        table.move_to(key)
        self.call_after_refresh(table.move_to, key)  # once it has room to scroll
        self.refresh_bindings()
        self.refresh_tick()

    def action_update(self) -> None:
        """Train the copy on the batch."""
        assert self.found is not None
        bench, before = self.found.bench, self.found.hash

        def work(job: Job) -> tuple[float, _Found]:
            return bench.update().loss, _look(bench)

        def then(result: tuple[float, _Found]) -> None:
            loss, found = result
            self._hashes.append(before)
            self._show_found(found)
            self.words = f"loss {loss:.4f}; hash {before[:12]} is now {found.hash[:12]}"

        self.start("training on the batch ...", work, then)

    def action_undo(self) -> None:
        """Take the last update back."""
        assert self.found is not None
        bench = self.found.bench

        def work(job: Job) -> _Found:
            bench.undo()
            return _look(bench)

        def then(found: _Found) -> None:
            self._show_found(found)
            self.words, self.good = compared(self._hashes.pop(), found.hash)

        self.start("undoing ...", work, then)

    def action_break_it(self) -> None:
        """Break the copy."""
        assert self.found is not None
        self.app.push_screen(BreakScreen(self.found.bench, self.found.hash))

    def action_leave(self) -> None:
        """Back to Inspect."""
        self.dismiss(None)


def _arrow(each: LayerPass) -> str:
    return "↓" if each.direction == "forward" else "↑"


def _key(each: LayerPass) -> str:
    return f"{_arrow(each)} {each.name}"


def _row(each: LayerPass) -> tuple[Cell, ...]:
    grads = "  ".join(f"{name} {text.exponent(value)}" for name, value in each.grads.items())
    return (
        (f"{_key(each)} {each.kind.removesuffix('()')}", "foreground"),
        (shape_text(each.in_shape), "muted"),
        (shape_text(each.out_shape), "muted"),
        *((text.short(value), "foreground") for value in (each.mean, each.std)),
        *((text.short(value), "muted") for value in (each.low, each.high)),
        (f"{each.zeros:.0%}", "foreground"),
        (grads, "foreground"),
    )
