"""Train: curves, progress and controls of a training."""

from tui.keymap import Key, register

register(
    "train",
    "tui.screens.train.screen:TrainScreen",
    title="Train",
    key="2",
    hint="curves, progress and controls",
    keys=(
        Key("space", "pause", "pause", "Pause before the next batch, or go on", "Run", footer=True),
        Key("s", "step", "one batch", "Train one batch, then hold", "Run", footer=True),
        Key("x", "stop", "stop", "Stop, after saving a checkpoint; asks", "Run", footer=True),
        Key("c", "checkpoint", "save now", "Save a checkpoint now", "Run"),
        Key("r", "run", "run", "Train the chosen config from its start", "Run", footer=True),
        Key("R", "resume", "resume", "Resume the run that was stopped", "Run"),
        Key("plus,equals_sign", "lr(1)", "lr", "Learning rate up; ten presses make ten times",
            "Learning rate", footer=True, shown="+ -"),
        Key("minus", "lr(-1)", "lr down", "Learning rate down; ten presses make a tenth",
            "Learning rate"),
        Key("y", "log", "log scale", "Logarithmic axis of the chart in focus, or not", "View"),
        Key("m", "smooth", "smoothing", "Smoothing of the curves: light, strong, off", "View"),
        Key("z", "zoom", "zoom", "One pane alone, or all", "View", footer=True),
        Key("escape", "back", "all panes", "All panes again", "View"),
        Key("l,right", "app.focus_next", "next pane", "Next pane", "View"),
        Key("h,left", "app.focus_previous", "previous pane", "Previous pane", "View"),
    ),
)  # fmt: skip
