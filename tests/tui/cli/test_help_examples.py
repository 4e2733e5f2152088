"""Every ``--help`` ends with examples that the command line accepts as they stand."""

import re
import shlex

import pytest

from tui.cli.commands import COMMANDS, load_command
from tui.cli.main import EXAMPLES, MOST_EXAMPLES, command_parser, top_parser
from tui.cli.parser import Parser


def examples_of(parser: Parser) -> list[str]:
    """The lines below the last heading of a help text."""
    _, _, lines = parser.format_help().rpartition("\nexamples:\n")
    return [line.strip() for line in lines.splitlines()]


def words(line: str) -> list[str]:
    """The command in an example, without the shell's part of the line."""
    (command,) = re.findall(r"cnn-tui[^)|#]*", line)
    return shlex.split(command)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_ends_with_examples_that_it_accepts(name: str) -> None:
    parser = command_parser(name)
    assert 1 <= len(examples_of(parser)) <= MOST_EXAMPLES
    for line in load_command(name).EXAMPLES:
        program, command, *arguments = words(line)
        assert (program, command) == ("cnn-tui", name)
        command_parser(name).parse_args(arguments)  # it exits where it does not understand
    for verb, one in parser.verbs.items():
        shown = examples_of(one)
        assert 1 <= len(shown) <= MOST_EXAMPLES
        assert all(line.startswith(f"cnn-tui {name} {verb}") for line in shown)


def test_the_help_of_the_program_ends_with_examples_of_all_its_forms() -> None:
    assert examples_of(top_parser()) == list(EXAMPLES)
    for line in EXAMPLES:
        _, *arguments = words(line)
        if arguments and arguments[0] in COMMANDS:
            command_parser(arguments[0]).parse_args(arguments[1:])
        else:
            top_parser().parse_args(arguments)


def test_examples_fit_a_terminal_of_80_columns() -> None:
    lines = [line for name in COMMANDS for line in load_command(name).EXAMPLES]
    assert max(map(len, lines)) <= 76
