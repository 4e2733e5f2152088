"""Steps of one process against those of several ranks on the same machine, in turns.

    python -m benchmarks.ranks [--ranks 2] [--rounds 5] [--steps 6] [NETWORK ...]

Every rank has one worker, which is bound to no processor; one process has one worker too. The jobs
take turns, each with steps on random images after two that only warm up. It needs mpi4py, and the
``mpiexec`` beside Python.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.report import markdown_table, milliseconds
from engine.inspection.profiler import frozen_trainer, noise
from engine.models import build
from engine.numbers import size
from engine.parallel.launcher import launched_ranks
from engine.parallel.mpi import connect
from engine.parallel.ranks import Follower, Leader
from engine.parallel.workers import Workers
from engine.rng import Purpose, stream
from engine.services.configs import open_config

CONFIGS = {"cifar10_tiny_vgg": 128, "cifar10_fast": 1024}
"""Configs, and samples of a batch."""
WARM_UP = 2


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(CONFIGS))
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    options = parser.parse_args()
    if launched_ranks() is not None or options.rounds == 0:
        _job(options.networks[0], options.steps)
        return
    rows = []
    for network in options.networks or CONFIGS:
        times: dict[int, list[float]] = {1: [], options.ranks: []}
        sent = 0
        for _ in range(options.rounds):
            for count, found in times.items():
                done = _measure(network, count, options.steps)
                found.append(done["seconds"])
                sent = max(sent, done["sent"])
        one, many = (statistics.median(times[count]) for count in (1, options.ranks))
        ratios = [a / b for a, b in zip(times[1], times[options.ranks], strict=True)]
        rows.append(
            (
                network,
                str(CONFIGS[network]),
                milliseconds(one),
                milliseconds(many),
                f"{one / many:.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
                size(sent),
            )
        )
    ranks = f"{options.ranks} ranks, ms"
    header = ("network", "batch", "one process, ms", ranks, "times as fast", "sent in a step")
    print(markdown_table(header, rows))


def _measure(network: str, count: int, steps: int) -> dict[str, Any]:
    """Seconds of a step, and bytes that all ranks together send in it, from a job of its own."""
    command = [sys.executable, "-m", "benchmarks.ranks", network, f"--steps={steps}", "--rounds=0"]
    if count > 1:
        mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent))
        if mpiexec is None:
            raise SystemExit("there is no mpiexec beside Python: pip install 'cnn-tui[mpi]'")
        command = [mpiexec, "-bind-to", "none", "-n", str(count), *command]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _job(network: str, steps: int) -> None:
    """Take steps as one process or rank; rank 0 prints how long they took."""
    config = open_config(network, [])
    connection = connect() if launched_ranks() is not None else None
    leader = Leader(connection) if connection is not None and connection.rank == 0 else None
    batches = noise(config.dataset_info.image_shape, 10, CONFIGS[network], WARM_UP + steps)
    model = build(config.specs, config.dataset_info.image_shape)
    with Workers(1, connection=connection, leader=leader) as workers:
        trainer = frozen_trainer(model.initialise(stream(Purpose.INIT, 0)), workers)
        trainer.program.source(batches)
        if connection is not None and leader is None:
            follower = Follower(connection, {})
            follower.program, follower.threads = trainer.program, workers.threads
            follower.serve()
            return
        trainer.steps(batches, 0, 0, [0.0] * WARM_UP)
        began = time.perf_counter()
        trainer.steps(batches, 0, WARM_UP, [0.0] * steps)
        seconds = (time.perf_counter() - began) / steps
        sent = 0 if leader is None else leader.traffic.bytes_per_step
        print(json.dumps({"seconds": seconds, "sent": sent}), flush=True)
        if leader is not None:
            leader.dismiss(0)


if __name__ == "__main__":
    main()
