"""``cnn-tui bench``: measure how fast networks train and predict on this machine."""

import argparse
from collections.abc import Sequence

from tui.cli.parser import Parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from engine.inspection.profiler import LayerTime
    from engine.services.benchmark import (
        Growth,
        InferenceSpeed,
        LayerSpeeds,
        Machine,
        Network,
        TrainingSpeed,
    )
    from tui.cli.output import Output

EXAMPLES = ("cnn-tui bench", "cnn-tui bench --preset lenet_mnist --batch 64 --workers 1")


def add_arguments(parser: Parser) -> None:
    parser.add_argument("--preset", metavar="PRESET", help="e.g. lenet_mnist; default: all presets")
    parser.add_argument("--batch", type=int, default=128, metavar="N", help="default: 128")
    parser.add_argument("--workers", type=int, metavar="N", help="default: one for every core")


def run(options: argparse.Namespace, out: "Output") -> int:
    presets = None if options.preset is None else (options.preset,)
    return bench(out, presets, batch=options.batch, workers=options.workers)


def bench(out: "Output", presets: Sequence[str] | None = None, **options: "Any") -> int:
    """Measure presets, and print every measurement as soon as it is made.

    Args:
        out: gets tables, or under ``--json`` a line for each measurement.
        presets: names of ``engine.models.PRESETS``; None for all.
        options: as for ``benchmark``.

    Raises:
        ConfigError: a preset or a number is not valid.
        Interrupted: by a signal.
    """
    from engine.services.benchmark import (
        Growth,
        InferenceSpeed,
        LayerSpeeds,
        Machine,
        Network,
        TrainingSpeed,
        benchmark,
    )
    from tui.cli.interruption import interruptible

    with interruptible(out) as signals:
        for found in benchmark(
            presets, progress=out.progress.update, check=signals.check, **options
        ):
            match found:
                case Machine():
                    _show_machine(found, out)
                case Network():
                    _show_network(found, out)
                case TrainingSpeed():
                    _show_training(found, out)
                case InferenceSpeed():
                    _show_inference(found, out)
                case LayerSpeeds():
                    _show_layers(found, out)
                case Growth():
                    _show_growth(found, out)
    return 0


def _show_machine(found: "Machine", out: "Output") -> None:
    facts = found.environment
    peaks = {str(threads): peak / 1e9 for threads, peak in found.peak.items()}
    out.json({"event": "machine", **facts, "peak_gflops": peaks})
    blas = ", ".join(f"{b['library']} {b['version']}" for b in facts["blas"])
    out.text(
        f"{facts['cpu']}, {facts['cores']} cores; NumPy {facts['numpy']}, {blas}\n"
        "peak of a large float32 matrix product: "
        + ", ".join(
            f"{peak / 1e9:.0f} GFLOP/s on {threads} thread{'s' if threads > 1 else ''}"
            for threads, peak in found.peak.items()
        )
    )


def _show_network(found: "Network", out: "Output") -> None:
    shape = "×".join(map(str, found.image_shape))
    out.text(f"\n{found.preset}: images {shape}, {found.parameters:,} parameters")


def _show_training(found: "TrainingSpeed", out: "Output") -> None:
    out.json(
        {
            "event": "training",
            "preset": found.preset,
            "batch": found.batch,
            "samples_per_s": {str(count): rate for count, rate in found.samples_per_s.items()},
            "product_share": found.product_share,
            "product_gflops": found.product_flops / 1e9,
        }
    )
    shown = ", ".join(
        f"{rate:,.0f} samples/s on {count} worker{'s' if count > 1 else ''}"
        for count, rate in found.samples_per_s.items()
    )
    out.text(
        f"  training, batch {found.batch}: {shown}\n"
        f"  matrix products: {found.product_share:.0%} of a step on one worker, "
        f"at {found.product_flops / 1e9:.0f} GFLOP/s"
    )


def _show_inference(found: "InferenceSpeed", out: "Output") -> None:
    for n, rate in found.samples_per_s.items():
        out.json({"event": "inference", "preset": found.preset, "batch": n, "samples_per_s": rate})
    shown = ", ".join(f"{rate:,.0f} (batch {n})" for n, rate in found.samples_per_s.items())
    out.text(f"  inference, samples/s: {shown}")


def _show_layers(found: "LayerSpeeds", out: "Output") -> None:
    from dataclasses import asdict

    for row in found.layers:
        line = {"event": "layer", "preset": found.preset, "samples": found.samples}
        out.json({**line, **asdict(row)})
    out.text(f"\n  each layer, {found.samples} samples on one worker")
    out.text("\n".join(f"  {line}" for line in _layer_table(found.layers).splitlines()))


def _show_growth(found: "Growth", out: "Output") -> None:
    for batch, cost in found.seconds.items():
        out.json(
            {"event": "growth", "preset": found.preset, "batch": batch, "us_per_sample": 1e6 * cost}
        )
    shown = ", ".join(f"{1e6 * cost:.0f} (batch {batch})" for batch, cost in found.seconds.items())
    out.text(f"\n  training, µs a sample as the batch grows: {shown}")


def _layer_table(rows: "Sequence[LayerTime]") -> str:
    from engine.text_table import table

    cells: list[tuple[str, ...]] = [
        (
            row.name,
            row.layer,
            f"{1e3 * row.forward:.3f}",
            _gflops(row.forward_flops, row.forward),
            f"{1e3 * row.backward:.3f}",
            _gflops(row.backward_flops, row.backward),
        )
        for row in rows
    ]
    forward, backward = sum(row.forward for row in rows), sum(row.backward for row in rows)
    cells.append(("", "together", f"{1e3 * forward:.3f}", "", f"{1e3 * backward:.3f}", ""))
    header = ("", "layer", "forward ms", "GFLOP/s", "backward ms", "GFLOP/s")
    return table(header, cells, "llrrrr")


def _gflops(flops: int, seconds: float) -> str:
    return f"{flops / seconds / 1e9:.0f}" if flops else ""
