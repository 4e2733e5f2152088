"""The command line: parses arguments, runs a headless command or opens the app."""
