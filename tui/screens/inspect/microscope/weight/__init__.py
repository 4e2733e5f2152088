"""Weight: where the gradient of one weight comes from, and what the optimizer makes of it."""

from tui.keymap import Key, register

register(
    "weight",
    "tui.screens.inspect.microscope.weight.screen:WeightScreen",
    title="Weight",
    over="inspect",
    keys=(
        Key("u", "update", "update", "Switch between the gradient and the optimizer's arithmetic",
            "Arithmetic", footer=True),
        Key("n", "product(1)", "product", "Show the image and place of the next largest product",
            "Arithmetic", footer=True),
        Key("N", "product(-1)", "prev. product", "Show those of the product before", "Arithmetic"),
        Key("pagedown", "scroll(1)", "scroll", "Scroll the arithmetic down", "Arithmetic"),
        Key("pageup", "scroll(-1)", "scroll up", "Scroll the arithmetic up", "Arithmetic"),
        Key("full_stop", "layer(1)", "layer", "Next layer that has weights", "Weight",
            footer=True, shown=", ."),
        Key("comma", "layer(-1)", "prev. layer", "Previous layer that has weights", "Weight"),
        Key("m", "map(1)", "filter", "Next filter of the layer", "Weight", footer=True),
        Key("M", "map(-1)", "prev. filter", "Previous filter of the layer", "Weight"),
        Key("right_square_bracket", "channel(1)", "input", "Next input channel of the filter",
            "Weight", footer=True, shown="[ ]"),
        Key("left_square_bracket", "channel(-1)", "prev. input", "Previous input channel",
            "Weight"),
        Key("p", "parameter", "parameter", "Switch between weight and bias, or scale and shift",
            "Weight"),
        Key("f", "strongest", "strongest", "Go to the weight with the largest gradient", "Weight"),
        Key("escape", "leave", "back", "Back to the microscope", "Weight", footer=True),
        Key("o", "choose_network", "network", "Choose the network to look at", "Network"),
        Key("space", "pause", "pause", "Pause or resume the training", "Training"),
        Key("s", "step", "one batch", "Train one batch, pause, and look again", "Training"),
    ),
)  # fmt: skip
