"""The same command in a new process, for settings that are read when Python imports NumPy."""

import os
import subprocess
import sys
from collections.abc import Mapping

_RESTARTED = "CNN_TUI_RESTARTED"


def restart(variables: Mapping[str, str]) -> None:
    """Replace this process by one with these environment variables, unless that was done before.

    Args:
        variables: names and values.
    """
    if _RESTARTED in os.environ:  # it did not help
        return
    environment = {**os.environ, **variables, _RESTARTED: "1"}
    command = [sys.executable, *sys.orig_argv[1:]]
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if os.name == "nt":  # there, the shell would not wait for the new process
        sys.exit(subprocess.call(command, env=environment))
    os.execve(command[0], command, environment)
