"""What the app knows, without a screen: configs, the training, runs, the chosen network."""
