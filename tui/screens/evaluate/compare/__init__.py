"""Compare: the confusion matrices of two networks beside each other, and their difference."""
