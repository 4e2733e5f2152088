"""What several tests share: cases, oracles, mutants, run makers, the app pilot."""

from pathlib import Path

TINY_CONFIG = Path(__file__).with_name("tiny.yaml")
"""A run that is over in a moment."""
