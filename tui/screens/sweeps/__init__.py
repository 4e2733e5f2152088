"""Sweeps: many trainings of one config, as they run and as they compare."""

from tui.keymap import Key, register

register(
    "sweeps",
    "tui.screens.sweeps.screen:SweepsScreen",
    title="Sweeps",
    key="7",
    hint="train a config many times, and rank the results",
    keys=(
        Key("n", "new", "new", "Start a sweep of the chosen config", "The sweep", footer=True),
        Key("x", "stop", "stop", "Stop the sweep; asks first, and saves what is trained",
            "The sweep", footer=True),
        Key("R", "resume", "resume", "Train what is left of the sweep", "The sweep", footer=True),
        Key("i", "inspect", "inspect", "Inspect the network of the trial", "The trial",
            footer=True),
        Key("v", "evaluate", "test", "Evaluate the trial on the test set", "The trial",
            footer=True),
        Key("w", "write", "config", "Write the config of the trial to a file, and open it",
            "The trial"),
        Key("m", "metric", "metric", "Next metric to rank and draw by", "View"),
        Key("p", "picture", "picture",
            "Next picture: curves, parallel coordinates, which setting matters", "View",
            footer=True),
        Key("y", "log", "log scale", "Logarithmic axis of the curves on or off", "View"),
        Key("z", "zoom", "zoom", "Maximize the pictures, or restore all", "View"),
        Key("s", "sort", "sort", "Sort the trials: best first, in their order", "View"),
        Key("r", "refresh", "refresh", "Reload the sweeps", "View"),
        Key("escape", "back", "back", "Restore all panes, or back to the list of sweeps", "View"),
    ),
)  # fmt: skip
