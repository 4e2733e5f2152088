"""Train: curves, progress and controls of a training."""

from tui.keymap import Key, register

register(
    "train",
    "tui.screens.train.screen:TrainScreen",
    title="Train",
    key="2",
    hint="curves, progress and controls",
    keys=(
        Key("space", "pause", "pause", "Pause before the next batch, or resume", "Run",
            footer=True),
        Key("s", "step", "one batch", "Train one batch, then pause", "Run", footer=True),
        Key("x", "stop", "stop", "Save a checkpoint and stop; asks first", "Run", footer=True),
        Key("c", "checkpoint", "save now", "Save a checkpoint now", "Run"),
        Key("r", "run", "run", "Train the chosen config from the beginning", "Run", footer=True),
        Key("R", "resume", "resume", "Resume the stopped run", "Run"),
        Key("plus,equals_sign", "lr(1)", "lr", "Raise the learning rate; ten presses: ×10",
            "Learning rate", footer=True, shown="+ -"),
        Key("minus", "lr(-1)", "lr down", "Lower the learning rate; ten presses: ÷10",
            "Learning rate"),
        Key("y", "log", "log scale", "Logarithmic axis of the focused chart on or off", "View"),
        Key("m", "smooth", "smoothing", "Smoothing of the curves: light, strong or off", "View"),
        Key("z", "zoom", "zoom", "Maximize the focused pane, or restore all", "View", footer=True),
        Key("escape", "back", "all panes", "Show all panes", "View"),
        Key("l,right", "app.focus_next", "next pane", "Next pane", "View"),
        Key("h,left", "app.focus_previous", "previous pane", "Previous pane", "View"),
    ),
)  # fmt: skip
