"""Read thousands of broken files: ``python tests/fuzz --help``."""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fuzz.fuzzing import MEMORY, SECONDS, Report, fuzz
from tests.fuzz.targets import make

ROW = "{:<15}{:>9}{:>9}{:>11}{:>9}{:>10}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000, help="at least; default: 20000")
    parser.add_argument("--seed", type=int, default=0, help="of the chance; default: 0")
    parser.add_argument("--only", metavar="NAME", help="one reader only, e.g. configs")
    options = parser.parse_args()
    began = time.monotonic()
    reports = []
    print(ROW.format("reader", "inputs", "refused", "slowest", "memory", "findings"), flush=True)
    with tempfile.TemporaryDirectory(prefix="cnn-tui-fuzz-") as folder:
        targets = [t for t in make(Path(folder)) if options.only in (None, t.name)]
        shares = sum(target.share for target in targets)
        for target in targets:
            count = -int(-options.inputs * target.share // shares)
            report = fuzz(target, count, random.Random(f"{options.seed} {target.name}"))
            reports.append(report)
            print(row(report), flush=True)
            for item, reason in report.findings[:20]:
                print(f"  {reason}\n    {item!r:.2000}")
    findings = sum(len(report.findings) for report in reports)
    print(
        f"{sum(report.inputs for report in reports)} inputs, {findings} findings; the limits are "
        f"{SECONDS} s and {MEMORY} times the memory of a good file "
        f"({time.monotonic() - began:.0f} s, seed {options.seed})"
    )
    return 1 if findings else 0


def row(report: Report) -> str:
    return ROW.format(
        report.name,
        report.inputs,
        report.refused,
        f"{report.slowest * 1000:.0f} ms",
        f"{report.memory:.2f}",
        len(report.findings),
    )


if __name__ == "__main__":
    sys.exit(main())
