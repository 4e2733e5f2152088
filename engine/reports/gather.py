"""What a report says of a run: its record, curves, weights, results on the test set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.arrays import Array
from engine.config import Config
from engine.gradcheck import Report
from engine.hints import Evidence, holding
from engine.layers import Sequential
from engine.metrics import PerClass
from engine.runs.directory import RunDir
from engine.runs.groups import Spread, results_of, same_but_for_seed, spread
from engine.runs.listing import RunInfo
from engine.runs.metrics_csv import Value
from engine.runs.progress import with_progress
from engine.train import factory

RESULTS = (
    ("test_acc", "test accuracy"),
    ("test_loss", "test loss"),
    ("macro_f1", "macro F1"),
    ("val_acc", "best validation accuracy"),
    ("loss", "last training loss"),
    ("seconds", "training time (s)"),
)
"""Results by which runs are compared, and what they are called."""


@dataclass(frozen=True)
class Mistake:
    """An image that was classified wrong.

    Attributes:
        index: its number in the test set.
        image: uint8, (C, H, W).
        label, predicted: indices of classes; no prediction is -1.
        confidence: probability of the predicted class; NaN where there is none.
    """

    index: int
    image: Array
    label: int
    predicted: int
    confidence: float


@dataclass(frozen=True)
class Tested:
    """Results on the test set.

    Attributes:
        loss, acc, macro_f1: as ``evaluate`` has them.
        classes: their names.
        confusion: counts (C, C); rows are true classes, columns predicted ones.
        scores: precision, recall, F1 and number of samples of every class, each (C,).
        mistakes: the most confident ones, the most confident first.
    """

    loss: float
    acc: float
    macro_f1: float
    classes: tuple[str, ...]
    confusion: Array
    scores: PerClass
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True)
class Told:
    """A hint, as it is told.

    Attributes:
        title, words, why: as ``engine.hints.Hint`` has them.
        fix: what to change; empty where no key of the config helps by itself.
    """

    title: str
    words: str
    why: str
    fix: str


@dataclass(frozen=True)
class Facts:
    """All that a report says of a run.

    Attributes:
        id: the run.
        config: what was trained.
        config_text: the config as the run has it, comments and all.
        record: its ``run.json``.
        metrics: a row an epoch, as ``metrics.csv`` has them.
        hints: those that held at the end.
        filters: weights of the first convolution, (filters, channels, height, width); None where
            there is no convolution or no weights.
        tested: results on the test set; None where they could not be had.
        gradients: the gradient check; None where it could not be done.
        missing: what is not in the report and why, a line each.
    """

    id: str
    config: Config
    config_text: str
    record: dict[str, Any]
    metrics: Sequence[dict[str, Value]]
    hints: tuple[Told, ...] = ()
    filters: Array | None = None
    tested: Tested | None = None
    gradients: Report | None = None
    missing: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The run's id without its date: ``quickstart-0d39``."""
        return self.id[len("20260102-030405-") :]

    @property
    def label(self) -> str:
        """The run in a legend."""
        return f"{self.short}, seed {self.config.seed}"

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the best validation accuracy; None where there is none."""
        known = [row for row in self.metrics if row.get("val_acc") is not None]
        best = max(known, key=lambda row: row["val_acc"] or 0.0, default=None)
        return None if best is None else int(best["epoch"] or 0)

    @property
    def results(self) -> dict[str, float]:
        """The results of ``RESULTS`` that are known: the report's own, else the recorded ones."""
        found = results_of(self.record)
        if self.tested is not None:
            tested = self.tested
            found |= {
                "test_loss": tested.loss,
                "test_acc": tested.acc,
                "macro_f1": tested.macro_f1,
            }
        return {name: found[name] for name, _ in RESULTS if name in found}


def gather(info: RunInfo) -> Facts:
    """What the files of a run say, without its weights and its data set.

    Raises:
        EngineError: they cannot be read.
    """
    view = RunDir.view(info.path)
    config = factory.config_of(info.path)
    record, metrics = with_progress(info).record, view.read_metrics()
    return Facts(
        info.id, config, view.read_config(), record, metrics, _hints(config, record, metrics)
    )


def _hints(
    config: Config, record: dict[str, Any], metrics: Sequence[dict[str, Value]]
) -> tuple[Told, ...]:
    """The hints in a record; of a run that is not over, what its curves say so far."""
    if record.get("hints") is not None:
        return tuple(
            Told(hint["title"], hint["message"], hint["why"], hint["fix_label"])
            for hint in record["hints"]
        )
    history = [
        {name: float(value) for name, value in row.items() if value is not None} for row in metrics
    ]
    found = holding(Evidence(config, history, classes=config.dataset_info.classes))
    return tuple(
        Told(hint.title, hint.words, hint.why, hint.fix.label if hint.fix else "") for hint in found
    )


def first_filters(model: Sequential) -> Array | None:
    """The weights of the first convolution; None for a network without one."""
    for name, array in model.named_parameters().items():
        if name.rpartition(".")[2] == "weight" and array.ndim == 4:
            return array.copy()
    return None


@dataclass(frozen=True)
class Group:
    """Runs whose configs differ in the seed alone.

    Attributes:
        runs: in the order in which they were given.
    """

    runs: tuple[Facts, ...]

    def spread(self, name: str) -> Spread | None:
        """Spread of a result over the finished runs; None for fewer than two seeds."""
        known = [run for run in self.runs if run.record.get("status") == "finished"]
        return spread((run.config.seed, run.results[name]) for run in known if name in run.results)


def seed_groups(runs: Sequence[Facts]) -> list[Group]:
    """Runs by their config without its seed, in the order in which they were given."""
    return [Group(same) for same in same_but_for_seed(runs, lambda run: run.config)]
