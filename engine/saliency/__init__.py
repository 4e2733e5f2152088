"""Saliency: which pixels of an image speak for a class."""
