"""Runs: list, compare, resume and export."""

from tui.keymap import Key, register

register(
    "runs",
    "tui.screens.runs.screen:RunsScreen",
    title="Runs",
    key="5",
    hint="compare, resume, export",
    keys=(
        Key("space", "mark", "mark", "Mark the run for comparison", "Compare", footer=True),
        Key("d", "diff", "diff", "Compare the configs of the marked runs", "Compare",
            footer=True),
        Key("u", "unmark", "clear marks", "Clear marks", "Compare"),
        Key("i", "inspect", "inspect", "Inspect its network", "The run", footer=True),
        Key("v", "evaluate", "test", "Evaluate it on the test set", "The run", footer=True),
        Key("g", "gradients", "gradients", "Check its gradients", "The run"),
        Key("R", "resume", "resume", "Resume the run exactly where it stopped", "The run"),
        Key("x", "export", "export", "Export its network", "The run", footer=True),
        Key("D", "delete", "delete", "Delete the run; asks first", "The run"),
        Key("m", "metric", "metric", "Next metric of the curves", "View"),
        Key("y", "log", "log scale", "Logarithmic axis on or off", "View"),
        Key("z", "zoom", "zoom", "Maximize the curves, or restore all", "View"),
        Key("slash", "filter", "filter", "Filter the runs by name, data set, model or status",
            "List"),
        Key("s", "sort", "sort", "Sort: newest, val_acc, test_acc", "List"),
        Key("r", "refresh", "refresh", "Reload the runs", "List"),
        Key("escape", "back", "back", "Clear the filter, close the comparison", "List"),
    ),
)  # fmt: skip
