"""The app and the command line, on the engine."""
