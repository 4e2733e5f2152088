"""What each trick of ``cifar10_fast`` is worth: small trainings without one of them.

    python -m benchmarks.ablation --results ablation.json [--seeds 3] [NAME ...]

Every row trains a narrow network (32-64-64) on some of CIFAR-10 for a few epochs, once for each
seed, with one trick less than ``configs/cifar10_fast.yaml``, or with one more. A training takes
about a minute on two idle cores. Whatever is finished is in the file of results, so that the
command can be stopped, and resumes where it was; with ``--table`` it only prints the table.

The validation samples are held out of the training set, and are what rows are to be compared by.
The test accuracy is that of the finished networks; nothing was chosen by it.
"""

import argparse
import json
import math
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import markdown_table
from engine.config import Config, load
from engine.models import LayerSpec
from engine.resources import shipped
from engine.storage import atomic
from engine.train.session import TrainingSession

WIDTHS = {64: 32, 256: 64}
"""Channels of the convolutions here, by those of ``cifar10_fast``."""

BATCH = 256
"""Samples in a batch: few images need smaller ones for as many steps. The rate is for these."""

Change = Callable[[list[Any]], list[Any]]


@dataclass(frozen=True)
class Variant:
    """A row of the table.

    Attributes:
        name: of the row, and in the file of results.
        overrides: what is different in the config.
        change: what is different in its layers, plain or with arguments.
    """

    name: str
    overrides: tuple[str, ...] = ()
    change: Change = list


def _replaced(old: str, new: LayerSpec | None) -> Change:
    """Another layer in place of every layer of a kind; None leaves it out."""

    def change(layers: list[Any]) -> list[Any]:
        kinds = [layer if isinstance(layer, str) else next(iter(layer)) for layer in layers]
        pairs = zip(layers, kinds, strict=True)
        changed = [new if kind == old else layer for layer, kind in pairs]
        return [layer for layer in changed if layer is not None]

    return change


def _without(kind: str, argument: str) -> Change:
    """Without an argument in every layer of a kind: its default."""

    def change(layers: list[Any]) -> list[Any]:
        return [
            {kind: {key: value for key, value in layer[kind].items() if key != argument}}
            if isinstance(layer, dict) and kind in layer
            else layer
            for layer in layers
        ]

    return change


def _groups(whitening: str, scale: int = 64, more: str = "") -> str:
    """The groups of ``cifar10_fast``, with another factor for the biases of batch norm."""
    norm = f"{{match: BatchNorm2D.bias, lr_scale: {scale}, weight_decay_scale: {1 / scale:.6f}}}"
    return f"train.groups=[{', '.join(filter(None, (norm, whitening, more)))}]"


_BIAS = "{match: Whitening2D.bias, epochs: 3}"

VARIANTS = (
    Variant("all of them"),
    Variant(
        "learned 2x2 filters, no whitening",
        (_groups(""),),
        _replaced("Whitening2D", {"Conv2D": {"out_channels": 24, "kernel_size": 2}}),
    ),
    Variant("no identity start", change=_without("Conv2D", "init")),
    Variant("trained scale of batch norm", change=_without("BatchNorm2D", "scale")),
    Variant("slow statistics (momentum 0.1)", change=_without("BatchNorm2D", "momentum")),
    Variant("ReLU, no GELU", change=_replaced("GELU", "ReLU")),
    Variant(
        "mean of a map, not its largest",
        change=lambda layers: [
            part
            for layer in layers
            for part in (
                [{"AvgPool2D": {"kernel_size": 3}}, "Flatten"]
                if layer == "GlobalMaxPool2D"
                else [layer]
            )
        ],
    ),
    Variant("no temperature", change=_replaced("Scale", None)),
    Variant("no Nesterov momentum", ("train.nesterov=false",)),
    Variant("biases at the common rate", (f"train.groups=[{_BIAS}]",)),
    Variant("constant rate", ("train.scheduler=null",)),
    Variant("no lookahead", ("train.lookahead=null",)),
    Variant("no label smoothing", ("train.label_smoothing=0",)),
    Variant("small last batches", ("train.drop_last=false",)),
    Variant("flips by chance", ("data.augment.alternate=false",)),
    Variant("no flips", ("data.augment.alternate=false", "data.augment.flip=false")),
    Variant("no shifts", ("data.augment.shift=0",)),
    Variant("black border", ("data.augment.border=black",)),
    Variant("with MixUp 0.2", ("data.augment.mixup=0.2",)),
    Variant("with random erasing 0.5", ("data.augment.erase=0.5",)),
    Variant(
        "with Muon",
        (
            "train.optimizer=muon",
            "train.lr=0.24",
            "train.momentum=0.6",
            # All else at the rate of SGD, 0.375, times 2.7: velocities are so much shorter.
            _groups(
                "{match: Whitening2D.bias, lr_scale: 4.2, epochs: 3}",
                267,
                "{match: Dense.weight, lr_scale: 4.2}",
            ),
        ),
    ),
)


