"""The same network twice, on the engine and in PyTorch: same weights, batches and optimizer."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.onnx_nets import onnx_installed, onnx_network
from benchmarks.timing import Way
from benchmarks.torch_nets import to_torch
from engine.arrays import Shape
from engine.data import Batches
from engine.inspection.profiler import noise
from engine.layers import Sequential
from engine.losses import SoftmaxCrossEntropy
from engine.models import LayerSpec, build, preset
from engine.models.inference import Predictor
from engine.optim import Momentum
from engine.parallel.workers import Workers, usable_cores
from engine.train.trainer import Trainer

NETWORKS = ("lenet_mnist", "tiny_vgg_cifar10", "resnet_cifar10")
CLASSES = 10
THREADS = tuple(
    sorted({2**power for power in range(8) if 2**power < usable_cores()} | {usable_cores()})
)
"""Numbers of threads and workers: powers of two, and all the cores that there are."""
LAYOUTS = {"default": torch.contiguous_format, "channels_last": torch.channels_last}
LR, MOMENTUM = 1e-3, 0.9
STEPS = 4
"""Different batches, one after the other."""


@dataclass(frozen=True)
class Work:
    """A network and what it is fed with."""

    specs: Sequence[LayerSpec]
    shape: Shape

    def model(self) -> Sequential:
        """The network on the engine; always with the same weights."""
        return build(self.specs, self.shape).initialise(np.random.default_rng(0))

    def images(self, n: int) -> np.ndarray:
        """Noise, float32 (n, C, H, W)."""
        return np.random.default_rng(1).standard_normal((n, *self.shape), np.float32)


def preset_work(name: str) -> Work:
    """A preset with the images that it is made for."""
    return Work(preset(name, CLASSES), (1, 28, 28) if name.endswith("mnist") else (3, 32, 32))


class TorchTrainer:
    """What a PyTorch user writes for a training step."""

    def __init__(self, model: Sequential, layout: str) -> None:
        self.layout: Any = LAYOUTS[layout]
        self.net = to_torch(model, self.layout)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=LR, momentum=MOMENTUM)

    def tensors(self, batches: Batches) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """All batches, normalised, in this layout."""
        loaded = (batches.load(batches.batch_indices(0, i)) for i in range(batches.steps_per_epoch))
        return [
            (torch.from_numpy(x).to(memory_format=self.layout), torch.from_numpy(y))
            for x, y in loaded
        ]

    def step(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """One optimizer step; returns the loss."""
        self.optimizer.zero_grad()
        loss = functional.cross_entropy(self.net(x), y)
        loss.backward()
        self.optimizer.step()
        return loss


def engine_trainer(model: Sequential, workers: Workers) -> Trainer:
    """The engine's trainer with the same optimizer as ``TorchTrainer``."""
    optimizer = Momentum(lr=LR, momentum=MOMENTUM)
    return Trainer(model, SoftmaxCrossEntropy(), optimizer, seed=0, workers=workers)


def step_ways(
    work: Work, batch: int, stack: ExitStack, workers: Sequence[int] = THREADS, steps: int = STEPS
) -> dict[str, Way]:
    """Training steps: the engine with each number of workers, PyTorch in all its variants.

    Some in a row, as both train. The engine's step loads and normalises its images and computes
    accuracy and the gradient's norm as well; PyTorch finds its tensors ready.
    """
    batches = noise(work.shape, CLASSES, batch, steps)
    ways = {}
    for number in workers:
        trainer = engine_trainer(work.model(), stack.enter_context(Workers(number)))
        ways[our_name(number)] = Way(
            partial(trainer.steps, batches, 0, 0, [LR] * steps), times=steps
        )
    for layout, threads in product(LAYOUTS, THREADS):
        twin = TorchTrainer(work.model(), layout)
        run = partial(torch_steps, twin, twin.tensors(batches))
        prepare = partial(torch.set_num_threads, threads)
        ways[torch_name(layout, threads)] = Way(run, prepare, times=steps)
    return ways


def inference_ways(
    work: Work, n: int, stack: ExitStack, counts: Sequence[int] = THREADS
) -> dict[str, Way]:
    """Logits of n images: the engine with each number of workers, PyTorch in all its variants.

    And ONNX Runtime with each number of threads, where it is installed.

    Raises:
        SystemExit: the logits are not the same.
    """
    x, ways = work.images(n), {}
    expected = work.model().eval().forward(x)
    for number in counts:
        predictor = Predictor(work.model(), stack.enter_context(Workers(number)))
        agree(predictor.logits(x), expected)
        ways[our_name(number)] = Way(partial(predictor.logits, x))
    for layout, threads in product(LAYOUTS, counts):
        twin = TorchTrainer(work.model(), layout)
        twin.net.eval()
        tensor = torch.from_numpy(x).to(memory_format=twin.layout)
        run = partial(torch_logits, twin.net, tensor)
        agree(run().numpy(), expected)
        ways[torch_name(layout, threads)] = Way(run, partial(torch.set_num_threads, threads))
    if onnx_installed():
        for threads in counts:
            run = partial(onnx_network(work.model(), work.shape, threads), x)
            agree(run(), expected)
            ways[f"ONNX Runtime, {threads} {'thread' if threads == 1 else 'threads'}"] = Way(run)
    return ways


def our_name(workers: int) -> str:
    """``ours, 2 workers``."""
    return f"ours, {workers} {'worker' if workers == 1 else 'workers'}"


def torch_name(layout: str, threads: int) -> str:
    """``PyTorch, channels_last, 2 threads``."""
    return f"PyTorch, {layout}, {threads} {'thread' if threads == 1 else 'threads'}"


def torch_steps(twin: TorchTrainer, tensors: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """A step on each batch."""
    for x, y in tensors:
        twin.step(x, y)


def torch_logits(net: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The network's output, without anything for gradients."""
    with torch.inference_mode():
        return net(x)


def agree(got: np.ndarray, expected: np.ndarray) -> None:
    """End the program where two sides compute different logits."""
    if not np.allclose(got, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max()):
        difference = np.abs(got - expected).max()
        raise SystemExit(f"both sides must compute the same; logits differ by {difference}")
