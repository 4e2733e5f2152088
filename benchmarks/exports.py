"""Every shipped config, trained a little, exported, and run elsewhere.

    python -m benchmarks.exports [--epochs 1] [--limit 2000] [NAME ...]

Each network answers the first 1,000 test images in ONNX Runtime, in an equal
``torch.nn.Sequential`` that loads its safetensors strictly, and in the PyTorch module that is
written for it. Prints a table of the largest difference of a logit as a share of the largest
logit, and ends with 1 where one is above 1e-4. Needs PyTorch, and
``pip install 'cnn-tui[onnx,safetensors]'``; a config whose data set is not here is left out.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from benchmarks.report import markdown_table
from benchmarks.torch_nets import fresh_torch
from engine import data
from engine.arrays import Array
from engine.config import Config, load
from engine.export import EXPORTERS, Architecture
from engine.export.comparison import largest_difference, logits_of
from engine.layers import Sequential
from engine.resources import shipped
from engine.services.export import write_network
from engine.train import factory
from engine.train.session import TrainingSession
from engine.train.weights import load_model

IMAGES = 1000
LIMIT = 1e-4
"""The largest difference, as a share of the largest logit, that is rounding."""

Logits = Callable[[Path, Sequential, Architecture, Array], Array]


def from_written(path: Path, model: Sequential, architecture: Architecture, images: Array) -> Array:
    """The logits that the program computes which the format of the file is for."""
    name = {".onnx": "onnx", ".py": "pytorch"}[path.suffix]
    return EXPORTERS[name].expect_runner().logits(path, images)


def from_strict(path: Path, model: Sequential, architecture: Architecture, images: Array) -> Array:
    """The logits of an equal ``torch.nn.Sequential`` that loads the weights strictly."""
    twin = fresh_torch(model)
    twin.load_state_dict(load_file(path), strict=True)
    with torch.inference_mode():
        return twin.eval()(torch.from_numpy(architecture.normalised(images))).numpy()


WAYS: dict[str, tuple[str, str, Logits]] = {
    "ONNX Runtime": ("onnx", "net.onnx", from_written),
    "safetensors, strictly": ("safetensors", "weights.safetensors", from_strict),
    "written PyTorch module": ("pytorch", "net.py", from_written),
}
"""For each column its format, its file, and what computes the logits."""


def trained(name: str, epochs: int, limit: int, folder: Path) -> tuple[Config, Path]:
    """A shipped config, and its run after a short training into a folder."""
    changes = [f"train.epochs={epochs}", f"data.limit={limit}", "callbacks=[]"]
    places = [f"runs_dir={folder / 'runs'}", f"reports_dir={folder / 'reports'}"]
    config = load(shipped("configs") / f"{name}.yaml", [*changes, *places])
    session = TrainingSession(config)
    session.run()
    return config, session.run_dir.path


def differences(config: Config, run: Path, folder: Path) -> tuple[float, list[float]]:
    """The largest logit, and how far each way is from the network, as a share of it."""
    model = load_model(config, run)
    info = config.dataset_info
    architecture = Architecture(model.spec(), info.image_shape, info.classes, info.mean, info.std)
    test = factory.load_dataset(config).test
    images = test.take(np.arange(min(len(test), IMAGES))).astype(np.float32) / 255
    ours = logits_of(model, architecture, images)
    largest = float(np.abs(ours).max())
    shares = []
    for file_format, file, logits in WAYS.values():
        write_network(config, run, file_format, folder / file)
        theirs = logits(folder / file, model, architecture, images)
        shares.append(largest_difference(ours, theirs) / largest)
    return largest, shares


def main() -> None:
    names = sorted(path.stem for path in shipped("configs").glob("*.yaml"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="some of " + ", ".join(names))
    parser.add_argument("--epochs", type=int, default=1, help="default: 1")
    parser.add_argument("--limit", type=int, default=2000, help="training images; default: 2000")
    options = parser.parse_args()
    if not {*options.names} <= {*names}:
        parser.error(f"there are {', '.join(names)}")
    rows, worst = [], 0.0
    for name in options.names or names:
        if data.locate(load(shipped("configs") / f"{name}.yaml").dataset) is None:
            print(f"{name}: its data set is not here; left out", file=sys.stderr)
            continue
        print(f"{name} ...", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="cnn-tui-exports-") as place:
            config, run = trained(name, options.epochs, options.limit, Path(place))
            largest, shares = differences(config, run, Path(place))
        worst = max(worst, *shares)
        rows.append([f"`{name}`", f"{largest:.1f}", *(f"{share:.1e}" for share in shares)])
    print(markdown_table(["config", "largest logit", *WAYS], rows))
    if not worst <= LIMIT:
        raise SystemExit(f"a difference of {worst:.1e} is more than rounding ({LIMIT:.0e})")


if __name__ == "__main__":
    main()
