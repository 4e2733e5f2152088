"""The console script: reads the command line, and imports only what the command needs.

``--help`` and ``--version`` import neither NumPy nor Textual; a headless command never imports
Textual; only the app does.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tui.arguments import COMMANDS, command_parser, top_parser

if TYPE_CHECKING:
    from engine.commands.output import Output


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    _keep_standard_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in COMMANDS:
        options = command_parser(arguments[0]).parse_args(arguments[1:])
        options.run = _RUN[arguments[0]]
        return _guarded(options)
    parser = top_parser()
    options = parser.parse_args(arguments)
    if options.config is not None and options.config_argument is not None:
        parser.error(f"expected one config, got {options.config_argument} and {options.config}")
    if options.no_ui:
        options.run = _train
        if options.config is None:
            options.config = options.config_argument
        return _guarded(options)
    if options.resume:
        parser.error("--resume needs --no-ui; the app offers to go on with a run by itself")
    return _open_app(options)


def _keep_standard_streams() -> None:
    """Open those that were closed, lest a file of ours gets their number and others' output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _guarded(options: argparse.Namespace) -> int:
    """Run a headless command; an error is one line and its exit code."""
    from tui.console import make_output

    out = make_output(as_json=options.json, quiet=options.quiet)
    try:
        code = options.run(options, out)
        return code or (1 if out.problem else 0)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        out.progress.close()
        if options.debug:
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
        return "not enough memory; try a smaller batch or a smaller network", 1
    text = " ".join(str(error).split())
    return f"cnn-tui failed: {type(error).__name__}: {text}; --debug shows where", 1


def _train(options: argparse.Namespace, out: "Output") -> int:
    from engine.commands.config import resolve
    from engine.commands.train import train, train_or_resume
    from engine.config import load

    begin = train_or_resume if options.resume else train
    return begin(load(resolve(options.config), options.overrides), out)


def _resume(options: argparse.Namespace, out: "Output") -> int:
    from engine.commands.runs import find
    from engine.commands.train import resume

    return resume(find(options.runs_dir, options.run_name).path, out)


def _evaluate(options: argparse.Namespace, out: "Output") -> int:
    from engine.commands.config import resolve
    from engine.commands.evaluate import evaluate
    from engine.config import load

    config = load(resolve(options.config), options.overrides)
    return evaluate(config, options.weights, out)


def _export(options: argparse.Namespace, out: "Output") -> int:
    from engine.commands.config import resolve
    from engine.commands.export import export
    from engine.config import load

    config = load(resolve(options.config), options.overrides)
    return export(config, options.weights, options.format, options.output, out)


def _gradcheck(options: argparse.Namespace, out: "Output") -> int:
    from engine.commands.config import resolve
    from engine.commands.gradcheck import gradcheck
    from engine.config import load

    config = load(resolve(options.config), options.overrides)
    return gradcheck(
        config, out, weights=options.weights, mode=options.mode, samples=options.samples
    )


def _data(options: argparse.Namespace, out: "Output") -> int:
    from engine.commands import data

    if options.verb == "list":
        return data.list_datasets(options.root, out)
    verb = data.fetch_dataset if options.verb == "fetch" else data.verify_dataset
    return verb(options.name, options.root, out)


def _runs(options: argparse.Namespace, out: "Output") -> int:
    from engine.commands import runs

    if options.verb == "list":
        return runs.list_all(options.runs_dir, out)
    if options.verb == "show":
        return runs.show(options.runs_dir, options.names[0], out)
    if options.verb == "verify":
        from engine.commands.verify import verify

        return verify(options.runs_dir, options.names[0], out, epochs=options.epochs)
    return runs.compare(options.runs_dir, options.names, out)


def _config(options: argparse.Namespace, out: "Output") -> int:
    from engine.commands import config

    if options.verb == "list":
        return config.list_all(out)
    if options.verb == "schema":
        return config.schema(out)
    verb = config.check if options.verb == "check" else config.show
    return verb(config.resolve(options.config), options.overrides, out)


def _bench(options: argparse.Namespace, out: "Output") -> int:
    from engine.commands.bench import bench
    from engine.models import PRESETS

    presets = tuple(PRESETS) if options.preset is None else (options.preset,)
    return bench(out, presets=presets, batch=options.batch, workers=options.workers)


_RUN: dict[str, Callable[[argparse.Namespace, "Output"], int]] = {
    "train": _train,
    "resume": _resume,
    "evaluate": _evaluate,
    "export": _export,
    "gradcheck": _gradcheck,
    "data": _data,
    "runs": _runs,
    "config": _config,
    "bench": _bench,
}


def _open_app(options: argparse.Namespace) -> int:
    streams = (sys.stdin, sys.stdout, sys.stderr)  # Textual draws on stderr
    if not all(stream is not None and stream.isatty() for stream in streams):
        print(
            "cnn-tui: the app needs a terminal; without one, train with: cnn-tui --no-ui",
            file=sys.stderr,
        )
        return 2
    from tui.launch import launch

    name = options.config or options.config_argument
    path = None
    if name is not None:
        from engine.commands.config import resolve

        path = resolve(name)
        if not path.is_file():
            print(f"cnn-tui: {name}: no such config; see: cnn-tui config list", file=sys.stderr)
            return 2
    return launch(path, options.overrides)
