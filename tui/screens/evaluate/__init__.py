"""Evaluate: the test set, confusion matrix and mistakes."""

from tui.keymap import FILM_KEYS, IMAGE_KEYS, NEWEST_KEY, Key, register

register(
    "evaluate",
    "tui.screens.evaluate.screen:EvaluateScreen",
    title="Evaluate",
    key="6",
    hint="test set, confusion matrix",
    keys=(
        Key("e", "evaluate", "test", "Evaluate the network on the test set", "Test", footer=True),
        Key("x", "stop", "stop", "Stop the evaluation", "Test"),
        Key("n", "next_mistake", "next cell", "Go to the next most frequent mistake", "Matrix",
            footer=True),
        Key("escape", "back", "back", "Back to the matrix", "Matrix", footer=True),
        Key("p", "percent", "in %", "Switch between counts and percent of the row", "Matrix"),
        *IMAGE_KEYS,
        Key("m", "mistakes", "mistakes",
            "List the images with the largest loss, and the most confident mistakes", "Images",
            footer=True),
        Key("c", "compare", "compare", "Compare the matrix with that of another run", "Matrix"),
        Key("a", "epochs", "epochs", "Show each class over the epochs of the run", "Images"),
        Key("d", "draw", "image",
            "Draw an image or open a photo from a file, and see the prediction", "Images",
            footer=True),
        Key("z", "zoom", "images", "Maximize the images of the cell, or restore all", "Matrix"),
        Key("o", "choose_network", "network", "Choose the run to evaluate", "Network", footer=True),
    ),
)  # fmt: skip
register(
    "draw",
    "tui.screens.evaluate.draw.screen:DrawScreen",
    title="Draw",
    over="evaluate",
    keys=(
        Key("space", "pen", "pen", "Put the pen down or lift it; arrows move it", "Canvas",
            footer=True),
        Key("x", "clear", "clear", "Clear the canvas", "Canvas", footer=True),
        Key("o", "open", "open", "Open an image file, a photograph for example", "Canvas",
            footer=True),
        Key("n", "sample(1)", "sample", "Load an image of the test set", "Canvas",
            footer=True),
        Key("N", "sample(-1)", "prev. sample", "Load the previous image", "Canvas"),
        *FILM_KEYS,
        Key("m", "maps", "maps", "Switch between predictions and the maps of a layer", "Layers",
            footer=True),
        Key("right_square_bracket", "layer(1)", "layer", "Maps of the next layer", "Layers",
            footer=True, shown="[ ]"),
        Key("left_square_bracket", "layer(-1)", "prev. layer", "Maps of the layer before",
            "Layers"),
        Key("escape", "leave", "back", "Back to the evaluation", "Canvas", footer=True),
    ),
)  # fmt: skip
register(
    "mistakes",
    "tui.screens.evaluate.mistakes.screen:MistakesScreen",
    title="Mistakes",
    over="evaluate",
    keys=(
        Key("s", "order", "order", "Sort by loss, or the most confident mistakes first", "List",
            footer=True),
        *IMAGE_KEYS,
        NEWEST_KEY,
        Key("escape", "leave", "back", "Back to the evaluation", "List", footer=True),
    ),
)  # fmt: skip
register(
    "compare",
    "tui.screens.evaluate.compare.screen:CompareScreen",
    title="Compare",
    over="evaluate",
    keys=(
        Key("m", "matrix", "matrix", "Next matrix: the difference, the first, the second",
            "Matrices", footer=True),
        Key("n", "next_change", "next cell", "Go to the cell that changed next most", "Matrices",
            footer=True),
        NEWEST_KEY,
        Key("escape", "leave", "back", "Back to the evaluation", "Matrices", footer=True),
    ),
)  # fmt: skip
register(
    "epochs",
    "tui.screens.evaluate.epochs.screen:EpochsScreen",
    title="Epochs",
    over="evaluate",
    keys=(
        Key("escape", "leave", "back", "Stop, and go back to the evaluation", "Epochs",
            footer=True),
    ),
)  # fmt: skip
