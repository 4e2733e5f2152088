"""One training step, and one inference: the engine against PyTorch at its best."""

from contextlib import ExitStack

from benchmarks.report import Section, Verdict, markdown_table, milliseconds
from benchmarks.timing import Comparison, Effort, compare
from benchmarks.twins import NETWORKS, inference_ways, preset_work, step_ways

BATCH = 128
INFERENCE_BATCHES = (1, 32, 512)
STEP_FLOORS = {
    "lenet_mnist": (1.0, 1.3),
    "tiny_vgg_cifar10": (0.8, 1.0),
    "resnet_cifar10": (0.7, 1.0),
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
        if network == "tiny_vgg_cifar10":
            one, two = "ours, 1 worker", "ours, 2 workers"
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
        "`torch.inference_mode()`. Both give the same logits, to 1e-3."
    )
    rows = []
    for network in NETWORKS:
        for n in INFERENCE_BATCHES:
            with ExitStack() as stack:
                ways = inference_ways(preset_work(network), n, stack)
                result = compare(ways, effort)
            ours, theirs = result.best("ours"), result.best("PyTorch")
            rows += _rows(f"{network}, batch {n}", result, n, theirs)
            section.verdicts.append(
                _verdict(f"{network}, inference, batch {n}", result, ours, theirs, 1.0, 1.5)
            )
    section.text.append(markdown_table(_HEADER, rows))
    return section


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
