"""Epochs: each class of a run from its first epoch to its last."""
