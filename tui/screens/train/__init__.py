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
        Key("S", "seeds", "seeds", "Train the chosen config with several seeds", "Run"),
        Key("plus,equals_sign", "lr(1)", "lr", "Raise the learning rate; ten presses: ×10",
            "Learning rate", footer=True, shown="+ -"),
        Key("minus", "lr(-1)", "lr down", "Lower the learning rate; ten presses: ÷10",
            "Learning rate"),
        Key("f", "find_rate", "find lr", "Find a learning rate for the chosen config",
            "Learning rate"),
        Key("w", "hints", "hints", "Show what goes wrong, why, and what to change", "View",
            footer=True),
        Key("y", "log", "log scale", "Logarithmic axis of the focused chart on or off", "View"),
        Key("m", "smooth", "smoothing", "Smoothing of the curves: light, strong or off", "View"),
        Key("z", "zoom", "zoom", "Maximize the focused pane, or restore all", "View", footer=True),
        Key("escape", "back", "all panes", "Show all panes", "View"),
        Key("l,right", "app.focus_next", "next pane", "Next pane", "View"),
        Key("h,left", "app.focus_previous", "previous pane", "Previous pane", "View"),
    ),
)  # fmt: skip
register(
    "rates",
    "tui.screens.train.rates.screen:RatesScreen",
    title="Learning rate",
    over="train",
    keys=(
        Key("w", "write", "write it", "Write the suggestion into the open config", "Config",
            footer=True),
        Key("r", "again", "start over", "Sweep the open config again", "Sweep", footer=True),
        Key("escape", "leave", "back", "Stop the sweep, and go back", "Sweep", footer=True),
    ),
)  # fmt: skip
register(
    "hints",
    "tui.screens.train.hints.screen:HintsScreen",
    title="Hints",
    over="train",
    keys=(
        Key("f", "fix", "fix", "Write the fix of the chosen hint into the open config",
            "Config", footer=True),
        Key("u", "undo", "undo", "Undo the last change of the open config", "Config",
            footer=True),
        Key("escape", "leave", "back", "Back to the curves", "Config", footer=True),
    ),
)  # fmt: skip
