"""Draw: a digit drawn by hand, and what the network makes of it."""
