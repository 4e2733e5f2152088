"""One training step, and one inference: the engine against PyTorch at its best."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from benchmarks.report import Section, Verdict, markdown_table, milliseconds
from benchmarks.timing import Comparison, Effort, Way, compare, percentile
from benchmarks.twins import (
    NETWORKS,
    THREADS,
    inference_ways,
    our_name,
    preset_work,
    step_ways,
)

BATCH = 128
INFERENCE_FLOORS = {1: (1.2, 1.5), 32: (1.0, 1.5), 512: (1.2, 1.5)}
"""Floor and goal for each batch, against PyTorch's best."""
ONNX_FLOORS = {1: (0.4, 0.8), 32: (0.7, 1.0), 512: (0.8, 1.0)}
"""The same against ONNX Runtime's best."""
SINGLE_CALLS = 300
"""Calls with one image whose slowest hundredth is reported."""
STEP_FLOORS = {
    "lenet_mnist": (1.2, 1.5),
    "tiny_vgg_cifar10": (0.95, 1.2),
    "resnet_cifar10": (0.85, 1.0),
}


def training_steps(effort: Effort) -> Section:
    """Training steps of a batch of 128."""
    section = Section(f"Training step, batch {BATCH}")
    section.text.append(
        "Cross-entropy, SGD with momentum 0.9, the same weights and batches. Our step loads and "
        "normalises its images and computes accuracy and gradient norm as well; PyTorch finds its "
        "tensors ready."
    )
    rows = []
    for network in NETWORKS:
        with ExitStack() as stack:
            result = compare(step_ways(preset_work(network), BATCH, stack), effort)
        ours, theirs = result.best("ours"), result.best("PyTorch")
        rows += _rows(network, result, BATCH, theirs)
        section.verdicts.append(
            _verdict(f"{network}, training step", result, ours, theirs, *STEP_FLOORS[network])
        )
        if network == "tiny_vgg_cifar10" and 2 in THREADS:
            one, two = our_name(1), our_name(2)
            scaling = result.speedup(two, one)
            note = _range(result, two, one)
            work = f"{network}, two workers over one"
            section.verdicts.append(Verdict(work, scaling, 1.7, 1.9, note=note))
    section.text.append(markdown_table(_HEADER, rows))
    return section


def inference(effort: Effort) -> Section:
    """Logits of 1, 32 and 512 images."""
    section = Section("Inference")
    section.text.append(
        "Evaluation mode; ours through `engine.models.inference.Predictor`, PyTorch in "
        "`torch.inference_mode()`, ONNX Runtime on the exported network where it is installed. All "
        "give the same logits, to 1e-3."
    )
    rows, single = [], []
    for network in NETWORKS:
        for n in INFERENCE_FLOORS:
            with ExitStack() as stack:
                ways = inference_ways(preset_work(network), n, stack)
                result = compare(ways, effort)
                sides = [side for side in _SIDES if any(way.startswith(side) for way in ways)]
                best = {side: result.best(side) for side in sides}
                if n == 1:
                    single += _single_calls(network, ways, list(best.values()))
            rows += _rows(f"{network}, batch {n}", result, n, best["PyTorch"])
            for side, floors in (("PyTorch", INFERENCE_FLOORS), ("ONNX Runtime", ONNX_FLOORS)):
                if side in best:
                    work = f"{network}, inference, batch {n}, over {side}"
                    section.verdicts.append(
                        _verdict(work, result, best["ours"], best[side], *floors[n])
                    )
    section.text.append(markdown_table(_HEADER, rows))
    section.text.append(f"One image, each side at its best, {SINGLE_CALLS} calls:")
    section.text.append(markdown_table(("", "p50 ms", "p99 ms"), single))
    return section


_SIDES = ("ours", "PyTorch", "ONNX Runtime")


def _single_calls(
    network: str, ways: Mapping[str, Way], names: Sequence[str]
) -> list[tuple[str, ...]]:
    """Median and slowest hundredth of calls, some of each way in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(SINGLE_CALLS // 20):
        for name in names:
            ways[name].prepare()
            ways[name].run()
            for _ in range(20):
                began = time.perf_counter()
                ways[name].run()
                seconds[name].append(time.perf_counter() - began)
    return [
        (f"{network}: {name}", *(milliseconds(percentile(found, p)) for p in (50, 99)))
        for name, found in seconds.items()
    ]


_HEADER = ("", "median ms", "fastest ms", "samples/s", "speed / PyTorch's best")


def _rows(work: str, result: Comparison, samples: int, theirs: str) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name in result.seconds:
        median = result.median(name)
        rows.append(
            (
                f"{work}: {name}",
                milliseconds(median),
                milliseconds(min(result.seconds[name])),
                f"{samples / median:,.0f}",
                f"{result.speedup(name, theirs):.2f}",
            )
        )
    return rows


def _verdict(
    work: str, result: Comparison, ours: str, theirs: str, floor: float, goal: float
) -> Verdict:
    note = f"{ours} against {theirs}; {_range(result, ours, theirs)}"
    return Verdict(work, result.speedup(ours, theirs), floor, goal, note=note)


def _range(result: Comparison, name: str, over: str) -> str:
    low, high = result.speedup_range(name, over)
    return f"rounds {low:.2f} to {high:.2f}"
