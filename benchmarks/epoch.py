"""An epoch end to end, data loading and validation included, against a plain PyTorch script."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count, product

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from benchmarks.report import Section, Verdict, markdown_table
from benchmarks.timing import FULL, Effort, Way, compare
from benchmarks.twins import (
    LAYOUTS,
    LR,
    THREADS,
    TorchTrainer,
    engine_trainer,
    our_name,
    preset_work,
    torch_name,
)
from engine import data
from engine.data import Batches, Dataset, Split, split_validation
from engine.layers import Sequential
from engine.parallel.workers import Workers
from engine.train.factory import EVALUATION_BATCH, evaluation_batches

BATCH = 128
TURN = 20
"""Batches between two looks at the controls: a tenth of a second."""
NETWORK = "lenet_mnist"
LOADERS = (0, 2)
"""Processes of a DataLoader."""
FINALISTS = 2
TRIAL_SAMPLES = 6_000
"""Samples that PyTorch's variants compete with for the final; and all there are, when quick."""

Item = tuple[torch.Tensor, int]


def epoch(effort: Effort) -> Section:
    """Train and validate on all of MNIST, or on the bundled digits where it is not here."""
    name = "mnist" if data.locate("mnist") is not None else "mnist_mini"
    dataset = data.load(name)
    indices: Sequence[np.ndarray] = split_validation(dataset.train.labels, 0.1, 0)
    trial = [indices[0][:TRIAL_SAMPLES], indices[1][: TRIAL_SAMPLES // 9]]
    if effort is not FULL:
        indices = trial
    twins = {
        f"{torch_name(layout, threads)}, {loaders} loaders": _Script(layout, threads, loaders)
        for layout, threads, loaders in product(LAYOUTS, THREADS, LOADERS)
    }
    trials = {name: Way(partial(twin.epoch, dataset, trial)) for name, twin in twins.items()}
    heats = compare(trials, Effort(2, 0.0, effort.limit), warm=False)
    finalists = sorted(twins, key=heats.median)[:FINALISTS]
    ours = our_name(THREADS[-1])
    ways = {ours: Way(partial(_engine_epoch, _model(), dataset, indices, count()))}
    ways |= {name: Way(partial(twins[name].epoch, dataset, indices)) for name in finalists}
    best = twins[finalists[0]]
    in_advance = _Script(best.layout, best.threads, 0, in_advance=True)
    ways["in advance"] = Way(partial(in_advance.epoch, dataset, indices))
    result = compare(ways, Effort(3 if effort is FULL else 1, 0.0, effort.limit), warm=False)
    theirs = result.best("PyTorch")
    sizes = " + ".join(f"{len(part):,}" for part in indices)
    section = Section(f"An epoch of {NETWORK} on {name}, end to end")
    section.text.append(
        f"{sizes} samples (training + validation), batch {BATCH}. The PyTorch script has a Dataset "
        "that normalises an image when it is asked for it, and a shuffling DataLoader; the "
        f"{FINALISTS} fastest of all combinations of layout, threads and loader processes in a "
        "trial on a part of the data are shown. 'In advance' is the fastest without loader "
        "processes and with all images normalised before the clock starts: no longer the same work."
    )
    rows = [
        (name, f"{result.median(name):.2f}", f"{result.speedup(name, theirs):.2f}") for name in ways
    ]
    section.text.append(markdown_table(("", "seconds", "speed / PyTorch's best"), rows))
    section.verdicts.append(
        Verdict(
            f"{NETWORK}, epoch on {name}",
            result.speedup(ours, theirs),
            1.5,
            2.0,
            note=f"against {theirs}; {result.speedup(ours, 'in advance'):.2f} against a data set "
            "normalised in advance",
        )
    )
    return section


def _model() -> Sequential:
    return preset_work(NETWORK).model()


def _engine_epoch(
    model: Sequential, dataset: Dataset, indices: Sequence[np.ndarray], epochs: "count[int]"
) -> None:
    train = Batches(
        dataset.train,
        indices[0],
        BATCH,
        seed=0,
        shuffle=True,
        mean=dataset.mean,
        std=dataset.std,
    )
    number = next(epochs)
    with Workers(THREADS[-1]) as workers:
        trainer = engine_trainer(model, workers)
        step = 0
        while step < train.steps_per_epoch:
            left = train.steps_per_epoch - step
            step += len(trainer.steps(train, number, step, [LR] * min(TURN, left)))
        trainer.evaluate(evaluation_batches(dataset.train, dataset, indices[1]))


class Digits(TorchDataset[Item]):
    """Images that are normalised one by one, when they are asked for."""

    def __init__(self, split: Split, indices: np.ndarray, mean: float, std: float) -> None:
        self.images = torch.from_numpy(split.images[indices])
        self.labels = split.labels[indices].tolist()
        self.mean, self.std = mean, std

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Item:
        image = self.images[index].float().div_(255).sub_(self.mean).div_(self.std)
        return image, self.labels[index]


@dataclass
class _Script:
    """What a PyTorch user writes to train on MNIST; the network trains on from call to call."""

    layout: str
    threads: int
    loaders: int
    in_advance: bool = False

    def __post_init__(self) -> None:
        self.trainer = TorchTrainer(_model(), self.layout)
        self.sets: dict[int, list[TorchDataset[Item]]] = {}

    def epoch(self, dataset: Dataset, indices: Sequence[np.ndarray]) -> float:
        """Train once over the data and validate; returns the accuracy."""
        torch.set_num_threads(self.threads)
        train, validation = self._sets(dataset, indices)
        net, memory_format = self.trainer.net, self.trainer.layout
        net.train()
        total = 0.0
        for x, y in DataLoader(train, BATCH, shuffle=True, num_workers=self.loaders):
            total += self.trainer.step(x.to(memory_format=memory_format), y).item()
        net.eval()
        correct = 0
        with torch.inference_mode():
            for x, y in DataLoader(validation, EVALUATION_BATCH, num_workers=self.loaders):
                logits = net(x.to(memory_format=memory_format))
                total += functional.cross_entropy(logits, y).item()
                correct += int((logits.argmax(1) == y).sum())
        return correct / len(indices[1])

    def _sets(self, dataset: Dataset, indices: Sequence[np.ndarray]) -> list[TorchDataset[Item]]:
        """Training and validation set, made once: reading the files is not measured either."""
        key = len(indices[0])
        if key not in self.sets:
            (mean,), (std,) = dataset.mean, dataset.std
            sets = [Digits(dataset.train, part, mean, std) for part in indices]
            self.sets[key] = [self._normalised(one) if self.in_advance else one for one in sets]
        return self.sets[key]

    @staticmethod
    def _normalised(digits: Digits) -> TorchDataset[Item]:
        images = digits.images.float().div_(255).sub_(digits.mean).div_(digits.std)
        return TensorDataset(images, torch.tensor(digits.labels))  # type: ignore[return-value]
