"""Runs: list, compare, resume and export."""

from tui.keymap import Key, register

register(
    "runs",
    "tui.screens.runs.screen:RunsScreen",
    title="Runs",
    key="5",
    hint="compare, resume, export",
    keys=(
        Key("space", "mark", "mark", "Mark it, to compare it with others", "Compare", footer=True),
        Key("d", "diff", "diff", "What differs between the configs of the marked runs", "Compare",
            footer=True),
        Key("u", "unmark", "unmark all", "Clear all marks", "Compare"),
        Key("i", "inspect", "inspect", "Look inside its network", "The run", footer=True),
        Key("v", "evaluate", "test", "Evaluate it on the test set", "The run", footer=True),
        Key("g", "gradients", "gradients", "Check its gradients", "The run"),
        Key("R", "resume", "resume", "Resume it, exactly where it stopped", "The run"),
        Key("x", "export", "export", "Export its network", "The run", footer=True),
        Key("D", "delete", "delete", "Delete it; asks", "The run"),
        Key("m", "metric", "metric", "The next metric of the curves", "View"),
        Key("y", "log", "log scale", "Logarithmic axis, or not", "View"),
        Key("z", "zoom", "zoom", "The curves alone, or all", "View"),
        Key("slash", "filter", "filter", "Show only runs that fit what is typed", "List"),
        Key("s", "sort", "sort", "Sort: newest, val_acc, test_acc", "List"),
        Key("r", "refresh", "refresh", "Read the runs again", "List"),
        Key("escape", "back", "back", "Clear filter and differences", "List"),
    ),
)  # fmt: skip
