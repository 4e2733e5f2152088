"""Inspect: the layers of a network in numbers and pictures."""

from tui.keymap import Key, register

register(
    "inspect",
    "tui.screens.inspect.screen:InspectScreen",
    title="Inspect",
    key="3",
    hint="layers, filters, gradients",
    keys=(
        Key("o", "choose_network", "network", "Choose the network to look at", "Network",
            footer=True),
        Key("m", "maps", "maps", "Filters, or feature maps of a sample", "Pictures", footer=True),
        Key("right_square_bracket", "channel(1)", "input", "Next input channel of the filters",
            "Pictures", footer=True, shown="[ ]"),
        Key("left_square_bracket", "channel(-1)", "prev. input", "Previous input channel",
            "Pictures"),
        Key("n", "sample(1)", "sample", "Next sample image", "Pictures", footer=True),
        Key("N", "sample(-1)", "prev. sample", "Previous sample image", "Pictures"),
        Key("f", "flagged", "flagged", "Go to the next layer that is flagged", "View"),
        Key("z", "zoom", "zoom", "One pane alone, or all", "View", footer=True),
        Key("escape", "back", "all panes", "All panes again", "View"),
        Key("space", "pause", "pause", "Pause the training, or go on", "Training"),
        Key("s", "step", "one batch", "Train one batch, hold, and look", "Training"),
    ),
)  # fmt: skip
