"""The console script: reads the command line, and imports only what the command needs.

``--help`` and ``--version`` import neither NumPy nor Textual; a headless command never imports
Textual; only the app does.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence

from engine import __version__
from tui.cli import verbs
from tui.cli.arguments import Help, Parser, count, file, path

EXIT_CODES = """\
exit codes:
  0  done
  1  the run failed: it diverged, was not saved, or a gradient check or runs verify failed
  2  the command line or the config is wrong
  3  a data set or checkpoint is missing or corrupt
  130, 143, 129  stopped by SIGINT (Ctrl-C), SIGTERM or SIGHUP; a checkpoint is saved
"""

COMMANDS = {
    "train": "train headless (the same as --no-ui)",
    "resume": "resume an interrupted run, exactly where it stopped",
    "evaluate": "accuracy, per-class table and confusion matrix on the test set",
    "export": "write a trained network for other programs",
    "gradcheck": "prove the gradients of a network against numerical ones",
    "data": "list, fetch or verify the data sets",
    "runs": "list, show, compare or verify what was trained",
    "config": "list, check or show configs, or print their JSON Schema",
    "bench": "measure how fast networks train and predict on this machine",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    _keep_standard_streams()
    if argv is None and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until a command has handlers of its own, Ctrl-C ends it as SIGTERM does: as an exception
        # in the middle of an import it would be a page of traceback, or another error.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in COMMANDS:
        return _guarded(_command_parser(arguments[0]).parse_args(arguments[1:]))
    parser = _top_parser()
    options = parser.parse_args(arguments)
    if options.no_ui:
        options.run = verbs.run_train
        return _guarded(options)
    if options.resume:
        parser.error("--resume needs --no-ui; the app offers to resume a run by itself")
    return _open_app(options)


def _keep_standard_streams() -> None:
    """Open those that were closed, lest a file of ours gets their number and others' output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _top_parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {name:10}  {text}" for name, text in COMMANDS.items())
    parser = Parser(
        prog="cnn-tui",
        usage="cnn-tui [CONFIG]\n       cnn-tui --no-ui [--config CONFIG] [--set KEY=VALUE]...\n"
        "       cnn-tui COMMAND ...",
        description="Build, train and look inside small convolutional networks in NumPy. "
        "Without --no-ui or a command it opens the app.",
        epilog=f"commands (each has --help):\n{listed}\n\n{EXIT_CODES}",
        formatter_class=Help,
    )
    parser.commands = tuple(COMMANDS)
    _add_config(parser)
    parser.add_argument("--no-ui", action="store_true", help="train headless")
    _add_continue(parser)
    _add_output(parser)
    parser.add_argument("--version", action="version", version=f"cnn-tui {__version__}")
    return parser


def _command_parser(name: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=f"cnn-tui {name}",
        description=COMMANDS[name][0].upper() + COMMANDS[name][1:] + ".",
        epilog=EXIT_CODES,
        formatter_class=Help,
    )
    _ADDERS[name](parser)
    return parser


def _add_train(parser: argparse.ArgumentParser) -> None:
    _add_config(parser)
    _add_continue(parser)
    _add_output(parser)
    parser.set_defaults(run=verbs.run_train)


def _add_continue(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--resume",
        action="store_true",
        help="resume the newest unfinished run of this config, if there is one",
    )


def _add_resume(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_name", metavar="RUN", help=_RUN)
    parser.add_argument("--runs-dir", type=path, default="runs", help="default: runs")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="overrides",
        metavar="KEY=VALUE",
        help="change what does not change what was trained: train.epochs, train.workers, "
        "train.checkpoint_every, the patience of early_stopping, data.root, reports_dir",
    )
    parser.add_argument(
        "--allow-outside-paths",
        action="store_true",
        dest="allow_outside",
        help="let a run that was not started here write outside of its own folder",
    )
    _add_output(parser)
    parser.set_defaults(run=verbs.run_resume)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    _add_config(parser, default="that of the run")
    _add_weights(parser)
    _add_output(parser)
    parser.set_defaults(run=verbs.run_evaluate)


def _add_export(parser: argparse.ArgumentParser) -> None:
    from engine.export import EXPORTERS

    _add_config(parser, default="that of the run")
    _add_weights(parser)
    parser.add_argument("--format", choices=list(EXPORTERS), default="npz", help="default: npz")
    parser.add_argument("--output", type=file, required=True, metavar="P", help="file to write")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the files that are there already"
    )
    _add_output(parser)
    parser.set_defaults(run=verbs.run_export)


def _add_gradcheck(parser: argparse.ArgumentParser) -> None:
    _add_config(parser, default="that of the run, or quickstart")
    _add_weights(parser, default="fresh weights")
    parser.add_argument(
        "--mode",
        choices=["exact", "directions"],
        default="directions",
        help="every entry, or a few random directions per tensor (default, fast)",
    )
    parser.add_argument("--samples", type=int, default=4, help="how many real images; default: 4")
    _add_output(parser)
    parser.set_defaults(run=verbs.run_gradcheck)


def _add_data(parser: argparse.ArgumentParser) -> None:
    subparsers = parser.add_subparsers(dest="verb", required=True, metavar="list|fetch|verify")
    for verb, text in (
        ("list", "which data sets there are"),
        ("fetch", "download one"),
        ("verify", "check the files of one"),
    ):
        one = subparsers.add_parser(verb, help=text, description=text)
        if verb != "list":
            one.add_argument("name", help="e.g. mnist")
        one.add_argument(
            "--root", type=path, help="folder of the data sets; default: $CNN_TUI_DATA or data/raw"
        )
        _add_output(one)
    parser.set_defaults(run=verbs.run_data)


