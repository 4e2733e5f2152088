"""Reading of what an import reads."""

import numpy as np

from engine.importing.source import Source


def read(source: Source, part: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """All images and labels of a part, once they are found to be as promised."""
    samples = source.parts[part]
    blocks = list(samples.blocks(np.arange(len(samples.labels))))
    images = np.concatenate([block.images for block in blocks])
    labels = np.concatenate([block.labels for block in blocks])
    assert images.dtype == np.uint8
    assert images.flags.c_contiguous
    assert images.shape == (len(samples.labels), *source.image_shape)
    np.testing.assert_array_equal(labels, samples.labels)
    return images, labels
