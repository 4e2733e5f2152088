"""The parser of the command line, and the types of its arguments: an error is one clean line."""

import argparse
import os

from engine.suggest import suggestion

TYPE_CHECKING = False
if TYPE_CHECKING:  # ``typing`` and ``pathlib`` would take as long as the rest of --help
    from pathlib import Path
    from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, and what was probably meant."""

    commands: tuple[str, ...] = ()
    """What could stand where a config stands."""

    def error(self, message: str) -> "NoReturn":
        from engine.commands.output import visible

        line = visible(" ".join(message.split()))
        self.exit(2, f"{self.prog}: {line}; see: {self.prog} --help\n")

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        options, unknown = super().parse_known_args(args, namespace)
        argument = getattr(options, "config_argument", None)
        meant = suggestion(argument, self.commands)
        if unknown:  # said here, by the parser of a subcommand, which knows its options
            meant = meant or suggestion(unknown[0].partition("=")[0], self._option_string_actions)
            self.error(_with(f"unrecognized arguments: {' '.join(unknown)}", meant))
        if argument is not None and options.config is not None:
            self.error(_with(f"expected one config, got {argument} and {options.config}", meant))
        if argument is not None:
            options.config = argument
        return options, unknown

    def _check_value(self, action: argparse.Action, value: str) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            meant = suggestion(value, map(str, action.choices or ()))
            raise argparse.ArgumentError(action, _with(error.message, meant)) from None


def _with(message: str, meant: str) -> str:
    return f"{message}.{meant}" if meant else message


class Help(argparse.RawDescriptionHelpFormatter):
    """Finds the terminal's width without ``shutil``, which loads every compression library."""

    def __init__(self, prog: str) -> None:
        try:
            columns = int(os.environ.get("COLUMNS", "")) or 80
        except ValueError:
            try:
                columns = os.get_terminal_size(1).columns or 80
            except OSError:
                columns = 80
        super().__init__(prog, width=columns - 2)


def path(text: str) -> "Path":
    """A path to read, or a folder; see ``engine.paths``."""
    from engine import paths
    from engine.errors import ConfigError

    try:
        return paths.parse(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def file(text: str) -> "Path":
    """A file to write."""
    from engine import paths
    from engine.errors import ConfigError

    try:
        return paths.parse_file(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def count(text: str) -> int:
    """A whole number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 up, got {text!r}")
    return int(text)
