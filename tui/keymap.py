"""Every key of the app, in one table.

Bindings, the key bar, the command palette, the help screen and the table in the README are all
made from it. A new action is one row here and one ``action_...`` method on its screen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.binding import Binding, BindingType

if TYPE_CHECKING:
    from textual.widget import Widget

APP = "app"


@dataclass(frozen=True)
class Key:
    """One action and the keys that start it.

    Attributes:
        keys: as Textual names them, the first is the one that is shown: ``plus,equals_sign``.
        action: the method ``action_<action>`` of the screen (or of the app), with arguments.
        label: one or two words, for the key bar.
        description: a whole sentence, for help and palette.
        where: ``app``, or the id of the screen.
        group: what it is listed under.
        footer: whether the key bar shows it, if there is room.
        shown: the key as it is written, where that is not clear from ``keys``.
        priority: whether it works even while a text field has the focus.
    """

    keys: str
    action: str
    label: str
    description: str
    where: str
    group: str
    footer: bool = False
    shown: str = ""
    priority: bool = False

    @property
    def id(self) -> str:
        """Unique: ``train.pause``."""
        name = "".join(c if c.isalnum() or c == "_" else "-" for c in self.action).strip("-")
        return f"{self.where}.{name}"

    @property
    def all_shown(self) -> str:
        """All its keys as they are written: ``+ =``."""
        return " ".join(written(key) for key in self.keys.split(","))

    @property
    def first_shown(self) -> str:
        """Its first key as it is written."""
        return self.shown or written(self.keys.split(",")[0])


CHARACTERS = {
    "question_mark": "?",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "space": " ",
}
"""Keys with a name that a text field would take as a character."""

_WRITTEN = {
    **{key: character for key, character in CHARACTERS.items() if key != "space"},
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "pgup",
    "pagedown": "pgdn",
}


def written(key: str) -> str:
    """A key as it is written on the screen: ``?``, ``^p``, ``esc``."""
    if key.startswith("ctrl+"):
        return "^" + written(key.removeprefix("ctrl+"))
    return _WRITTEN.get(key, key)


KEYS: tuple[Key, ...] = (
    # -- everywhere -------------------------------------------------------------------------
    Key("question_mark,f1", "help", "help", "Help for what has the focus", APP, "App", True),
    Key(
        "ctrl+p", "command_palette", "actions", "Search all actions by name", APP, "App", True,
        priority=True,
    ),
    Key("q,ctrl+q", "quit", "quit", "Quit; asks while a training is running", APP, "App", True),
    Key("t", "next_theme", "theme", "Next theme: dark, light, colour-blind", APP, "App"),
    Key("1", "go('configs')", "configs", "Configs: choose, understand and edit", APP, "Screens"),
    Key("2", "go('train')", "train", "Train: curves, progress and controls", APP, "Screens"),
    Key("3", "go('inspect')", "inspect", "Inspect: layers, filters, gradients", APP, "Screens"),
    Key("4", "go('gradients')", "gradients", "Gradients: check them", APP, "Screens"),
    Key("5", "go('runs')", "runs", "Runs: compare, resume, export", APP, "Screens"),
    Key("6", "go('evaluate')", "evaluate", "Evaluate: test set, confusion matrix", APP, "Screens"),
    # -- 1 configs --------------------------------------------------------------------------
    Key("r", "run", "run", "Train this config, unsaved changes too", "configs", "Run", True),
    Key("y", "copy_command", "copy command", "Copy as a shell command", "configs", "Run"),
    Key("e", "edit", "edit", "Edit as a form and as YAML", "configs", "Edit", True),
    Key("v", "editor", "$EDITOR", "Edit in $EDITOR", "configs", "Edit"),
    Key("u", "undo", "undo", "Undo the last change", "configs", "Edit"),
    Key("U", "redo", "redo", "Redo it", "configs", "Edit"),
    Key("w", "save", "save", "Save", "configs", "Edit", True),
    Key("W", "save_as", "save as", "Save under another name", "configs", "Edit", True),
    Key("D", "revert", "discard", "Discard unsaved changes; undo brings them back", "configs",
        "Edit"),
    Key("p", "preview", "yaml", "Show what it means, or the YAML", "configs", "View", True),
    Key("l,right", "into", "look", "Into the preview, to scroll it", "configs", "View"),
    Key("h,left", "back", "back", "Back to the list", "configs", "View"),
    # -- the editor, over 1 -----------------------------------------------------------------
    Key("escape", "leave", "done", "Back to the configs; changes are kept", "edit", "Edit", True),
    Key("ctrl+s,f2", "save", "save", "Save", "edit", "Edit", True, priority=True),
    Key("ctrl+t,f4", "switch", "form/yaml", "Between form and YAML", "edit", "Edit", True,
        priority=True),
    Key("ctrl+z,f6", "undo", "undo", "Undo the last change", "edit", "Edit", True,
        priority=True),
    Key("ctrl+y,f7", "redo", "redo", "Redo it", "edit", "Edit", priority=True),
    Key("ctrl+g,f8", "next_problem", "next error", "Go to the next error", "edit", "Edit",
        priority=True),
    Key("ctrl+r,f5", "run", "run", "Train it", "edit", "Run", True, priority=True),
    # -- 2 train ----------------------------------------------------------------------------
    Key("space", "pause", "pause", "Pause before the next batch, or go on", "train", "Run", True),
    Key("s", "step", "one batch", "Train one batch, then hold", "train", "Run", True),
    Key("x", "stop", "stop", "Stop, after saving a checkpoint; asks", "train", "Run", True),
    Key("c", "checkpoint", "save now", "Save a checkpoint now", "train", "Run"),
    Key("r", "run", "run", "Train the chosen config from its start", "train", "Run", True),
    Key("R", "resume", "resume", "Resume the run that was stopped", "train", "Run"),
    Key("plus,equals_sign", "lr(1)", "lr", "Learning rate up; ten presses make ten times", "train",
        "Learning rate", True, shown="+ -"),
    Key("minus", "lr(-1)", "lr down", "Learning rate down; ten presses make a tenth", "train",
        "Learning rate"),
    Key("y", "log", "log scale", "Logarithmic axis of the chart in focus, or not", "train", "View"),
    Key("m", "smooth", "smoothing", "Smoothing of the curves: light, strong, off", "train", "View"),
    Key("z", "zoom", "zoom", "One pane alone, or all", "train", "View", True),
    Key("escape", "back", "all panes", "All panes again", "train", "View"),
    Key("l,right", "app.focus_next", "next pane", "Next pane", "train", "View"),
    Key("h,left", "app.focus_previous", "previous pane", "Previous pane", "train", "View"),
    # -- 3 inspect --------------------------------------------------------------------------
    Key("o", "choose_network", "network", "Choose the network to look at", "inspect", "Network",
        True),
    Key("m", "maps", "maps", "Filters, or feature maps of a sample", "inspect", "Pictures", True),
    Key("right_square_bracket", "channel(1)", "input", "Next input channel of the filters",
        "inspect", "Pictures", True, shown="[ ]"),
    Key("left_square_bracket", "channel(-1)", "prev. input", "Previous input channel",
        "inspect", "Pictures"),
    Key("n", "sample(1)", "sample", "Next sample image", "inspect", "Pictures", True),
    Key("N", "sample(-1)", "prev. sample", "Previous sample image", "inspect", "Pictures"),
    Key("f", "flagged", "flagged", "Go to the next layer that is flagged", "inspect", "View"),
    Key("z", "zoom", "zoom", "One pane alone, or all", "inspect", "View", True),
    Key("escape", "back", "all panes", "All panes again", "inspect", "View"),
    Key("space", "pause", "pause", "Pause the training, or go on", "inspect", "Training"),
    Key("s", "step", "one batch", "Train one batch, hold, and look", "inspect", "Training"),
    # -- 4 gradients ------------------------------------------------------------------------
    Key("g", "check", "check", "Check the gradients of the network", "gradients", "Check", True),
    Key("x", "stop", "stop", "Stop the check; what is known stays", "gradients", "Check", True),
    Key("m", "mode", "mode", "Mode: every number by itself, or random directions", "gradients",
        "Check", True),
    Key("o", "choose_network", "network", "Choose the network to check", "gradients", "Network",
        True),
    # -- 5 runs -----------------------------------------------------------------------------
    Key("space", "mark", "mark", "Mark it, to compare it with others", "runs", "Compare", True),
    Key("d", "diff", "diff", "What differs between the configs of the marked runs", "runs",
        "Compare", True),
    Key("u", "unmark", "unmark all", "Clear all marks", "runs", "Compare"),
    Key("i", "inspect", "inspect", "Look inside its network", "runs", "The run", True),
    Key("v", "evaluate", "test", "Evaluate it on the test set", "runs", "The run", True),
    Key("g", "gradients", "gradients", "Check its gradients", "runs", "The run"),
    Key("R", "resume", "resume", "Resume it, exactly where it stopped", "runs", "The run"),
    Key("x", "export", "export", "Export its network", "runs", "The run", True),
    Key("D", "delete", "delete", "Delete it; asks", "runs", "The run"),
    Key("m", "metric", "metric", "The next metric of the curves", "runs", "View"),
    Key("y", "log", "log scale", "Logarithmic axis, or not", "runs", "View"),
    Key("z", "zoom", "zoom", "The curves alone, or all", "runs", "View"),
    Key("slash", "filter", "filter", "Show only runs that fit what is typed", "runs", "List"),
    Key("s", "sort", "sort", "Sort: newest, val_acc, test_acc", "runs", "List"),
    Key("r", "refresh", "refresh", "Read the runs again", "runs", "List"),
    Key("escape", "back", "back", "Clear filter and differences", "runs", "List"),
    # -- 6 evaluate -------------------------------------------------------------------------
    Key("e", "evaluate", "test", "Evaluate the network on the test set", "evaluate", "Test",
        True),
    Key("x", "stop", "stop", "Stop the evaluation", "evaluate", "Test"),
    Key("n", "next_mistake", "mistake", "Go to the next most frequent mistake", "evaluate",
        "Matrix", True),
    Key("p", "percent", "in %", "Counts, or percent of the row", "evaluate", "Matrix"),
    Key("i", "inspect", "inspect", "What the layers make of the chosen image", "evaluate",
        "Images", True),
    Key("d", "draw", "draw", "Draw one, and see the prediction", "evaluate", "Images", True),
    Key("z", "zoom", "images", "The images of the cell alone, or all", "evaluate", "Matrix"),
    Key("escape", "back", "back", "Back to the matrix", "evaluate", "Matrix"),
    Key("o", "choose_network", "network", "Choose the run to evaluate", "evaluate", "Network",
        True),
    # -- the paper, over 6 ------------------------------------------------------------------
    Key("space", "pen", "pen", "Put the pen down, or lift it; the arrows move it", "draw", "Paper",
        True),
    Key("x", "clear", "clear", "Clear the paper", "draw", "Paper", True),
    Key("n", "sample(1)", "sample", "An image of the test set, to draw on", "draw", "Paper", True),
    Key("N", "sample(-1)", "prev. sample", "The previous image", "draw", "Paper"),
    Key("escape", "leave", "back", "Back to the evaluation", "draw", "Paper", True),
)  # fmt: skip


def keys_of(where: str) -> tuple[Key, ...]:
    """The rows of a screen, or of the app."""
    return tuple(key for key in KEYS if key.where == where)


def usable(key: Key, focused: "Widget | None") -> list[str]:
    """Those of its keys that work while a widget has the focus, which may type the others."""
    keys = key.keys.split(",")
    if focused is None or key.priority:
        return keys
    return [
        pressed
        for pressed in keys
        if not focused.check_consume_key(
            pressed, pressed if len(pressed) == 1 else CHARACTERS.get(pressed)
        )
    ]


def bindings(where: str) -> list[BindingType]:
    """``BINDINGS`` of a screen, or of the app."""
    return [
        Binding(
            key.keys,
            key.action,
            key.label,
            show=key.footer,
            key_display=key.first_shown,
            tooltip=key.description,
            id=key.id,
            priority=key.priority,
        )
        for key in keys_of(where)
    ]


def groups(where: str) -> Iterator[tuple[str, list[Key]]]:
    """The rows of a screen, or of the app, by group."""
    rows = keys_of(where)
    for group in dict.fromkeys(key.group for key in rows):
        yield group, [key for key in rows if key.group == group]


def markdown(titles: Mapping[str, str]) -> str:
    """The table for the README.

    Args:
        titles: of the screens, by id, in the order in which they are listed.
    """
    lines = ["| where | key | what it does |", "|---|---|---|"]
    for where, title in titles.items():
        for key in keys_of(where):
            keys = " ".join(f"`{written(one)}`" for one in key.keys.split(","))
            lines.append(f"| {title} | {keys} | {key.description} |")
            title = ""
    return "\n".join(lines)
