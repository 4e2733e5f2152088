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
    "receptive field": "the pixels of the image that a number depends on; all others could be "
    "anything",
    "patch": "the part of its input that a layer looks at for one number, as large as its filter",
    "product": "two numbers multiplied: a convolution is a sum of products of pixels and weights",
    "slope": "how much a layer's output grows where its input grows a little; of a ReLU 1 or 0",
    "dy": "the gradient at an output of a layer, which comes from the layers behind it",
    "velocity": "the optimizer's memory of its last steps: with momentum, a weight keeps moving "
    "where the gradients agree",
    "moments": "Adam's memory: the running mean of a weight's gradients, and that of their "
    "squares, which says how large they usually are",
    "orthogonal": "of a matrix: no direction in it is larger than another; Muon brings the steps "
    "of all filters of a layer, as rows of a matrix, close to that",
    "hash": "a fingerprint of numbers: if one bit of them changes, it is another one",
    "features": "the numbers that a network has made of an image, such as those before its last "
    "layer",
    "variance": "how widely numbers are spread around their mean",
    "PCA": "principal component analysis: the directions in which points are spread widest, so "
    "that two of them show the most",
    "logit": "the network's output for a class before softmax makes a probability of it",
    "occlusion": "covering a part of the image, to see how much the answer depends on it",
    "saliency": "how strongly each pixel speaks for or against a class",
}


def explained(*words: str) -> str:
    """Some of the words with what they mean, in one text."""
    return " ".join(f"{word[0].upper()}{word[1:]}: {GLOSSARY[word]}." for word in words)
