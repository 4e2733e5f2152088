"""Sweeps: many trainings of one config, as they run and as they compare."""

from tui.keymap import Key, register

register(
    "sweeps",
    "tui.screens.sweeps.screen:SweepsScreen",
    title="Sweeps",
    key="7",
    hint="train a config many times, and rank the results",
    keys=(
        Key("i", "inspect", "inspect", "Inspect the network of the trial", "The trial",
            footer=True),
        Key("v", "evaluate", "test", "Evaluate the trial on the test set", "The trial",
            footer=True),
        Key("m", "metric", "metric", "Next metric to rank and draw by", "View", footer=True),
        Key("p", "picture", "picture",
            "Next picture: curves, parallel coordinates, which setting matters", "View",
            footer=True),
        Key("y", "log", "log scale", "Logarithmic axis of the curves on or off", "View"),
        Key("z", "zoom", "zoom", "Maximize the pictures, or restore all", "View", footer=True),
        Key("s", "sort", "sort", "Sort the trials: best first, in their order", "View"),
        Key("r", "refresh", "refresh", "Reload the sweeps", "View"),
        Key("escape", "back", "back", "Restore all panes, or back to the list of sweeps", "View"),
    ),
)  # fmt: skip
