"""Trained networks on a test set: one, two beside each other, and one through its training."""
