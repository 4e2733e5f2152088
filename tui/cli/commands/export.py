"""``cnn-tui export``: write a trained network for other programs."""

import argparse

from tui.cli.parser import Parser, add_config, add_weights, file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from engine.config import Config
    from tui.cli.output import Output

EXAMPLES = (
    "cnn-tui export --weights quickstart --output net.npz",
    "cnn-tui export --weights quickstart --format onnx --output net.onnx --verify",
)


def add_arguments(parser: Parser) -> None:
    from engine.export import EXPORTERS

    add_config(parser, default="that of the run")
    add_weights(parser)
    parser.add_argument("--format", choices=list(EXPORTERS), default="npz", help="default: npz")
    parser.add_argument("--output", type=file, required=True, metavar="P", help="file to write")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    parser.add_argument(
        "--verify",
        action="store_true",
        help="run the written file on test images, and print the largest difference of the "
        "logits: onnx in ONNX Runtime, pytorch in PyTorch",
    )


def run(options: argparse.Namespace, out: "Output") -> int:
    from engine.export import EXPORTERS
    from engine.services.export import to_replace
    from engine.services.trained import find_trained

    # Before weights are looked for in vain.
    to_replace(options.format, options.output)
    if options.verify:
        EXPORTERS[options.format].expect_runner()
    config, weights = find_trained(
        options.weights, options.runs_dir, options.config, options.overrides
    )
    return export(
        config,
        weights,
        options.format,
        options.output,
        out,
        overwrite=options.overwrite,
        verified=options.verify,
    )


def export(
    config: "Config",
    weights: "Path",
    file_format: str,
    output: "Path",
    out: "Output",
    *,
    overwrite: bool = False,
    verified: bool = False,
) -> int:
    """Write the network in a format of ``engine.export.EXPORTERS``, and print the files' names.

    Args:
        config, weights, file_format, output: as ``write_network`` takes them.
        out: where it is said.
        overwrite: whether files that exist are replaced.
        verified: whether the file is then run on test images.

    Raises:
        CheckpointError: the weights cannot be used.
        ConfigError: a file exists, and it is not to be overwritten; or a package is missing.
        DataError: there are no test images to verify it with.
        RunError: the output cannot be written, or computes something else.
        Interrupted: by a signal, before anything was written.
    """
    from dataclasses import asdict

    from engine.errors import ConfigError, RunError
    from engine.numbers import significant
    from engine.services.export import to_replace, verify, write_network
    from engine.services.signals import Signals

    there = to_replace(file_format, output)
    if there and not overwrite:
        names = ", ".join(map(str, there))
        exist, them = ("exists", "it") if len(there) == 1 else ("exist", "them")
        raise ConfigError(f"{names}: {exist} already; --overwrite replaces {them}")
    with Signals() as signals:
        written = write_network(config, weights, file_format, output, ready=signals.check)
    out.json({"format": file_format, "files": [str(path) for path in written]})
    for path in written:
        out.text(f"{path}  {path.stat().st_size:,} bytes")
    if verified:
        found = verify(config, weights, file_format, output)
        out.json({"verified": asdict(found)})
        out.text(
            f"{found.program}: logits differ by at most {significant(found.difference, 2)} on "
            f"{found.images} test images (the largest is {significant(found.largest)})"
        )
        if not found.agrees:
            raise RunError(f"{output}: {found.program} computes other logits than the network")
    return 0
