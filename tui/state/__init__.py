"""State of the app without its screens: configs, training, runs, the chosen network."""
