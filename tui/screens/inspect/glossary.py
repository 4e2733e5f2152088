"""A glossary of the parts of a network, each in a sentence."""

GLOSSARY = {
    "filter": "a small picture of weights that a convolution slides over its input: it responds "
    "strongly where the input looks like it",
    "feature map": "the response of a filter, as a picture: bright where its pattern was found",
    "channel": "one of the pictures in a stack: red, green and blue of an image, or the feature "
    "maps of a layer, which are the input channels of the next one",
    "pool": "a layer that makes feature maps smaller, by the largest value or the mean of each "
    "window",
    "loss": "one number for how wrong the network is; training moves the weights to where it is "
    "smaller",
    "gradient": "for every weight, how the loss changes as the weight grows: training moves the "
    "weight the other way",
}


def explained(*words: str) -> str:
    """Some of the words with what they mean, in one text."""
    return " ".join(f"{word[0].upper()}{word[1:]}: {GLOSSARY[word]}." for word in words)
