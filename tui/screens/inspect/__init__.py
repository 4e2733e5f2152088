"""Inspect: the layers of a network in numbers and pictures."""
