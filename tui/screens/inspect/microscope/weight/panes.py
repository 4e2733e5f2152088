"""The panes of a weight: an image of the batch, the weights, the arithmetic."""

from tui.screens.inspect.microscope.calculation import Calculation
from tui.screens.inspect.microscope.pixels import FeatureMap, FramedPicture


class BatchImage(FramedPicture):
    """The image that a product comes from."""

    HELP_TEXT = (
        "The image of the batch that the marked product comes from, as the network saw it: the "
        "largest one at first, n shows the next. The frame is its receptive field, the pixels "
        "that the place of this product depends on."
    )


class Weights(FeatureMap):
    """The weights of a filter or of a layer, with a cursor on one of them."""

    HELP_TEXT = (
        "The weights around the chosen one: a filter's for one input channel, a whole layer's "
        "with a row for each output, or a bias for each output. Blue is below zero, orange above. "
        "The arrows move from weight to weight; m goes to the next filter, the brackets to "
        "another input channel, p to the bias, f to the largest gradient."
    )


class WeightCalculation(Calculation):
    """The products behind a gradient, or the optimizer's arithmetic."""

    HELP_TEXT = (
        "Where the gradient of the weight comes from: at every place that the weight is used, the "
        "gradient there (dy) times the number that the weight was multiplied with. The largest "
        "products are listed, the marked one is shown at the left; then what they add up to, and "
        "which share each sample of the batch has. Their signs differ: the samples pull the "
        "weight up and down. u shows what the optimizer makes of the gradient: its memory of "
        "earlier steps, weight decay, and the learning rate, to the weight after the step. The "
        "batch is the one that comes next in the training. Dropout drops other units than in the "
        "training; all other numbers are the training's own."
    )
