"""Train: curves, progress and controls of a training."""
