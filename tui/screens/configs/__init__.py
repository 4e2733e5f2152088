"""Configs: choose, understand and edit a config."""
