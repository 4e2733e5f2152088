"""Gradients: a gradient check, layer by layer."""
