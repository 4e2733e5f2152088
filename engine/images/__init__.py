"""Image files of strangers: opened safely, and made into the pixels that a network is given."""

from engine.images.preparation import AS_IT_IS, Preparation, parse_size

__all__ = ["AS_IT_IS", "Preparation", "parse_size"]
