"""Predictions in processor time, one thread each: other work on the machine hardly disturbs it.

    python -m benchmarks.predictions

PyTorch in the better of both memory layouts, ONNX Runtime where it is installed. What several
threads make of it, ``benchmarks.against_torch`` measures, on a machine that does nothing else.
"""

import time
from contextlib import ExitStack

from benchmarks.report import load_average, machine, markdown_table, milliseconds
from benchmarks.timing import FULL, compare
from benchmarks.twins import NETWORKS, inference_ways, preset_work

BATCHES = (1, 32, 512)


def main() -> None:
    rows = []
    for network in NETWORKS:
        for n in BATCHES:
            with ExitStack() as stack:
                ways = inference_ways(preset_work(network), n, stack, counts=(1,))
                result = compare(ways, FULL, clock=time.process_time)
            best = {
                side: result.best(side)
                for side in ("PyTorch", "ONNX Runtime")
                if any(way.startswith(side) for way in ways)
            }
            ours = result.best("ours")
            rows.append(
                (
                    f"{network}, batch {n}",
                    milliseconds(result.median(ours)),
                    *(f"{result.speedup(ours, other):.2f}" for other in best.values()),
                )
            )
    print(f"{machine()}\n- Load average: {load_average()}\n")
    print(markdown_table(("", "ms", *(f"speed / {side}'s" for side in best)), rows))


if __name__ == "__main__":
    main()
