"""A config in words and numbers, before anything is run."""

from dataclasses import dataclass
from pathlib import Path

from engine.config import Config
from engine.data import ImportedDataset, locate
from engine.errors import EngineError
from engine.inspection.estimate import memory_bytes, split_sizes
from engine.layers import Summary
from engine.services.configs import network_summary
from tui import text


@dataclass(frozen=True)
class DataState:
    """Availability of a data set.

    Attributes:
        here: whether it is on this machine.
        bundled: whether it ships with the project.
        words: a few words about it.
    """

    here: bool
    bundled: bool
    words: str


def data_state(config: Config) -> DataState:
    """Where the config's data set is."""
    info = config.dataset_info
    root = Path(config.data.root) if config.data.root is not None else None
    try:
        here = locate(config.dataset, root) is not None
    except (EngineError, OSError):
        here = False
    if isinstance(info, ImportedDataset):
        return DataState(here, False, "imported" if here else "not here")
    if not info.downloads and here:
        return DataState(True, True, "bundled")
    if here:
        return DataState(True, False, "here")
    total = sum(file.size for file in info.downloads)
    return DataState(False, False, f"downloaded first, {text.size(total)}")


@dataclass(frozen=True)
class Meaning:
    """A config in numbers.

    Attributes:
        summary: the layers.
        data: where the data set is.
        memory: bytes that training takes, roughly.
        train, validation: samples.
    """

    summary: Summary
    data: DataState
    memory: int
    train: int
    validation: int

    @classmethod
    def of(cls, config: Config) -> "Meaning":
        """Work it out; a few milliseconds."""
        train, validation = split_sizes(config)
        return cls(
            network_summary(config), data_state(config), memory_bytes(config), train, validation
        )


def introduction(yaml: str) -> str:
    """The first sentence or two of the comment that a config begins with; empty if none."""
    words: list[str] = []
    for line in yaml.splitlines():
        if not line.startswith("#"):
            break
        content = line.lstrip("#").strip()
        if not content:
            break
        words.append(content)
    return text.line(" ".join(words), 300)


def training_words(config: Config) -> str:
    """How it trains, in a line: ``12 epochs, batches of 32, adam, lr 0.003, cosine``."""
    train = config.train
    parts = [f"{train.epochs} epochs", f"batch {train.batch_size}", train.optimizer]
    parts.append(f"lr {text.significant(train.lr)}")
    if train.scheduler is not None:
        parts.append(train.scheduler.name)
    if train.warmup is not None:
        parts.append("warm-up")
    if train.weight_decay:
        parts.append(f"decay {text.significant(train.weight_decay)}")
    return ", ".join(parts)


def augment_words(config: Config) -> str:
    """Which random changes; empty if none."""
    augment = config.data.augment
    parts = []
    if augment.shift:
        parts.append(f"shift {augment.shift}")
    if augment.rotate:
        parts.append(f"turn {text.significant(augment.rotate)}°")
    if augment.zoom:
        parts.append(f"zoom {text.significant(augment.zoom)}")
    if augment.flip:
        parts.append("flip in turns" if augment.alternate else "flip")
    if augment.cutout:
        parts.append(f"cutout {augment.cutout}")
    if augment.erase:
        parts.append(f"erase {text.significant(augment.erase)}")
    if augment.mixup:
        parts.append(f"mixup {text.significant(augment.mixup)}")
    return ", ".join(parts)
