"""Evaluate: the test set, confusion matrix and mistakes."""
