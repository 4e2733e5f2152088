"""Evaluate: the test set, confusion matrix and mistakes."""

from tui.keymap import FILM_KEYS, Key, register

register(
    "evaluate",
    "tui.screens.evaluate.screen:EvaluateScreen",
    title="Evaluate",
    key="6",
    hint="test set, confusion matrix",
    keys=(
        Key("e", "evaluate", "test", "Evaluate the network on the test set", "Test", footer=True),
        Key("x", "stop", "stop", "Stop the evaluation", "Test"),
        Key("n", "next_mistake", "mistake", "Go to the next most frequent mistake", "Matrix",
            footer=True),
        Key("escape", "back", "back", "Back to the matrix", "Matrix", footer=True),
        Key("p", "percent", "in %", "Switch between counts and percent of the row", "Matrix"),
        Key("i", "inspect", "inspect", "Show the feature maps of the chosen image", "Images",
            footer=True),
        Key("w", "why", "why", "Show which pixels of the chosen image speak for its class",
            "Images"),
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
    "why",
    "tui.screens.evaluate.why.screen:WhyScreen",
    title="Why",
    over="evaluate",
    keys=(
        Key("m", "method", "method", "Next method: gradients, occlusion, Grad-CAM", "Heat map",
            footer=True),
        Key("right_square_bracket", "target(1)", "class", "Explain the next class", "Heat map",
            footer=True, shown="[ ]"),
        Key("left_square_bracket", "target(-1)", "prev. class", "Explain the previous class",
            "Heat map"),
        Key("n", "sample(1)", "sample", "Next image of the test set", "Image", footer=True),
        Key("N", "sample(-1)", "prev. sample", "Previous image", "Image"),
        Key("escape", "leave", "back", "Back to the evaluation", "Image", footer=True),
    ),
)  # fmt: skip
