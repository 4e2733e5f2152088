"""``cnn-tui config``: list, check, show or make configs, or print their JSON Schema."""

import argparse
import json
from collections.abc import Sequence

from tui.cli.parser import CONFIG, Parser, add_overrides, count, file, image_size, path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from tui.cli.output import Output

EXAMPLES = (
    "cnn-tui config list",
    "cnn-tui config check quickstart my.yaml",
    "cnn-tui config init",
    "cnn-tui config init my.yaml --dataset mnist --model lenet_mnist --epochs 5",
    "cnn-tui config init --images photos --name pets --size 32",
    "cnn-tui config show quickstart --set train.epochs=3",
    "cnn-tui config new --dataset mnist_mini",
    "cnn-tui config schema",
)


def add_arguments(parser: Parser) -> None:
    verbs = parser.add_verbs(
        {
            "list": "list the configs",
            "check": "check that configs can be run, and show their networks",
            "show": "show a config with all its values",
            "init": "write a first config, from options or from answers to questions",
            "new": "print a first config for a data set, to be saved as a file",
            "schema": "print the JSON Schema, for editors",
        }
    )
    verbs["check"].add_argument("configs", nargs="*", metavar="CONFIG", help=CONFIG)
    verbs["show"].add_argument("config", nargs="?", metavar="CONFIG", help=CONFIG)
    verbs["new"].add_argument("--dataset", required=True, metavar="DATASET", help="e.g. mnist")
    verbs["new"].add_argument(
        "--root",
        type=path,
        metavar="DIR",
        help="folder of the data sets; default: $CNN_TUI_DATA or data/raw",
    )
    _add_init(verbs["init"])
    for verb in ("check", "show"):
        add_overrides(verbs[verb])


def _add_init(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "path",
        nargs="?",
        type=file,
        metavar="PATH",
        help="file to write; default: configs/ and the name of the data set",
    )
    data = parser.add_mutually_exclusive_group()
    data.add_argument("--dataset", metavar="DATASET", help="e.g. mnist")
    data.add_argument(
        "--images",
        type=path,
        metavar="SOURCE",
        help="import these images first: what 'data import' takes, e.g. a folder with a folder of "
        "images for each class",
    )
    add("--name", metavar="NAME", help="of the data set of --images; default: that of the folder")
    add("--size", type=image_size, metavar="H[xW]", help="bring --images to this size")
    add(
        "--model",
        metavar="PRESET",
        help="e.g. lenet_mnist; default: layers, written out, that fit the images",
    )
    add("--epochs", type=count, metavar="N", help="default: about 1,500 updates")
    add("--batch-size", type=count, metavar="N", help="default: 32, of few images 16")
    add("--lr", type=float, metavar="LR", help="learning rate; default: one for the optimizer")
    add("--optimizer", default="adam", metavar="NAME", help="default: adam")
    add("--root", type=path, metavar="DIR", help="folder of the data sets")
    add("--replace", action="store_true", help="replace a file that is there")
    add("--yes", action="store_true", help="ask nothing: defaults for what is not given")


def run(options: argparse.Namespace, out: "Output") -> int:
    if options.verb == "list":
        return list_all(out)
    if options.verb == "init":
        from tui.cli.config_init import init

        return init(options, out)
    if options.verb == "new":
        return new(options.dataset, options.root, out)
    if options.verb == "schema":
        return schema(out)
    if options.verb == "check":
        return check(options.configs, options.overrides, out)
    return show(options.config, options.overrides, out)


def list_all(out: "Output") -> int:
    """Print the configs that ship with the project, and those in ./configs."""
    from engine.config import ConfigProblems, list_configs, load
    from engine.text_table import table

    rows = []
    for found in list_configs():
        try:
            config = load(found)
        except ConfigProblems as error:
            rows.append((found.stem, "", "", str(error).splitlines()[0]))
            out.json({"name": found.stem, "path": str(found), "problem": str(error)})
            continue
        rows.append((found.stem, config.dataset, config.model or "layers", str(found)))
        out.json(
            {
                "name": found.stem,
                "path": str(found),
                "dataset": config.dataset,
                "model": config.model,
            }
        )
    out.text(table(("name", "dataset", "model", "file"), rows))
    return 0


def check(arguments: Sequence[str], overrides: Sequence[str], out: "Output") -> int:
    """Check whether configs can be run, and print their networks.

    Returns:
        0 if all can be run, else 2.
    """
    from engine.config import advise
    from engine.errors import EngineError
    from engine.services.configs import DEFAULT, network_summary, open_config
    from engine.train import factory

    code = 0
    for argument in arguments or [DEFAULT]:
        try:
            config = open_config(argument, overrides, further=factory.file_problems)
        except EngineError as error:
            out.json({"ok": False, "file": argument, "problem": str(error)})
            out.complain(str(error))
            code = error.exit_code
            continue
        summary, found = network_summary(config), advise(config)
        out.json(
            {
                "ok": True,
                "file": argument,
                "parameters": summary.parameters,
                "advice": [
                    {"level": advice.level, "path": advice.key, "message": advice.message}
                    for advice in found
                ],
                "config": json.loads(config.model_dump_json()),
            }
        )
        out.text(str(summary))
        for advice in found:
            out.complain(f"{advice.level}: {argument}: {advice}")
        out.say(f"{argument}: fine")
    return code


def show(argument: str | None, overrides: Sequence[str], out: "Output") -> int:
    """Print a config with all its values, as YAML."""
    from engine.config import dump
    from engine.services.configs import open_config

    config = open_config(argument, overrides)
    out.json(json.loads(config.model_dump_json()))
    out.text(dump(config).rstrip())
    return 0


def new(dataset: str, root: "Path | None", out: "Output") -> int:
    """Print a first config for a data set, as YAML.

    Raises:
        ConfigError: there is no data set of that name.
    """
    from engine.config import loads
    from engine.data import get
    from engine.services.starter import starter_config

    text = starter_config(get(dataset, root), root)
    out.json(json.loads(loads(text, f"{dataset}.yaml").model_dump_json()))
    out.text(text.rstrip())
    return 0


def schema(out: "Output") -> int:
    """Print the JSON Schema of a config, for editors."""
    from engine.config import json_schema

    text = json.dumps(json_schema(), indent=None if out.as_json else 2)
    out.json(json.loads(text))
    out.text(text)
    return 0
