"""Why: an image of the test set, and which of its pixels speak for a class."""
