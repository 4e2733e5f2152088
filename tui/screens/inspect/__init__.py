"""Inspect: the layers of a network in numbers and pictures."""

from tui.keymap import FILM_KEYS, Key, register

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
        *FILM_KEYS,
        Key("right_square_bracket", "channel(1)", "input", "Next input channel of the filters",
            "Pictures", footer=True, shown="[ ]"),
        Key("left_square_bracket", "channel(-1)", "prev. input", "Previous input channel",
            "Pictures"),
        Key("n", "sample(1)", "sample", "Next sample image", "Pictures", footer=True),
        Key("N", "sample(-1)", "prev. sample", "Previous sample image", "Pictures"),
        Key("e", "microscope", "number", "Explain a number of the feature maps by its arithmetic",
            "Pictures", footer=True),
        Key("f", "flagged", "flagged", "Go to the next flagged layer", "View"),
        Key("w", "space", "space", "Show where the network puts the images of the test set", "View",
            footer=True),
        Key("z", "zoom", "zoom", "Maximize the focused pane, or restore all", "View", footer=True),
        Key("escape", "back", "all panes", "Show all panes", "View"),
        Key("space", "pause", "pause", "Pause or resume the training", "Training"),
        Key("s", "step", "one batch", "Train one batch, pause, and inspect", "Training"),
        Key("b", "bench", "workbench", "Step through a batch on a copy, or break the copy",
            "Network"),
        Key("B", "bench(True)", "break it", "Break a copy of the network on purpose", "Network"),
    ),
)  # fmt: skip
register(
    "bench",
    "tui.screens.inspect.bench.screen:BenchScreen",
    title="Step",
    over="inspect",
    keys=(
        Key("space", "next", "next layer", "Pass to the next layer, forward and then backward",
            "Batch", footer=True),
        Key("a", "all", "all layers", "Pass through all layers that are left", "Batch",
            footer=True),
        Key("s", "update", "train batch", "Change the weights of the copy by this batch",
            "Batch", footer=True),
        Key("u", "undo", "undo", "Take the last update back, exactly", "Batch", footer=True),
        Key("b", "break_it", "break it", "Break the copy on purpose", "Batch", footer=True),
        Key("escape", "leave", "back", "Back to Inspect; the copy is thrown away", "Batch",
            footer=True),
    ),
)  # fmt: skip
register(
    "break",
    "tui.screens.inspect.bench.break_screen:BreakScreen",
    title="Break it",
    over="inspect",
    keys=(
        Key("b", "break_it", "break, train", "Break the copy with the chosen fault, and train it",
            "Fault", footer=True),
        Key("u", "undo", "undo", "Take the fault back, exactly", "Fault", footer=True),
        Key("escape", "leave", "back", "Back to the batch; a fault is taken back", "Fault",
            footer=True),
    ),
)  # fmt: skip
register(
    "space",
    "tui.screens.inspect.space.screen:SpaceScreen",
    title="Learned space",
    over="inspect",
    keys=(
        Key("o", "choose_network", "network", "Choose the network", "Network", footer=True),
        *FILM_KEYS,
        Key("right_square_bracket", "class(1)", "class", "Show one class alone, or all", "Points",
            footer=True, shown="[ ]"),
        Key("left_square_bracket", "class(-1)", "prev. class", "Show the class before", "Points"),
        Key("space", "pause", "pause", "Pause or resume the training", "Training", footer=True),
        Key("escape", "leave", "back", "Back to the layers", "Points", footer=True),
    ),
)  # fmt: skip
