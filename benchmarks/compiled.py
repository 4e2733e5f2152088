"""``torch.compile`` beside PyTorch without it, where there is a C++ compiler."""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import torch

from benchmarks.report import Section, markdown_table, milliseconds
from benchmarks.timing import Effort, Way, compare
from benchmarks.twins import (
    CLASSES,
    LR,
    NETWORKS,
    STEPS,
    THREADS,
    TorchTrainer,
    agree,
    engine_trainer,
    preset_work,
    torch_logits,
    torch_steps,
)
from engine.inspection.profiler import noise
from engine.models.inference import Predictor
from engine.parallel.workers import Workers

BATCH, IMAGES = 128, 32
LAYOUT = "channels_last"
"""One layout and one number of threads: a network takes up to a minute to compile."""


def compiled(effort: Effort) -> Section:
    """Training steps and predictions, all sides with all cores."""
    section = Section("torch.compile")
    compiler = _compiler()
    if compiler is None:
        section.text.append("There is no C++ compiler on this machine, so it was not measured.")
        return section
    threads = THREADS[-1]
    torch.set_num_threads(threads)
    section.text.append(
        f"Compiled with `{compiler}` in the default mode; {LAYOUT}, {threads} threads or workers "
        "each. 'Compiled in' is what the first call took, which the others do not count."
    )
    rows = []
    for network in NETWORKS:
        for work, ways_of in (
            (f"{network}, training step, batch {BATCH}", _steps),
            (f"{network}, predictions, batch {IMAGES}", _predictions),
        ):
            torch.compiler.reset()
            with ExitStack() as stack:
                ways, seconds = ways_of(network, threads, stack)
                result = compare(ways, effort)
            rows.append(
                (
                    work,
                    *(milliseconds(result.median(name)) for name in ways),
                    f"{result.speedup('compiled', 'eager'):.2f}",
                    f"{result.speedup('ours', 'compiled'):.2f}",
                    f"{seconds:.0f}",
                )
            )
    header = ("ms", "ours", "eager", "compiled", "compiled / eager", "ours / compiled")
    section.text.append(markdown_table((*header, "compiled in, s"), rows))
    return section


def _compiler() -> str | None:
    """The C++ compiler that PyTorch would take."""
    wanted = (os.environ.get("CXX"), "g++", "clang++", "c++")
    return next((name for name in wanted if name and shutil.which(name)), None)


def _steps(network: str, threads: int, stack: ExitStack) -> tuple[dict[str, Way], float]:
    work = preset_work(network)
    batches = noise(work.shape, CLASSES, BATCH, STEPS)
    trainer = engine_trainer(work.model(), stack.enter_context(Workers(threads)))
    eager, fast = (TorchTrainer(work.model(), LAYOUT) for _ in range(2))
    fast.net = torch.compile(fast.net)  # type: ignore[assignment]
    ours = partial(trainer.steps, batches, 0, 0, [LR] * STEPS)
    ways = {"ours": Way(ours, times=STEPS)}
    for name, twin in (("eager", eager), ("compiled", fast)):
        ways[name] = Way(partial(torch_steps, twin, twin.tensors(batches)), times=STEPS)
    return ways, _seconds(ways["compiled"].run)


def _predictions(network: str, threads: int, stack: ExitStack) -> tuple[dict[str, Way], float]:
    work = preset_work(network)
    x = work.images(IMAGES)
    predictor = Predictor(work.model(), stack.enter_context(Workers(threads)))
    tensor = torch.from_numpy(x).to(memory_format=torch.channels_last)
    net = TorchTrainer(work.model(), LAYOUT).net.eval()
    runs: dict[str, Callable[[], torch.Tensor]] = {
        "eager": partial(torch_logits, net, tensor),
        "compiled": partial(torch_logits, torch.compile(net), tensor),
    }
    seconds = _seconds(runs["compiled"])
    for run in runs.values():
        agree(run().numpy(), predictor.logits(x))
    ways = {"ours": Way(partial(predictor.logits, x))}
    return ways | {name: Way(run) for name, run in runs.items()}, seconds


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
