"""What each headless command does with its options; the engine is imported only here, and late."""

import argparse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from engine.commands.output import Output
    from engine.config import Config


def run_train(options: argparse.Namespace, out: "Output") -> int:
    """Train a config."""
    from engine.commands.config import open_config
    from engine.commands.train import train, train_or_resume

    begin = train_or_resume if options.resume else train
    return begin(open_config(options.config, options.overrides), out)


def run_resume(options: argparse.Namespace, out: "Output") -> int:
    """Go on with an interrupted run."""
    from engine.commands.runs import find
    from engine.commands.train import resume

    run = find(options.runs_dir, options.run_name).path
    return resume(run, out, options.overrides, allow_outside=options.allow_outside)


def run_evaluate(options: argparse.Namespace, out: "Output") -> int:
    """Measure a trained network on the test set."""
    from engine.commands.evaluate import evaluate

    return evaluate(*_trained(options), out)


def run_export(options: argparse.Namespace, out: "Output") -> int:
    """Write a trained network for other programs."""
    from engine.commands.export import export, to_replace

    to_replace(
        options.format, options.output
    )  # no need to look for weights if it cannot be written
    return export(
        *_trained(options),
        options.format,
        options.output,
        out,
        overwrite=options.overwrite,
    )


def run_gradcheck(options: argparse.Namespace, out: "Output") -> int:
    """Check the gradients of a network."""
    from engine.commands.config import open_config
    from engine.commands.gradcheck import gradcheck

    if options.weights is None:
        config, weights = open_config(options.config, options.overrides), None
    else:
        config, weights = _trained(options)
    return gradcheck(config, out, weights=weights, mode=options.mode, samples=options.samples)


def _trained(options: argparse.Namespace) -> "tuple[Config, Path]":
    from engine.commands.trained import find_trained

    return find_trained(options.weights, options.runs_dir, options.config, options.overrides)


def run_data(options: argparse.Namespace, out: "Output") -> int:
    """List, fetch or verify data sets."""
    from engine.commands import data

    if options.verb == "list":
        return data.list_datasets(options.root, out)
    verb = data.fetch_dataset if options.verb == "fetch" else data.verify_dataset
    return verb(options.name, options.root, out)


def run_runs(options: argparse.Namespace, out: "Output") -> int:
    """List, show or compare runs."""
    from engine.commands import runs

    if options.verb == "list":
        return runs.list_all(options.runs_dir, out)
    if options.verb == "show":
        return runs.show(options.runs_dir, options.names[0], out)
    if options.verb == "verify":
        from engine.commands.verify import verify

        return verify(options.runs_dir, options.names[0], out, epochs=options.epochs)
    return runs.compare(options.runs_dir, options.names, out)


def run_config(options: argparse.Namespace, out: "Output") -> int:
    """List, check or show configs, or print their schema."""
    from engine.commands import config

    if options.verb == "list":
        return config.list_all(out)
    if options.verb == "schema":
        return config.schema(out)
    if options.verb == "check":
        return config.check(options.configs, options.overrides, out)
    return config.show(options.config, options.overrides, out)


def run_bench(options: argparse.Namespace, out: "Output") -> int:
    """Measure the speed of presets."""
    from engine.commands.bench import bench
    from engine.models import PRESETS

    presets = tuple(PRESETS) if options.preset is None else (options.preset,)
    return bench(out, presets=presets, batch=options.batch, workers=options.workers)
