"""Microscope: one number of a feature map, and the arithmetic behind it."""

from tui.keymap import Key, register

register(
    "microscope",
    "tui.screens.inspect.microscope.screen:MicroscopeScreen",
    title="Microscope",
    over="inspect",
    keys=(
        Key("full_stop", "layer(1)", "layer", "The same place in the next layer", "Place",
            footer=True, shown=", ."),
        Key("comma", "layer(-1)", "prev. layer", "The same place in the layer before", "Place"),
        Key("m", "map(1)", "map", "Next feature map of the layer", "Place", footer=True),
        Key("M", "map(-1)", "prev. map", "Previous feature map of the layer", "Place"),
        Key("escape", "leave", "back", "Back to the screen before", "Place", footer=True),
        Key("right_square_bracket", "channel(1)", "input", "Next input channel of the products",
            "Arithmetic", footer=True, shown="[ ]"),
        Key("left_square_bracket", "channel(-1)", "prev. input", "Previous input channel",
            "Arithmetic"),
        Key("g", "gradient", "gradient", "Switch between the number and its gradient", "Arithmetic",
            footer=True),
        Key("w", "weight", "weight", "Show a weight: its gradient, and the optimizer's arithmetic",
            "Arithmetic", footer=True),
        Key("pagedown", "scroll(1)", "scroll", "Scroll the arithmetic down", "Arithmetic"),
        Key("pageup", "scroll(-1)", "scroll up", "Scroll the arithmetic up", "Arithmetic"),
        Key("n", "sample(1)", "sample", "Next sample image", "Sample", footer=True),
        Key("N", "sample(-1)", "prev. sample", "Previous sample image", "Sample"),
        Key("f", "strongest", "strongest", "Go to the strongest number of the feature map",
            "Place"),
        Key("o", "choose_network", "network", "Choose the network to look at", "Network"),
        Key("space", "pause", "pause", "Pause or resume the training", "Training"),
        Key("s", "step", "one batch", "Train one batch, pause, and look again", "Training"),
    ),
)  # fmt: skip