def narrow(layers: list[Any]) -> list[Any]:
    """The layers of ``cifar10_fast`` with ``WIDTHS``."""
    return [
        {"Conv2D": layer["Conv2D"] | {"out_channels": WIDTHS[layer["Conv2D"]["out_channels"]]}}
        if isinstance(layer, dict) and "Conv2D" in layer
        else layer
        for layer in layers
    ]


def config_of(variant: Variant, seed: int, options: argparse.Namespace, folder: Path) -> Config:
    """The config of one training of a row."""
    path = shipped("configs") / "cifar10_fast.yaml"
    layers = variant.change(narrow(load(path).specs))
    places = [f"runs_dir={folder / 'runs'}", f"reports_dir={folder / 'reports'}"]
    small = [
        f"layers={json.dumps(layers)}",
        f"seed={seed}",
        f"data.limit={options.limit + options.validation}",
        f"data.validation={options.validation}",
        "data.test_views=null",
        f"train.epochs={options.epochs}",
        f"train.batch_size={BATCH}",
        f"train.lr={load(path).train.lr * BATCH / load(path).train.batch_size}",
        "train.film=false",
    ]
    return load(path, [*places, *small, *variant.overrides])


def trained(config: Config) -> dict[str, float]:
    """What a training came to."""
    session = TrainingSession(config)
    ended = session.run()
    last = session.history[-1]
    return {
        "val_acc": last["val_acc"],
        "test_acc": ended.test["test_acc"],
        "seconds": ended.seconds,
    }


def table(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """The rows that are finished, as Markdown: means over their seeds, and the change."""
    names = [variant.name for variant in VARIANTS if results.get(variant.name)]
    means = {name: _means(results[name]) for name in names}
    base = means.get(VARIANTS[0].name)
    rows = []
    for name in names:
        mean, each = means[name], [one["val_acc"] for one in results[name].values()]
        spread = f" ± {100 * statistics.stdev(each):.2f}" if len(each) > 1 else ""
        change = "" if base is None else f"{100 * (mean['val_acc'] - base['val_acc']):+.2f}"
        rows.append(
            [
                name,
                f"{100 * mean['val_acc']:.2f}{spread}",
                "" if name == VARIANTS[0].name else change,
                f"{100 * mean['test_acc']:.2f}",
                f"{len(each)}",
                f"{mean['seconds']:.0f}",
            ]
        )
    heads = ["variant", "validation %", "change", "test %", "seeds", "seconds"]
    return markdown_table(heads, rows)


def _means(seeds: dict[str, dict[str, float]]) -> dict[str, float]:
    keys = next(iter(seeds.values()))
    return {key: math.fsum(one[key] for one in seeds.values()) / len(seeds) for key in keys}


def finished(path: Path, settings: dict[str, int]) -> dict[str, Any]:
    """What the file of results has; it has to be of the same settings."""
    if not path.exists():
        return {}
    kept = json.loads(path.read_text(encoding="utf-8"))
    if kept["settings"] != settings:
        raise SystemExit(f"{path}: it is of {kept['settings']}, not of {settings}; take another")
    results: dict[str, Any] = kept["results"]
    return results


def main() -> None:
    names = [variant.name for variant in VARIANTS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows; default: all")
    parser.add_argument("--results", type=Path, required=True, help="JSON file, made or resumed")
    parser.add_argument("--seeds", type=int, default=3, help="default: 3")
    parser.add_argument("--limit", type=int, default=10_240, help="images; default: 10,240")
    parser.add_argument("--validation", type=int, default=5_000, help="default: 5,000")
    parser.add_argument("--epochs", type=int, default=6, help="default: 6")
    parser.add_argument("--table", action="store_true", help="print what is there, train nothing")
    options = parser.parse_args()
    if not {*options.names} <= {*names}:
        parser.error(f"there are {', '.join(map(repr, names))}")
    settings = {key: getattr(options, key) for key in ("limit", "validation", "epochs")}
    results = finished(options.results, settings)
    chosen = [variant for variant in VARIANTS if variant.name in (options.names or names)]
    jobs = [(seed, variant) for seed in range(1, options.seeds + 1) for variant in chosen]
    for seed, variant in [] if options.table else jobs:
        if str(seed) in results.get(variant.name, {}):
            continue
        with tempfile.TemporaryDirectory(prefix="cnn-tui-ablation-") as place:
            found = trained(config_of(variant, seed, options, Path(place)))
        results.setdefault(variant.name, {})[str(seed)] = found
        text = json.dumps({"settings": settings, "results": results}, indent=1)
        atomic.write_atomic(options.results, text.encode())
        print(f"{variant.name}, seed {seed}: {found}", file=sys.stderr, flush=True)
    print(table(results))


if __name__ == "__main__":
    main()
