"""Runs: list, compare, resume and export."""