def _add_runs(parser: argparse.ArgumentParser) -> None:
    subparsers = parser.add_subparsers(
        dest="verb", required=True, metavar="list|show|compare|verify"
    )
    for verb, text in (
        ("list", "all runs, the newest first"),
        ("show", "the record and metrics of one"),
        ("compare", "some side by side"),
        ("verify", "train one again, and see whether its weights come out the same"),
    ):
        one = subparsers.add_parser(verb, help=text, description=text)
        if verb != "list":
            one.add_argument(
                "names",
                nargs="+" if verb == "compare" else 1,
                metavar="RUN",
                help=_RUN,
            )
        if verb == "verify":
            one.add_argument("--epochs", type=count, metavar="N", help="the first N epochs only")
        one.add_argument("--runs-dir", type=path, default="runs", help="default: runs")
        _add_output(one)
    parser.set_defaults(run=verbs.run_runs)


def _add_config_command(parser: argparse.ArgumentParser) -> None:
    subparsers = parser.add_subparsers(dest="verb", required=True, metavar="list|check|show|schema")
    for verb, text in (
        ("list", "the configs there are"),
        ("check", "say whether they can be run, and show their networks"),
        ("show", "one with every value spelled out"),
        ("schema", "JSON Schema, for editors"),
    ):
        one = subparsers.add_parser(verb, help=text, description=text)
        if verb == "check":
            one.add_argument("configs", nargs="*", metavar="CONFIG", help=_CONFIG)
        if verb == "show":
            one.add_argument("config", nargs="?", metavar="CONFIG", help=_CONFIG)
        if verb in ("check", "show"):
            _add_set(one)
        _add_output(one)
    parser.set_defaults(run=verbs.run_config)


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", metavar="NAME", help="e.g. lenet_mnist; default: all presets")
    parser.add_argument("--batch", type=int, default=128, metavar="N", help="default: 128")
    parser.add_argument("--workers", type=int, metavar="N", help="default: one for every core")
    _add_output(parser)
    parser.set_defaults(run=verbs.run_bench)


_ADDERS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "train": _add_train,
    "resume": _add_resume,
    "evaluate": _add_evaluate,
    "export": _add_export,
    "gradcheck": _add_gradcheck,
    "data": _add_data,
    "runs": _add_runs,
    "config": _add_config_command,
    "bench": _add_bench,
}


_RUN = "a run: its id or a part of it, its folder, or a file in it"
_CONFIG = "a YAML file, a name that 'config list' shows, or - for standard input"


def _add_config(parser: argparse.ArgumentParser, *, default: str = "quickstart") -> None:
    parser.add_argument("config_argument", nargs="?", metavar="CONFIG", help="as --config")
    parser.add_argument("--config", metavar="CONFIG", help=f"{_CONFIG}; default: {default}")
    _add_set(parser)


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="overrides",
        metavar="KEY=VALUE",
        help="override a value, e.g. train.lr=0.1; may be repeated",
    )


def _add_weights(parser: argparse.ArgumentParser, *, default: str = "") -> None:
    parser.add_argument(
        "--weights",
        required=not default,
        metavar="W",
        help=f"a file of weights, or {_RUN}" + (f"; default: {default}" if default else ""),
    )
    parser.add_argument(
        "--runs-dir", type=path, help="where runs are; default: that of the config, or runs"
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="data as JSON lines on stdout")
    parser.add_argument("--quiet", action="store_true", help="no narration on stderr")
    parser.add_argument("--debug", action="store_true", help="tracebacks of errors")


def _guarded(options: argparse.Namespace) -> int:
    """Run a headless command; an error is one line and its exit code."""
    from tui.cli.progress import make_output

    out = make_output(as_json=options.json, quiet=options.quiet)
    try:
        code = options.run(options, out)
        return code or (1 if out.problem else 0)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        out.progress.close()
        if options.debug:
            import traceback

            traceback.print_exc()
        message, code = _explain(error)
        out.complain(message)
        return code
    finally:
        out.close()


def _explain(error: Exception) -> tuple[str, int]:
    """What to say about an error, and the exit code."""
    from engine.errors import EngineError

    if isinstance(error, EngineError):
        return str(error), error.exit_code
    if isinstance(error, MemoryError):
        what = f": {str(error)[:1].lower()}{str(error)[1:]}" if str(error) else ""
        return f"not enough memory{what}; try a smaller batch or a smaller network", 1
    text = " ".join(str(error).split())
    return f"cnn-tui failed: {type(error).__name__}: {text}; --debug shows where", 1


def _open_app(options: argparse.Namespace) -> int:
    chosen = None
    if options.config is not None:
        from engine.commands.config import resolve
        from engine.commands.output import visible
        from engine.errors import ConfigError
        from engine.paths import look_at

        try:
            chosen = resolve(options.config, COMMANDS)
            if look_at(chosen) != "file":
                raise ConfigError(
                    f"{chosen}: not a file, so the app cannot edit it; a pipe can be trained with: "
                    "cnn-tui train"
                )
        except ConfigError as error:
            print(f"cnn-tui: {visible(str(error))}", file=sys.stderr)
            return 2
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        print(
            "cnn-tui: the app needs a terminal; without one, train with: cnn-tui --no-ui",
            file=sys.stderr,
        )
        return 2
    kind = os.environ.get("TERM", "")
    if os.name != "nt" and kind in ("", "dumb", "unknown"):
        print(
            f"cnn-tui: the app cannot draw on this terminal (TERM is {kind or 'not set'}); "
            "train with: cnn-tui --no-ui",
            file=sys.stderr,
        )
        return 2
    from tui.launch import launch

    return launch(chosen, options.overrides)
