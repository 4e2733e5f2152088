"""The console script: parses the command line, and imports only what the command needs.

``--help`` and ``--version`` import neither NumPy nor Textual; only the app imports Textual.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from engine.errors import ExitCode
from tui.cli.commands import COMMANDS, add_command, load_command
from tui.cli.parser import Help, Parser, add_config_argument, add_program_options

EXIT_CODES = "\n".join(
    [
        "exit codes:",
        *(f"  {code}  {code.meaning}" for code in ExitCode),
        "  130, 143, 129  stopped by SIGINT (Ctrl-C), SIGTERM or SIGHUP; a checkpoint is saved",
        "",
    ]
)

EXAMPLES = (
    "cnn-tui",
    "cnn-tui --no-ui --config quickstart",
    "cnn-tui evaluate --weights quickstart",
)
MOST_EXAMPLES = 3
"""Of a help text; a command with verbs may have more, and each verb shows its own."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    _keep_standard_streams()
    if argv is None and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until a command has handlers of its own, Ctrl-C ends it as SIGTERM does: as an exception
        # in the middle of an import it would be a page of traceback, or another error.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in COMMANDS:
        name = arguments[0]
        options = command_parser(name).parse_args(arguments[1:])
        return _run_command(name, options, restartable=argv is None)
    parser = top_parser()
    options = parser.parse_args(arguments)
    if options.no_ui:
        return _run_command("train", options, restartable=argv is None)
    if options.resume:
        parser.error("--resume needs --no-ui; the app offers to resume a run by itself")
    if options.seeds is not None:
        parser.error("--seeds needs --no-ui; in the app, S trains several seeds")
    return _open_app(options, restartable=argv is None)


def _keep_standard_streams() -> None:
    """Reopen closed standard streams, so that no file gets their number, and their output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def top_parser() -> Parser:
    """The parser of a command line without a command."""
    listed = "\n".join(f"  {name:10}  {text}" for name, text in COMMANDS.items())
    parser = Parser(
        prog="cnn-tui",
        usage="cnn-tui [CONFIG]\n       cnn-tui --no-ui [--config CONFIG] [--set KEY=VALUE]...\n"
        "       cnn-tui COMMAND ...",
        description="Build, train and look inside small convolutional networks in NumPy. "
        "Without --no-ui or a command it opens the app.",
        epilog=f"commands (each has --help):\n{listed}\n\n{EXIT_CODES}\n{_examples(EXAMPLES)}",
        formatter_class=Help,
    )
    parser.commands = tuple(COMMANDS)
    add_config_argument(parser)
    add_program_options(parser)
    return parser


def command_parser(name: str) -> Parser:
    """The parser of a command."""
    examples = load_command(name).EXAMPLES
    parser = Parser(
        prog=f"cnn-tui {name}",
        description=COMMANDS[name][0].upper() + COMMANDS[name][1:] + ".",
        epilog=f"{EXIT_CODES}\n{_examples(examples)}",
        formatter_class=Help,
    )
    add_command(parser, name)
    for verb, one in parser.verbs.items():
        own = [line for line in examples if line.split()[2] == verb]
        one.epilog = _examples(own)
    return parser


def _examples(lines: Sequence[str]) -> str:
    """The end of a help text: a few command lines that work as they stand."""
    return "\n".join(["examples:", *(f"  {line}" for line in lines[:MOST_EXAMPLES])])


def _run_command(name: str, options: argparse.Namespace, *, restartable: bool) -> int:
    """Run a command, which may be the work of several ranks together."""
    from engine.parallel.launcher import launched_ranks

    launched = launched_ranks()
    if launched is None:
        return _run_here(name, options, restartable=restartable)
    from tui.cli.ranks import run_on_ranks

    def run_here() -> int:
        return _run_here(name, options, restartable=restartable)

    return run_on_ranks(launched, name, options, run_here)


def _run_here(name: str, options: argparse.Namespace, *, restartable: bool) -> int:
    """Run a command; an error is reported in one line, and is an exit code.

    Args:
        name: of the command.
        options: parsed.
        restartable: whether it is all that this process does, and may start it again.
    """
    from tui.cli.progress import make_output

    out = make_output(as_json=options.json, quiet=options.quiet)
    try:
        code = load_command(name).run(options, out)
        return code or (ExitCode.FAILED if out.problem else ExitCode.DONE)
    except KeyboardInterrupt:
        return ExitCode.of_signal(signal.SIGINT)
    except Exception as error:
        out.progress.close()
        if restartable:
            _restart_if_that_helps(error, options)
        if options.debug:
            import traceback

            traceback.print_exc()
        message, code = _explain(error)
        out.complain(message)
        return code
    finally:
        out.close()


def _restart_if_that_helps(error: Exception | None, options: argparse.Namespace) -> None:
    from engine.portable import NotPortable
    from engine.services.configs import is_pipe
    from tui.cli.restart import restart

    config = getattr(options, "config", None)
    if isinstance(error, NotPortable) and error.variables and not is_pipe(config):
        restart(error.variables)


def _explain(error: Exception) -> tuple[str, int]:
    """The message about an error, and its exit code."""
    from engine.errors import EngineError

    if isinstance(error, EngineError):
        return str(error), error.exit_code
    if isinstance(error, MemoryError):
        what = f": {str(error)[:1].lower()}{str(error)[1:]}" if str(error) else ""
        message = f"not enough memory{what}; try a smaller batch or a smaller network"
        return message, ExitCode.FAILED
    text = " ".join(str(error).split())
    message = f"cnn-tui failed: {type(error).__name__}: {text}; --debug shows where"
    return message, ExitCode.FAILED


def _open_app(options: argparse.Namespace, *, restartable: bool) -> int:
    from engine.parallel.launcher import launched_ranks

    launched = launched_ranks()
    if launched is not None:
        from tui.cli.ranks import refuse

        return refuse(launched, "the app")
    chosen = None
    if options.config is not None:
        from engine.errors import ConfigError
        from engine.paths import kind_at
        from engine.sanitize import visible
        from engine.services.configs import resolve

        try:
            chosen = resolve(options.config, COMMANDS)
            if kind_at(chosen) != "file":
                raise ConfigError(
                    f"{chosen}: not a file, so the app cannot edit it; a pipe can be trained with: "
                    "cnn-tui train"
                )
        except ConfigError as error:
            return _refuse(visible(str(error)))
    from tui.cli.opening import open_app, why_not

    reason = why_not()
    if reason:
        return _refuse(reason)
    if restartable:
        _restart_if_that_helps(_not_portable(options), options)
    return open_app(chosen, options.overrides)


def _not_portable(options: argparse.Namespace) -> Exception | None:
    """What keeps the config from being trained portably, as it asks for."""
    from engine.errors import EngineError
    from engine.services.configs import open_config
    from engine.train import factory

    try:
        factory.check_arithmetic(open_config(options.config, options.overrides))
    except EngineError as error:  # the app shows what is wrong with a config
        return error
    return None


def _refuse(message: str) -> int:
    print(f"cnn-tui: {message}", file=sys.stderr)
    return ExitCode.BAD_INPUT
