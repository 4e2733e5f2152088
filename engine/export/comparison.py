"""Logits of a network beside those of another program."""

from typing import TYPE_CHECKING

from engine.export.architecture import Architecture

if TYPE_CHECKING:
    from engine.arrays import Array
    from engine.layers import Sequential


def logits_of(model: "Sequential", architecture: Architecture, images: "Array") -> "Array":
    """Logits of a network when evaluating, (N, classes).

    Args:
        model: an initialised network; it stays as it is.
        architecture: its normalisation.
        images: (N, C, H, W), float32 pixels divided by 255.
    """
    import numpy as np

    with np.errstate(invalid="ignore", over="ignore"):  # weights that diverged are no reason
        return model.replica().eval().forward(architecture.normalised(images))


def agree(ours: "Array", theirs: "Array") -> bool:
    """Whether logits differ by rounding only; a mistake in a layer is far above that."""
    import numpy as np

    scale = max(1.0, float(np.abs(ours).max()))
    return largest_difference(ours, theirs) <= 1e-3 * scale


def largest_difference(ours: "Array", theirs: "Array") -> float:
    """The largest difference of two arrays; NaN where only one is finite."""
    import numpy as np

    with np.errstate(invalid="ignore"):
        differences = np.abs(ours - theirs)
    differences[(ours == theirs) | (np.isnan(ours) & np.isnan(theirs))] = 0
    return float(differences.max())
