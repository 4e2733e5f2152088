"""Hints: what goes wrong in a training, why, and a key that changes the config."""
