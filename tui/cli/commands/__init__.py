"""The commands: one module or folder each, registered by one line in ``COMMANDS``.

A module has two functions: ``add_arguments(parser)`` and ``run(options, out)``, which returns the
exit code; and ``EXAMPLES``, the command lines that its ``--help`` ends with. It imports the engine
inside of functions, so that ``--help`` stays fast.
"""

from tui.cli.parser import Parser, add_output

TYPE_CHECKING = False
if TYPE_CHECKING:  # ``typing`` would take as long as the rest of --help
    import argparse
    from typing import Protocol

    from tui.cli.output import Output

    class Command(Protocol):
        """The interface of a command's module."""

        EXAMPLES: tuple[str, ...]

        def add_arguments(self, parser: Parser) -> None: ...

        def run(self, options: argparse.Namespace, out: Output) -> int: ...


COMMANDS = {
    "train": "train headless (the same as --no-ui)",
    "sweep": "train a config with many values of some keys, several at once, and rank them",
    "lr-find": "find a learning rate for a config, by a short training whose rate grows",
    "resume": "resume an interrupted run, exactly where it stopped",
    "evaluate": "accuracy, scores per class and confusion matrix on the test set",
    "predict": "ask a trained network about image files",
    "explain": "show which pixels of an image speak for a class",
    "export": "write a trained network for other programs",
    "gradcheck": "check the gradients of a network against numerical ones",
    "data": "list, fetch, verify, import or remove data sets",
    "runs": "list, show, compare or verify runs",
    "report": "write a report on runs: figures, one HTML page, and Markdown",
    "lessons": "list the lessons, or open one beside the live screens",
    "config": "list, check, show or make configs, or print their JSON Schema",
    "bench": "measure how fast networks train and predict on this machine",
    "completion": "print what makes bash, zsh or fish complete command lines",
}
"""Names, which are those of the modules but for the hyphen, and their lines in ``--help``."""


def load_command(name: str) -> "Command":
    """The module of a command."""
    from importlib import import_module

    module: Command = import_module(f"{__name__}.{name.replace('-', '_')}")
    return module


def add_command(parser: Parser, name: str) -> None:
    """Add the arguments of a command to a parser, and the options that every command has."""
    load_command(name).add_arguments(parser)
    for one in parser.verbs.values() or [parser]:
        add_output(one)
