"""Hints: what the curves and layers of a run say, with numbers, a fix and a reason."""
