"""Evaluate: the test set, confusion matrix and mistakes."""

from tui.keymap import Key, register

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
        Key("p", "percent", "in %", "Counts, or percent of the row", "Matrix"),
        Key("i", "inspect", "inspect", "What the layers make of the chosen image", "Images",
            footer=True),
        Key("d", "draw", "draw", "Draw one, and see the prediction", "Images", footer=True),
        Key("z", "zoom", "images", "The images of the cell alone, or all", "Matrix"),
        Key("escape", "back", "back", "Back to the matrix", "Matrix"),
        Key("o", "choose_network", "network", "Choose the run to evaluate", "Network", footer=True),
    ),
)  # fmt: skip
register(
    "draw",
    "tui.screens.evaluate.draw.screen:DrawScreen",
    title="Draw",
    over="evaluate",
    keys=(
        Key("space", "pen", "pen", "Put the pen down, or lift it; the arrows move it", "Paper",
            footer=True),
        Key("x", "clear", "clear", "Clear the paper", "Paper", footer=True),
        Key("n", "sample(1)", "sample", "An image of the test set, to draw on", "Paper",
            footer=True),
        Key("N", "sample(-1)", "prev. sample", "The previous image", "Paper"),
        Key("escape", "leave", "back", "Back to the evaluation", "Paper", footer=True),
    ),
)  # fmt: skip
