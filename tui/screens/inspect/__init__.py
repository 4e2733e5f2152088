"""Inspect: the layers of a network in numbers and pictures."""

from tui.keymap import Key, register

register(
    "inspect",
    "tui.screens.inspect.screen:InspectScreen",
    title="Inspect",
    key="3",
    hint="layers, filters, gradients",
    keys=(
        Key("o", "choose_network", "network", "Choose the network to inspect", "Network",
            footer=True),
        Key("m", "maps", "maps", "Switch between filters and feature maps", "Pictures",
            footer=True),
        Key("right_square_bracket", "channel(1)", "input", "Next input channel of the filters",
            "Pictures", footer=True, shown="[ ]"),
        Key("left_square_bracket", "channel(-1)", "prev. input", "Previous input channel",
            "Pictures"),
        Key("n", "sample(1)", "sample", "Next sample image", "Pictures", footer=True),
        Key("N", "sample(-1)", "prev. sample", "Previous sample image", "Pictures"),
        Key("e", "microscope", "number", "Explain a number of the feature maps by its arithmetic",
            "Pictures", footer=True),
        Key("f", "flagged", "flagged", "Go to the next flagged layer", "View"),
        Key("z", "zoom", "zoom", "Maximize the focused pane, or restore all", "View", footer=True),
        Key("escape", "back", "all panes", "Show all panes", "View"),
        Key("space", "pause", "pause", "Pause or resume the training", "Training"),
        Key("s", "step", "one batch", "Train one batch, pause, and inspect", "Training"),
    ),
)  # fmt: skip
