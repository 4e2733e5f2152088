"""How fast the engine is on this machine: ``cnn-tui bench``."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from engine.commands.output import Output, table
from engine.commands.signals import Signals
from engine.data import DATASETS, Batches
from engine.errors import ConfigError
from engine.inspection.profiler import (
    LayerTime,
    layer_times,
    median_seconds,
    noise,
    product_peak,
    product_share,
    still_trainer,
)
from engine.layers import Sequential, Shape
from engine.models import PRESETS, build, preset
from engine.models.inference import Predictor
from engine.parallel.workers import MICRO_BATCH, Workers, usable_cores
from engine.runs.environment import environment

CLASSES = 10
INFERENCE = (1, 32, 512)
GROWTH = (16, 64, 256, 1024)


def bench(
    out: Output,
    *,
    presets: Sequence[str] = tuple(PRESETS),
    batch: int = 128,
    workers: int | None = None,
    budget: float = 0.4,
) -> int:
    """Measure presets on noise: training, inference, each layer, and the peak to hold them against.

    Args:
        out: gets tables, or under ``--json`` a line for each measurement.
        presets: names of ``engine.models.PRESETS``.
        batch: samples of a training step.
        workers: how many micro-batches compute at once; None for the cores there are.
        budget: seconds to spend on each figure, more or less.

    Raises:
        ConfigError: no such preset, or no such number.
        Interrupted: by a signal.
    """
    workers = usable_cores() if workers is None else workers
    for name, value, least in (("batch", batch, 2), ("workers", workers, 1)):
        if value < least:
            raise ConfigError(f"{name}: got {value}, expected at least {least}")
    networks = {name: make_network(name) for name in presets}
    with Signals(on_leave=out.progress.abandon) as signals:
        each = len({1, workers}) + 1 + len(INFERENCE) + 1 + len(GROWTH)
        bench_run = _Bench(out, signals.check, batch, workers, budget, 1 + each * len(networks))
        try:
            bench_run.machine()
            for name, (model, shape) in networks.items():
                bench_run.network(name, model, shape)
        finally:
            out.progress.close()
    return 0


def make_network(name: str) -> tuple[Sequential, Shape]:
    """A preset with fresh weights, and the shape of the images that it is made for.

    Raises:
        ConfigError: there is no preset of that name.
    """
    specs = preset(name, CLASSES)
    shape = DATASETS["cifar10" if name.endswith("cifar10") else "mnist"].image_shape
    return build(specs, shape).initialise(np.random.default_rng(0)), shape


class _Bench:
    """One run of the command: what it was asked for, and how far it is."""

    def __init__(
        self,
        out: Output,
        check: Callable[[], None],
        batch: int,
        workers: int,
        budget: float,
        figures: int,
    ) -> None:
        self.out = out
        self.check = check
        self.batch = batch
        self.workers = workers
        self.budget = budget
        self.figures = figures
        self.done = 0

    def figure(self, label: str) -> None:
        """Another figure is about to be measured."""
        self.check()
        self.out.progress.update(label, self.done, self.figures)
        self.done += 1

    def machine(self) -> None:
        """What was measured on, and its fastest matrix product."""
        self.figure("matrix products")
        peaks = {}
        for threads in sorted({1, self.workers}):
            with threadpool_limits(threads, user_api="blas"):
                peaks[threads] = product_peak(self.budget)
        facts = environment()
        self.out.json(
            {
                "event": "machine",
                **facts,
                "peak_gflops": {str(threads): peak / 1e9 for threads, peak in peaks.items()},
            }
        )
        blas = ", ".join(f"{b['library']} {b['version']}" for b in facts["blas"])
        self.out.text(
            f"{facts['cpu']}, {facts['cores']} cores; NumPy {facts['numpy']}, {blas}\n"
            "peak of a large float32 matrix product: "
            + ", ".join(
                f"{peak / 1e9:.0f} GFLOP/s on {threads} thread{'s' if threads > 1 else ''}"
                for threads, peak in peaks.items()
            )
        )

    def network(self, name: str, model: Sequential, shape: Shape) -> None:
        """All figures of one preset."""
        batches = noise(shape, CLASSES, self.batch)
        self.out.text(
            f"\n{name}: images {'×'.join(map(str, shape))}, {model.count_parameters():,} parameters"
        )
        self._training(name, model, batches)
        self._inference(name, model, shape)
        self._layers(name, model, batches)
        self._growth(name, model, shape)

    def _training(self, name: str, model: Sequential, batches: Batches) -> None:
        rates = {}
        for count in sorted({1, self.workers}):
            self.figure(f"{name}: training, workers {count}")
            rates[count] = self.batch / self._step_seconds(model, batches, count)
        self.figure(f"{name}: matrix products of a step")
        share = product_share(model, batches, self.budget)
        self.out.json(
            {
                "event": "training",
                "preset": name,
                "batch": self.batch,
                "samples_per_s": {str(count): rate for count, rate in rates.items()},
                "product_share": share.share,
                "product_gflops": share.flops_per_s / 1e9,
            }
        )
        shown = ", ".join(
            f"{rate:,.0f} samples/s on {count} worker{'s' if count > 1 else ''}"
            for count, rate in rates.items()
        )
        self.out.text(
            f"  training, batch {self.batch}: {shown}\n"
            f"  matrix products: {share.share:.0%} of a step on one worker, "
            f"at {share.flops_per_s / 1e9:.0f} GFLOP/s"
        )

    def _inference(self, name: str, model: Sequential, shape: Shape) -> None:
        rates = {}
        with Workers(self.workers) as workers:
            predictor = Predictor(model, workers)
            for n in INFERENCE:
                self.figure(f"{name}: inference, batch {n}")
                x = np.random.default_rng(0).standard_normal((n, *shape), np.float32)
                rates[n] = n / median_seconds(partial(predictor.logits, x), self.budget)
        for n, rate in rates.items():
            self.out.json({"event": "inference", "preset": name, "batch": n, "samples_per_s": rate})
        shown = ", ".join(f"{rate:,.0f} (batch {n})" for n, rate in rates.items())
        self.out.text(f"  inference, samples/s: {shown}")

    def _layers(self, name: str, model: Sequential, batches: Batches) -> None:
        self.figure(f"{name}: layers")
        n = min(self.batch, MICRO_BATCH)
        x, labels = batches.load(np.arange(n))
        with Workers(1):
            rows = layer_times(model, x, labels, self.budget)
        for row in rows:
            self.out.json({"event": "layer", "preset": name, "samples": n, **asdict(row)})
        self.out.text(f"\n  each layer, {n} samples on one worker")
        self.out.text(_indented(_layer_table(rows)))

    def _growth(self, name: str, model: Sequential, shape: Shape) -> None:
        costs = {}
        for batch in GROWTH:
            self.figure(f"{name}: batch {batch}")
            batches = noise(shape, CLASSES, batch)
            costs[batch] = self._step_seconds(model, batches, self.workers) / batch
        for batch, cost in costs.items():
            self.out.json(
                {"event": "growth", "preset": name, "batch": batch, "us_per_sample": 1e6 * cost}
            )
        shown = ", ".join(f"{1e6 * cost:.0f} (batch {batch})" for batch, cost in costs.items())
        self.out.text(f"\n  training, µs a sample as the batch grows: {shown}")

    def _step_seconds(self, model: Sequential, batches: Batches, count: int) -> float:
        with Workers(count) as workers:
            trainer = still_trainer(model, workers)
            return median_seconds(lambda: trainer.step(batches, 0, 0), self.budget)


def _layer_table(rows: Sequence[LayerTime]) -> str:
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


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
