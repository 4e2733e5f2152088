"""What every layer does, and what to look for in it: a row a layer, for those who learn."""

from dataclasses import dataclass


@dataclass(frozen=True)
class About:
    """Two halves of a sentence about a layer.

    Attributes:
        does: what it makes of its input.
        look_for: what is worth seeing in its numbers and pictures.
    """

    does: str
    look_for: str

    def __str__(self) -> str:
        return f"{self.does}; {self.look_for}."


ABOUT: dict[str, About] = {
    "AvgPool2D": About(
        "shrinks every feature map: each window becomes its mean",
        "the maps are smaller and blurred, and what was where is still seen",
    ),
    "BatchNorm1D": About(
        "brings every feature to mean 0 and variance 1 over the batch, then scales and shifts it",
        "scales near 0 switch features off",
    ),
    "BatchNorm2D": About(
        "brings every feature map to mean 0 and variance 1 over the batch, then scales it",
        "scales near 0 switch maps off",
    ),
    "Conv2D": About(
        "slides small filters over the image; each makes a feature map of where its pattern is",
        "trained filters show edges and strokes, untrained ones noise",
    ),
    "Dense": About(
        "weighs all features for every output and adds them up",
        "weights that stay as they were at the start have learnt nothing",
    ),
    "Dropout": About(
        "sets random features to 0 while training, so that none is relied on alone",
        "it does nothing to a test image",
    ),
    "ELU": About(
        "keeps what is above 0 and bends what is below towards -1",
        "many values at -1 say that it is saturated",
    ),
    "Flatten": About(
        "lays the feature maps out as one long row of features, without any change",
        "its numbers are those of the layer before",
    ),
    "GELU": About(
        "keeps what is well above 0, lets a little of what is just below through",
        "maps that are 0 for every image are of no use",
    ),
    "GlobalAvgPool2D": About(
        "makes one number of every feature map, its mean: how much of the pattern there is",
        "where in the image it was is forgotten",
    ),
    "LeakyReLU": About(
        "keeps what is above 0 and a small part of what is below, so that no channel dies",
        "strong maps are those that matter for this image",
    ),
    "MaxPool2D": About(
        "shrinks every feature map: each window becomes its largest value",
        "the maps are smaller, and what stood out still does",
    ),
    "ReLU": About(
        "sets what is below 0 to 0, which lets layers in a row be more than one",
        "channels that are silent for every image are dead",
    ),
    "Residual": About(
        "adds its input to what its body makes of it, a shortcut that gradients travel along",
        "gradients before it should not be much smaller than behind it",
    ),
    "Sigmoid": About(
        "squeezes every number between 0 and 1",
        "values all near 0 or 1 let hardly any gradient through",
    ),
    "Softmax": About(
        "makes probabilities of the scores: above 0, together 1",
        "one bar near 1 is a sure answer, right or wrong",
    ),
    "Tanh": About(
        "squeezes every number between -1 and 1",
        "values all near -1 or 1 let hardly any gradient through",
    ),
}
