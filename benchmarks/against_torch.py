"""The engine against PyTorch on a CPU, in one run: speed, memory, growth.

    python -m benchmarks.against_torch [--quick] [--only steps,inference] [--output reports]

Everything is measured in turn with what it is compared with, and compared by medians: the
machine's mood changes from minute to minute, so that figures of different runs say nothing about
each other. PyTorch is always at its best of both memory layouts and of one, two, four, ... threads
up to all cores, ONNX Runtime, in predictions, of as many threads. Run it on a machine that does
nothing else: on two slow cores it takes about ten minutes. Writes ``benchmark.md``, anew after each
section, and where matplotlib is installed ``benchmark.png``.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.compiled import compiled
from benchmarks.epoch import epoch
from benchmarks.footprint import peak_memory, startup, telemetry
from benchmarks.growth import growth
from benchmarks.hotspots import hotspots
from benchmarks.report import Section, load_average, verdict_table, write_markdown, write_picture
from benchmarks.steps import inference, training_steps
from benchmarks.timing import FULL, QUICK, Effort

SECTIONS: dict[str, Callable[[Effort], Section]] = {
    "steps": training_steps,
    "inference": inference,
    "epoch": epoch,
    "memory": peak_memory,
    "telemetry": telemetry,
    "startup": startup,
    "growth": growth,
    "layers": hotspots,
    "compiled": compiled,
}

BUSY = 0.5
"""A load average from which the figures are not to be trusted."""


def main() -> None:
    options = _options()
    load = load_average()
    if load is not None and load > BUSY:
        print(f"load average {load:.2f}: the machine is busy, figures will be off", file=sys.stderr)
    effort = QUICK if options.quick else FULL
    sections = []
    began = time.monotonic()
    for name in options.only:
        start = time.monotonic()
        print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
        sections.append(SECTIONS[name](effort))
        print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
        preface = (
            f"`python -m benchmarks.against_torch`, {'quick' if options.quick else 'full'}, "
            f"{time.monotonic() - began:.0f} s. Everything in one run, in turn, by medians; ratios "
            "are of throughputs, ours / the other's. 'Rounds' gives the middle half of the ratios "
            "of single rounds."
        )
        if load is not None:
            preface += f" Load average before it: {load:.2f}."
        # After each section, so that a run that is broken off leaves what it measured.
        write_markdown(options.output / "benchmark.md", sections, preface)
    write_picture(options.output / "benchmark.png", sections)
    verdicts = [verdict for section in sections for verdict in section.verdicts]
    if verdicts:
        print(verdict_table(verdicts))
    print(f"written to {options.output / 'benchmark.md'}", file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a few minutes; less exact")
    parser.add_argument(
        "--only",
        type=_names,
        default=list(SECTIONS),
        metavar="NAMES",
        help=f"some of {','.join(SECTIONS)}",
    )
    parser.add_argument("--output", type=Path, default=Path("reports"), help="default: reports")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"unknown {', '.join(unknown)}; there are {', '.join(SECTIONS)}"
        )
    return names


if __name__ == "__main__":
    main()
