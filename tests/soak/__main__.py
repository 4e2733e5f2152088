"""Cut runs at random moments, for as long as you like: ``python tests/soak --help``."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.soak import kills, stops
from tests.soak.soak_runs import KINDS, SMALL, Cut

ROW = "{:<15}{:>7}{:>9}{:>10}{:>8}  {:<8} {}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests/soak", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("kills", help="SIGKILL, and compare the bits with an uninterrupted run")
    one.add_argument("--kills", type=int, default=200, help="at least; default: 200")
    one.add_argument("--runs", type=int, default=12, help="at least; default: 12")
    one.add_argument("--small", action="store_true", help="a tiny network: the form in the tests")
    other = verbs.add_parser("stops", help="SIGINT, SIGTERM and SIGHUP, headless and in the app")
    other.add_argument("--signals", type=int, default=100, help="of each way; default: 100")
    for verb in (one, other):
        verb.add_argument("--seed", type=int, default=0, help="of the moments; default: 0")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cnn-tui-soak-") as folder:
        good = (_kills if options.verb == "kills" else _stops)(options, Path(folder))
    print(f"{time.monotonic() - began:.0f} s, seed {options.seed}")
    return 0 if good else 1


def _kills(options: argparse.Namespace, folder: Path) -> bool:
    print(ROW.format("run", "kills", "saving", "starting", "lives", "workers", ""), flush=True)
    done = kills.soak(
        SMALL if options.small else KINDS,
        folder,
        kills=options.kills,
        runs=options.runs,
        seed=options.seed,
        tell=lambda run: print(row(run), flush=True),
    )
    total = Cut("total", folder, folder)
    for run in done:
        total.workers += run.workers
        total.cuts += run.cuts
        total.saving += run.saving
        total.starting += run.starting
        total.problems += run.problems
    print(row(total))
    good = sum(not run.problems for run in done)
    print(
        f"{total.cuts} kills, {total.saving} of them while a file was being written: "
        f"{good} of {len(done)} runs have the bits of the uninterrupted run"
    )
    return good == len(done)


def _stops(options: argparse.Namespace, folder: Path) -> bool:
    text = SMALL["small"]
    tallies = [
        stops.headless(text, folder / "headless", signals=options.signals, seed=options.seed),
        stops.app(text, folder / "app", signals=options.signals, seed=options.seed),
    ]
    for tally in tallies:
        codes = ", ".join(f"{code}: {count}" for code, count in sorted(tally.codes.items()))
        print(
            f"{tally.way}: {tally.signals} signals, exit codes {codes}; "
            f"{tally.saved} times a run was there, each time saved; "
            f"{len(tally.problems)} problems" + "".join(f"\n  {text}" for text in tally.problems)
        )
    return not any(tally.problems for tally in tallies)


def row(run: Cut) -> str:
    workers = "/".join(map(str, sorted(set(run.workers))))
    verdict = "; ".join(run.problems) or "same bits"
    return ROW.format(
        run.kind, run.cuts, run.saving, run.starting, len(run.workers), workers, verdict
    )


if __name__ == "__main__":
    sys.exit(main())
