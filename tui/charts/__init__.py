"""Curves and pictures as characters: scales, axes, braille dots and colours."""
