"""The workbench: a copy of the network, stepped through layer by layer, and broken on purpose."""
