"""A model of a training step on more cores than there are, from parts measured one at a time.

    python -m benchmarks.scaling [--batch 128] [--micro-batches 32,16,8] [--rounds 9] [NETWORK ...]

Nothing is run at once: on one worker, in processor time, which other programs change little, it
measures a micro-batch (its images, forward and backward pass), the sum and norm of the gradients
and the update. Workers take whole micro-batches, so a step takes as long as the one with the most;
what belongs to the vector of parameters is divided among all. The model leaves out what
processors share: memory, last-level cache and power; the wake-ups between them; and what batch
norm exchanges. It is an upper bound of the speed-up, not a measurement.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.report import markdown_table, milliseconds
from engine.inspection.profiler import noise
from engine.losses import SoftmaxCrossEntropy
from engine.models import build, preset
from engine.optim import Momentum
from engine.optim.clipping import square_sums
from engine.parallel.micro_batches import micro_batches, tree_sum
from engine.parallel.workers import Workers
from engine.train.trainer import Trainer

NETWORKS = {
    "lenet_mnist": (1, 28, 28),
    "tiny_vgg_cifar10": (3, 32, 32),
    "resnet_cifar10": (3, 32, 32),
}
CLASSES = 10
LR, MOMENTUM = 1e-3, 0.9
WORKERS = (1, 2, 4, 8, 16)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", metavar="NETWORK")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--micro-batches", default="32,16,8")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    sizes = [int(size) for size in options.micro_batches.split(",")]
    for network in options.networks or NETWORKS:
        print(f"{network}, batch {options.batch}\n")
        print(_table(network, options.batch, sizes, options.rounds))
        print()


def _table(network: str, batch: int, sizes: list[int], rounds: int) -> str:
    shape = NETWORKS[network]
    with Workers(1) as workers:
        batches, trainers = {}, {}
        for size in sizes:
            batches[size] = noise(shape, CLASSES, batch, micro_batch=size)
            trainers[size] = Trainer(
                build(preset(network, CLASSES), shape).initialise(np.random.default_rng(0)),
                SoftmaxCrossEntropy(),
                Momentum(lr=LR, momentum=MOMENTUM),
                seed=0,
                workers=workers,
            )
            trainers[size].step(batches[size], 0, 0)  # the first one asks for memory
        steps: dict[int, list[float]] = {size: [] for size in sizes}
        flats: dict[int, list[float]] = {size: [] for size in sizes}
        for _ in range(rounds):
            for size, trainer in trainers.items():
                steps[size].append(_seconds(partial(trainer.step, batches[size], 0, 0)))
                pieces = len(micro_batches(batch, size))
                flats[size].append(_vector_seconds(trainer.parameters.vector.size, pieces))
    rows, first = [], 0.0
    for size in sizes:
        pieces = len(micro_batches(batch, size))
        flat = statistics.median(flats[size])
        piece = (statistics.median(steps[size]) - flat) / pieces
        times = [-(-pieces // count) * piece + flat / count for count in WORKERS]
        first = first or times[0]
        rows.append(
            (
                str(size),
                str(pieces),
                milliseconds(piece),
                milliseconds(flat),
                *(f"{milliseconds(each)} ({first / each:.1f})" for each in times),
            )
        )
    header = ("micro-batch", "pieces", "a piece, ms", "vector, ms")
    return markdown_table((*header, *(f"{count} workers" for count in WORKERS)), rows)


def _vector_seconds(parameters: int, pieces: int) -> float:
    """Seconds of the sum, the norm and the update of vectors of so many parameters."""
    gradients = [np.ones(parameters, np.float32) for _ in range(pieces)]
    vector, optimizer = {"": np.ones(parameters, np.float32)}, Momentum(lr=LR, momentum=MOMENTUM)
    optimizer.step(vector, {"": gradients[0]})

    def run() -> None:
        total = tree_sum(gradients)
        square_sums(total)
        optimizer.step(vector, {"": total})

    return _seconds(run)


def _seconds(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


if __name__ == "__main__":
    main()
