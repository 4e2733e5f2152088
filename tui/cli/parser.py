"""The command line's parser, argument types and shared options; every error is one line."""

import argparse
import os

from engine import __version__
from engine.errors import ExitCode
from engine.suggest import suggestion

TYPE_CHECKING = False
if TYPE_CHECKING:  # ``typing`` and ``pathlib`` would take as long as the rest of --help
    from pathlib import Path
    from typing import NoReturn

RUN = "a run: its id or a part of it, its folder, or a file in it"
RUNS = f"{RUN}; or a group of runs by its id"
CONFIG = "a YAML file, a name from 'config list', or - for standard input"


class Parser(argparse.ArgumentParser):
    """A parser that reports errors in one line, with a suggestion.

    Attributes:
        commands: words that are valid where a config is expected.
        verbs: the parsers of ``add_verbs``, by name.
    """

    commands: tuple[str, ...] = ()
    verbs: "dict[str, Parser]" = {}

    def add_verbs(self, texts: dict[str, str]) -> "dict[str, Parser]":
        """Add subcommands, stored as ``options.verb``.

        Args:
            texts: the names, and their lines in ``--help``.

        Returns:
            Their parsers by name.
        """
        metavar = "|".join(texts)
        subparsers = self.add_subparsers(dest="verb", required=True, metavar=metavar)
        self.verbs = {
            verb: subparsers.add_parser(verb, help=text, description=text, formatter_class=Help)
            for verb, text in texts.items()
        }
        return self.verbs

    def error(self, message: str) -> "NoReturn":
        from engine.sanitize import visible

        line = visible(" ".join(message.split()))
        self.exit(ExitCode.BAD_INPUT, f"{self.prog}: {line}; see: {self.prog} --help\n")

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        options, unknown = super().parse_known_args(args, namespace)
        argument = getattr(options, "config_argument", None)
        meant = suggestion(argument, self.commands)
        if unknown:  # reported by the parser of a subcommand, which knows its options
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
    """A formatter that finds the terminal's width without ``shutil``, which is slow to import."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=terminal_columns() - 2)


def terminal_columns() -> int:
    """The width of the terminal; 80 where stdout is none."""
    try:
        return int(os.environ.get("COLUMNS", "")) or 80
    except ValueError:
        try:
            return os.get_terminal_size(1).columns or 80
        except OSError:
            return 80


# -- types of arguments ------------------------------------------------------------------------


def path(text: str) -> "Path":
    """A file to read, or a folder; see ``engine.paths``."""
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


def seed(text: str) -> int:
    """A whole number from 0 up."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number from 0 up, got {text!r}")
    return int(text)


def image_size(text: str) -> tuple[int, int]:
    """Height and width: ``32`` or ``32x48``."""
    from engine.images import parse_size  # it comes with pydantic: only where a size is given

    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


# -- options of several commands ---------------------------------------------------------------


def add_config_argument(parser: Parser) -> None:
    """A config as an argument."""
    parser.add_argument("config_argument", nargs="?", metavar="CONFIG", help="as --config")


def add_config(parser: Parser, *, default: str = "quickstart") -> None:
    """A config, as an argument or as ``--config``, and ``--set``."""
    add_config_argument(parser)
    _add_config_option(parser, default)


def _add_config_option(parser: Parser, default: str = "quickstart") -> None:
    parser.add_argument("--config", metavar="CONFIG", help=f"{CONFIG}; default: {default}")
    add_overrides(parser)


def add_portable(parser: Parser) -> None:
    """``--portable``."""
    parser.add_argument(
        "--portable",
        action="append_const",
        dest="overrides",
        const="train.portable=true",
        help="the same bits on x86-64 processors of all makers, as train.portable",
    )


def add_overrides(
    parser: Parser, text: str = "override a value, e.g. train.lr=0.1; may be repeated"
) -> None:
    """``--set KEY=VALUE``."""
    parser.add_argument(
        "--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE", help=text
    )


def add_weights(parser: Parser, *, default: str = "") -> None:
    """``--weights``, required without a default, and ``--runs-dir``."""
    parser.add_argument(
        "--weights",
        required=not default,
        metavar="W",
        help=f"a file of weights, or {RUN}" + (f"; default: {default}" if default else ""),
    )
    parser.add_argument(
        "--runs-dir",
        type=path,
        metavar="DIR",
        help="folder of the runs; default: that of the config, or runs",
    )


def add_runs_dir(parser: Parser) -> None:
    """``--runs-dir`` of a command that takes no config."""
    parser.add_argument(
        "--runs-dir",
        type=path,
        metavar="DIR",
        default="runs",
        help="folder of the runs; default: runs",
    )


def add_seeds(parser: Parser) -> None:
    """``--seeds`` of a command that trains a config."""
    parser.add_argument(
        "--seeds",
        type=count,
        metavar="N",
        help="train N runs, with the config's seed and the next ones, as a group",
    )


def add_continue(parser: Parser) -> None:
    """``--resume`` of a command that trains a config."""
    parser.add_argument(
        "--resume",
        action="store_true",
        help="resume the newest unfinished run of this config, if there is one; with --seeds the "
        "newest unfinished group",
    )


def add_program_options(parser: Parser) -> None:
    """The options of a command line without a command."""
    _add_config_option(parser)
    parser.add_argument("--no-ui", action="store_true", help="train headless")
    add_continue(parser)
    add_seeds(parser)
    add_portable(parser)
    add_output(parser)
    parser.add_argument("--version", action="version", version=f"cnn-tui {__version__}")


def add_output(parser: Parser) -> None:
    """``--json``, ``--quiet`` and ``--debug``, which every command has."""
    parser.add_argument("--json", action="store_true", help="data as JSON lines on stdout")
    parser.add_argument("--quiet", action="store_true", help="no narration on stderr")
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors")
