"""Where the time goes: layer by layer beside PyTorch, and the distance to the matrix product."""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.report import Section, markdown_table, milliseconds
from benchmarks.timing import Effort
from benchmarks.torch_nets import to_torch
from benchmarks.twins import CLASSES, LAYOUTS, NETWORKS, THREADS, Work, preset_work
from engine.inspection.profiler import (
    frozen_trainer,
    layer_times,
    median_seconds,
    noise,
    product_peak,
    product_share,
)
from engine.parallel.micro_batches import MICRO_BATCH
from engine.parallel.workers import Workers

BATCH = 128
T = TypeVar("T")


def hotspots(effort: Effort) -> Section:
    """The peak of a matrix product, its share of a step, and every layer's time."""
    section = Section("Where the time goes")
    budget = effort.turn * effort.rounds / 2
    peaks = {}
    for threads in THREADS:
        with threadpool_limits(threads, user_api="blas"):
            peaks[threads] = product_peak(budget)
    section.text.append(
        "Peak of a large float32 matrix product in NumPy: "
        + ", ".join(f"{peak / 1e9:.0f} GFLOP/s (BLAS threads: {n})" for n, peak in peaks.items())
        + f". A training step of {BATCH} on one worker, and the matrix products in it:"
    )
    section.text.append(_products(peaks[1], budget))
    section.text.append(
        "Each layer in ms for a batch of 128 on one core: ours one micro-batch of "
        f"{MICRO_BATCH} after the other, PyTorch the whole batch at once, in the better layout. "
        "GFLOP/s count the products by their definition; Winograd's convolution does with fewer. "
        "A residual block is one row."
    )
    section.text += [f"**{network}**\n\n{_layers(network, effort)}" for network in NETWORKS]
    return section


def _products(peak: float, budget: float) -> str:
    rows = []
    for network in NETWORKS:
        work = preset_work(network)
        batches = noise(work.shape, CLASSES, BATCH)
        with Workers(1) as workers:
            trainer = frozen_trainer(work.model(), workers)
            step = median_seconds(partial(trainer.step, batches, 0, 0), budget)
        share = product_share(work.model(), batches, budget)
        rows.append(
            (
                network,
                milliseconds(step),
                milliseconds(share.share * step),
                f"{share.share:.0%}",
                f"{share.flops_per_s / 1e9:.0f}",
                f"{share.flops_per_s / peak:.0%}",
            )
        )
    return markdown_table(("", "step, ms", "products, ms", "share", "GFLOP/s", "of the peak"), rows)


def _layers(network: str, effort: Effort) -> str:
    work = preset_work(network)
    x, labels = noise(work.shape, CLASSES, BATCH).load(np.arange(BATCH))
    times: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    with Workers(1):
        rows = layer_times(
            work.model(), x[:MICRO_BATCH], labels[:MICRO_BATCH], effort.turn * effort.rounds
        )
    pieces = BATCH // MICRO_BATCH
    for row in rows:  # those inside a block are counted with it
        parts = (row.forward, row.backward, row.forward_flops, row.backward_flops)
        own = times[row.name.split(".")[0]]
        own[:] = [a + pieces * b for a, b in zip(own, parts, strict=True)]
    theirs = min(
        (_torch_layers(work, x, layout, min(effort.rounds, 5)) for layout in LAYOUTS),
        key=lambda layers: sum(map(sum, layers)),
    )
    cells = []
    names = {row.name: row.layer for row in rows}
    for (name, (forward, backward, flops, back_flops)), (t_forward, t_backward) in zip(
        times.items(), theirs, strict=True
    ):
        cells.append(
            (
                f"{name} {names[name]}",
                milliseconds(forward),
                milliseconds(t_forward),
                f"{flops / forward / 1e9:.0f}" if flops else "",
                milliseconds(backward),
                milliseconds(t_backward),
                f"{back_flops / backward / 1e9:.0f}" if flops else "",
            )
        )
    totals = [sum(t[i] for t in times.values()) for i in (0, 1)]
    torch_totals = [sum(t[i] for t in theirs) for i in (0, 1)]
    cells.append(
        (
            "together",
            milliseconds(totals[0]),
            milliseconds(torch_totals[0]),
            "",
            milliseconds(totals[1]),
            milliseconds(torch_totals[1]),
            "",
        )
    )
    header = ("", "forward", "PyTorch", "GFLOP/s", "backward", "PyTorch", "GFLOP/s")
    return markdown_table(header, cells)


def _torch_layers(work: Work, x: np.ndarray, layout: str, rounds: int) -> list[tuple[float, float]]:
    """Forward and backward seconds of every layer of the network, on one thread."""
    torch.set_num_threads(1)
    net = to_torch(work.model(), LAYOUTS[layout])
    tensor = torch.from_numpy(x).to(memory_format=LAYOUTS[layout])
    forward: list[list[float]] = [[] for _ in net]
    backward: list[list[float]] = [[] for _ in net]
    for _ in range(rounds + 1):
        tape = []
        value = tensor
        for i, layer in enumerate(net):
            given = value.detach().requires_grad_(i > 0)
            value, seconds = _timed(partial(layer, given))
            forward[i].append(seconds)
            tape.append((given, value))
        gradient = torch.ones_like(value) / len(x)
        for i, (given, out) in reversed(list(enumerate(tape))):
            if not out.requires_grad:  # nothing before it is trained
                backward[i].append(0.0)
                continue
            _, seconds = _timed(partial(out.backward, gradient))
            backward[i].append(seconds)
            if given.grad is not None:
                gradient = given.grad
    return [
        (statistics.median(f[1:]), statistics.median(b[1:]))
        for f, b in zip(forward, backward, strict=True)
    ]


def _timed(run: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    result = run()
    return result, time.perf_counter() - began
