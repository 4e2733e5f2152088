"""Learned space: test images as points, where the network has put them."""
