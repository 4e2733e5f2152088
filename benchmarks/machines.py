"""A model of a training step on several machines, from parts measured on this one.

    python -m benchmarks.machines [--rounds 5] [--cores 2] [NETWORK ...]

Nothing is sent: on one core, in processor time, it measures a micro-batch (its images, forward and
backward pass) and what every rank does with the whole vector (sum, norm, update). A machine has a
rank for each core. A step takes as long as the rank with the most micro-batches, the vector, and
the exchange: each machine sends, and receives at the same time, its part of the sums and of the
gradient, ``2 (M - 1) / M`` times its bytes, more where its share is several nodes of the tree; and
every message that is waited for takes ``LATENCY``, in as many rounds as the logarithm of the
machines. The model leaves out what cores share, switches that are too slow, and machines that are
late. It is an upper bound of the speed-up, not a measurement.
"""

import argparse
import math
import statistics
import time
from dataclasses import dataclass

import numpy as np

from benchmarks.report import markdown_table
from engine.inspection.profiler import frozen_trainer, noise
from engine.kernels.partition import equal_parts
from engine.models import build
from engine.numbers import significant
from engine.optim import Momentum
from engine.optim.clipping import square_sums
from engine.parallel.micro_batches import micro_batches
from engine.parallel.partial_sums import nodes_of
from engine.parallel.workers import Workers
from engine.services.configs import open_config

CONFIGS = {"cifar10_tiny_vgg": 128, "cifar10_fast": 1024}
"""Configs, and samples of a batch."""
MACHINES = (1, 2, 4, 8, 16, 32, 64)
GIGABITS = (1, 10)
LATENCY = 50e-6
"""Seconds that a small message takes through Ethernet and both machines."""
PAYLOAD = 0.94
"""Share of the bits on the wire that are ours, in TCP with frames of 1500 bytes."""


@dataclass(frozen=True)
class Parts:
    """What a step consists of.

    Attributes:
        piece: seconds of a micro-batch.
        vector: seconds of sum, norm and update.
        size: bytes of a gradient.
        pieces: micro-batches of a batch.
        gathers: all-gathers in a step.
    """

    piece: float
    vector: float
    size: int
    pieces: int
    gathers: int

    def seconds(self, machines: int, cores: int, gigabits: float) -> float:
        """How long a step takes."""
        ranks = machines * cores
        compute = -(-self.pieces // min(ranks, self.pieces)) * self.piece + self.vector
        if machines == 1:
            return compute
        # Machines without a micro-batch of their own receive, and sum, their part all the same.
        shares = equal_parts(self.pieces, min(machines, self.pieces))
        nodes = max(len(nodes_of(range(s.start, s.stop), self.pieces)) for s in shares)
        sent = (nodes + 1) * self.size * (machines - 1) / machines
        rounds = (2 * self.gathers + 2) * math.ceil(math.log2(machines))
        return compute + sent / (gigabits * 1e9 / 8 * PAYLOAD) + rounds * LATENCY


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(CONFIGS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    for network in options.networks or CONFIGS:
        parts = _measure(network, options.rounds)
        print(
            f"{network}, batch {CONFIGS[network]}: {parts.pieces} micro-batches of "
            f"{1e3 * parts.piece:.0f} ms, vector {1e3 * parts.vector:.1f} ms, "
            f"{parts.size / 1e6:.1f} MB of gradients; machines of {options.cores} cores\n"
        )
        print(_table(parts, options.cores))
        print()


def _table(parts: Parts, cores: int) -> str:
    rows = []
    for machines in MACHINES:
        row = [str(machines)]
        for gigabits in GIGABITS:
            seconds = parts.seconds(machines, cores, gigabits)
            gain = parts.seconds(1, cores, gigabits) / seconds
            row += [significant(1e3 * seconds, 3), f"{gain:.1f}", f"{gain / machines:.0%}"]
        rows.append(tuple(row))
    header = ["machines"]
    for gigabits in GIGABITS:
        header += [f"{gigabits} Gbit/s: a step, ms", "times as fast", "efficiency"]
    return markdown_table(tuple(header), rows)


def _measure(network: str, rounds: int) -> Parts:
    config = open_config(network, [])
    shape, batch = config.dataset_info.image_shape, CONFIGS[network]
    pieces = len(micro_batches(batch))
    with Workers(1) as workers:
        model = build(config.specs, shape).initialise(np.random.default_rng(0))
        trainer = frozen_trainer(model, workers)
        one = noise(shape, 10, -(-batch // pieces))  # split in two, as every batch is
        trainer.step(one, 0, 0)
        trained = trainer.parameters.trained
        steps, vectors = [], []
        for _ in range(rounds):
            began = time.process_time()
            trainer.step(one, 0, 0)
            steps.append(time.process_time() - began)
            vectors.append(_vector_seconds(trained))
    vector = statistics.median(vectors)
    return Parts(
        piece=max(statistics.median(steps) - vector, 0.0),
        vector=vector,
        size=trained * 4,
        pieces=pieces,
        gathers=1 + 2 * sum(layer.needs_sync for layer in model.walk()),
    )


def _vector_seconds(parameters: int) -> float:
    """Seconds of a sum of two, the norm and the update of vectors of so many parameters."""
    gradient, other = np.ones(parameters, np.float32), np.ones(parameters, np.float32)
    vector, optimizer = {"": np.ones(parameters, np.float32)}, Momentum(lr=1e-3)
    optimizer.step(vector, {"": gradient})
    began = time.process_time()
    np.add(gradient, other, out=gradient)
    square_sums(gradient)
    optimizer.step(vector, {"": gradient})
    return time.process_time() - began


if __name__ == "__main__":
    main()
