"""The headless verbs: one file each, a function that does it and returns the exit code.

They speak through an ``Output``: data goes to stdout, narration to stderr. What draws a progress
bar is given by the caller, since the engine has no terminal code.
"""
