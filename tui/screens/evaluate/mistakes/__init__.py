"""Mistakes: the images of the test set that a network does worst on."""
