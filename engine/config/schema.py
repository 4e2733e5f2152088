"""Schema of a config: every key with its type, bounds, default and description.

Validation, JSON Schema, the app's form and the help texts are all made from it: a key is added
here and nowhere else. Keys marked ``live`` can be changed while a training runs.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr

from engine import data as data_sets
from engine.config.registered import Callbacks, OneScheduler
from engine.data import DatasetInfo
from engine.data.imported import NAME_PATTERN
from engine.data.views import VIEWS
from engine.errors import DataError
from engine.losses import LOSSES
from engine.models import PRESETS, LayerSpec, preset
from engine.optim import OPTIMIZERS
from engine.optim.optimizer import parameters_of
from engine.options import (
    Betas,
    Expected,
    FilePath,
    LayerNames,
    LayerSpecs,
    Named,
    OneOf,
    RunName,
    Section,
    Validation,
)
from engine.parallel.micro_batches import MICRO_BATCH

MAX_EPOCHS = 100_000
"""Of a run; what is kept for every epoch has room for so many."""


class Augment(Section):
    """Random changes to training images, new ones every epoch."""

    shift: int = Field(
        default=0, ge=0, le=64, description="move by up to this many pixels, filling the border"
    )
    border: Literal["black", "reflect"] = Field(
        default="black", description="what comes in at the border: black, or the image reflected"
    )
    rotate: float = Field(
        default=0.0, ge=0, le=180, description="turn by up to this many degrees, either way"
    )
    zoom: float = Field(
        default=0.0, ge=0, lt=1, description="larger or smaller by up to this share"
    )
    flip: bool = Field(default=False, description="mirror left and right, every other image")
    alternate: bool = Field(
        default=False,
        description="flip by epoch: half of the images in even epochs, the others in odd ones",
    )
    cutout: int = Field(
        default=0,
        ge=0,
        le=64,
        description="side of a square that is blanked out, in pixels; 0 is off",
    )
    erase: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="chance of an image that a rectangle of it is painted over with noise",
    )
    mixup: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="mix each image and its class with another's, by shares from Beta(mixup, "
        "mixup), e.g. 0.2; 0 is off",
    )


class Data(Section):
    """What is read, and how it is split."""

    root: FilePath | None = Field(
        default=None,
        description="folder with the data sets; null is $CNN_TUI_DATA, or data/raw without it",
    )
    validation: Validation = Field(
        default=0.1, description="held out of the training set: a fraction, or a number of samples"
    )
    limit: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="train on only this many samples, the first ones; null is all",
    )
    augment: Augment = Field(
        default=Augment(),
        description="random changes to training images (validation never sees them)",
    )
    test_views: Annotated[str, OneOf(VIEWS)] | None = Field(
        default=None,
        description="views of each test image, mirrored or shifted by a pixel, whose mean scores "
        "give a second test accuracy beside the plain one; null is off",
    )


class Warmup(Section):
    """Linear warm-up of the learning rate."""

    steps: int = Field(default=200, ge=1, le=10_000_000, description="batches until the full rate")
    start_factor: float = Field(
        default=0.1, gt=0, le=1, description="the first rate, as a share of lr"
    )


class ParameterGroup(Section):
    """Parameters that learn at another rate."""

    match: Annotated[str, Expected("a name such as 3.bias, *.bias or BatchNorm2D.bias")] = Field(
        pattern=r"^[A-Za-z0-9_.*]{1,100}$",
        description="full names (3.bias) or kinds (BatchNorm2D.bias); * is any text",
    )
    lr_scale: float = Field(default=1.0, ge=0, le=1e6, description="factor on the learning rate")
    weight_decay_scale: float = Field(
        default=1.0, ge=0, le=1e6, description="factor on the weight decay"
    )
    epochs: int | None = Field(
        default=None, ge=0, le=MAX_EPOCHS, description="train them for so many only; null is all"
    )


ParameterGroups = Annotated[
    tuple[ParameterGroup, ...],
    Field(strict=False, max_length=50),
    Expected("a list of groups, e.g. [{match: '*.bias', lr_scale: 64}]"),
]


class Lookahead(Section):
    """Slow weights that follow the trained ones, which step back to them now and then."""

    every: int = Field(default=5, ge=1, le=10_000, description="batches between two such steps")
    decay: float = Field(
        default=0.95,
        ge=0,
        le=1,
        description="share of the slow weights that a batch leaves, at the end of the run",
    )


class Average(Section):
    """An exponential moving average of the weights, with which the run ends."""

    every: int = Field(default=1, ge=1, le=10_000, description="batches between two updates")
    decay: float = Field(
        default=0.999, ge=0, le=1, description="share of the average that a batch leaves"
    )


class CheckpointEvery(Section):
    """How often the whole state is saved inside an epoch, to resume from."""

    steps: int | None = Field(default=None, ge=1, le=10_000_000, description="batches; null is off")
    seconds: float | None = Field(default=600.0, gt=0, description="seconds; null is off")


def _taken_by(parameter: str) -> str:
    """The optimizers with a parameter, in a line."""
    return ", ".join(name for name in OPTIMIZERS if parameter in parameters_of(name))


class Train(Section):
    """How to train."""

    epochs: int = Field(default=10, ge=1, le=MAX_EPOCHS, description="passes over the training set")
    batch_size: int = Field(default=128, ge=1, le=65_536, description="samples in one step")
    lr: float = Field(
        default=0.01, gt=0, description="learning rate", json_schema_extra={"live": True}
    )
    loss: Annotated[str, OneOf(LOSSES)] = Field(
        default="cross_entropy", description="loss to minimise; mse compares with one-hot targets"
    )
    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of the target spread over all classes (cross_entropy)",
    )
    class_weights: Annotated[str, OneOf(("balanced",))] | None = Field(
        default=None,
        description="balanced: a sample of a rare class counts more, so that all classes count the "
        "same in training (cross_entropy); null: all samples count the same",
    )
    drop_last: bool = Field(
        default=False,
        description="leave out the last batch of an epoch where it would be smaller",
    )
    optimizer: Annotated[str, OneOf(OPTIMIZERS)] = Field(default="sgd", description="update rule")
    momentum: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="momentum coefficient; null is 0.9 for momentum, 0.6 for muon, 0 for sgd",
    )
    nesterov: bool = Field(
        default=False, description=f"Nesterov momentum ({_taken_by('nesterov')})"
    )
    betas: Betas = Field(
        default=(0.9, 0.999), description=f"smoothing of the two moments ({_taken_by('betas')})"
    )
    eps: float = Field(
        default=1e-8, gt=0, description=f"added to the denominator ({_taken_by('eps')})"
    )
    alpha: float = Field(
        default=0.99,
        ge=0,
        lt=1,
        description=f"smoothing of squared gradients ({_taken_by('alpha')})",
    )
    newton_schulz: int = Field(
        default=3,
        ge=1,
        le=20,
        description="steps that make an update orthogonal "
        f"({_taken_by('newton_schulz')}); 5 come closer than 3",
    )
    weight_decay: float = Field(
        default=0.0,
        ge=0,
        description="L2 penalty (decoupled in adamw; not of convolutions in muon)",
    )
    groups: ParameterGroups = Field(
        default=(), description="parameters that learn at another rate; the first match counts"
    )
    lookahead: Lookahead | None = Field(
        default=None, description="slow weights that the trained ones step back to; null is off"
    )
    average: Average | None = Field(
        default=None,
        description="average of the weights over the last batches, as which the network is "
        "validated, saved and tested; null is off",
    )
    clip_norm: float | None = Field(
        default=None, gt=0, description="clip the norm of the gradient to this; null is off"
    )
    scheduler: OneScheduler | None = Field(
        default=None, description="learning rate schedule; null keeps it constant"
    )
    warmup: Warmup | None = Field(default=None, description="learning rate warm-up; null is off")
    init_from: FilePath | None = Field(
        default=None,
        description="weights to begin with: a run, a checkpoint, a file of weights or safetensors; "
        "null draws fresh ones",
    )
    init_except: LayerNames = Field(
        default=(),
        description="layers that begin with fresh weights in spite of init_from, as a new last one",
    )
    freeze: LayerNames = Field(
        default=(), description="layers whose weights stay as they begin, by number or by name"
    )
    checkpoint_every: CheckpointEvery = Field(
        default=CheckpointEvery(), description="how often to save inside an epoch"
    )
    film: bool = Field(
        default=True,
        description="keep the weights of some moments with the run, to replay how it learned; "
        "never changes the result",
    )
    portable: bool = Field(
        default=False,
        description="compute with AVX2 only, so that x86-64 processors of all makers give the same "
        "bits; slower on those that have more",
    )
    micro_batch: int = Field(
        default=MICRO_BATCH,
        ge=1,
        le=1024,
        description="samples that a worker computes together; 8 or 16 give more than four workers "
        "something to do at batch 128, and cost time on few; changes the last digits of the result",
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="micro-batches in parallel; null is one per core; never changes the result",
    )

    @property
    def optimizer_arguments(self) -> dict[str, Any]:
        """The keyword arguments of the optimizer; null stands for its own default."""
        given = {key: getattr(self, key) for key in parameters_of(self.optimizer)}
        return {key: value for key, value in given.items() if value is not None}


def _data_sets() -> tuple[str, ...]:
    """Names of the data sets where no other folder is named."""
    try:
        return data_sets.names()
    except DataError:  # $CNN_TUI_DATA is no path; whoever needs a data set says so
        return tuple(data_sets.DATASETS)


class Config(Section):
    """One experiment: data, network, and how to train it."""

    name: RunName = Field(
        default="config", description="name of the run; default is the file's name"
    )
    dataset: Annotated[
        str, Named(_data_sets, NAME_PATTERN), Expected(f"a data set; {data_sets.LISTED}")
    ] = Field(description="what to learn")
    model: Annotated[str, OneOf(PRESETS)] | None = Field(
        default=None, description="a ready network; or else spell out the layers"
    )
    layers: LayerSpecs | None = Field(
        default=None, description="the network, layer by layer; or else name a model"
    )
    seed: int = Field(default=42, ge=0, le=2**32 - 1, description="determines every random number")
    data: Data = Field(default=Data(), description="what is read, and how it is split")
    train: Train = Field(default=Train(), description="how to train")
    callbacks: Callbacks = Field(default=(), description="what happens after every epoch")
    runs_dir: FilePath = Field(
        default=Path("runs"), description="folder of the runs, seen from where training is started"
    )
    reports_dir: FilePath = Field(
        default=Path("reports"),
        description="folder of the reports, seen from where training is started",
    )

    _info: DatasetInfo | None = PrivateAttr(default=None)

    @property
    def dataset_info(self) -> DatasetInfo:
        """Description of the data set.

        Raises:
            ConfigError: there is none of that name.
        """
        known = self._info
        if known is not None and known.name == self.dataset:
            return known
        return data_sets.get(self.dataset, self.data.root)

    def know(self, info: DatasetInfo) -> None:
        """Keep the description of the data set, so that the set need not be there."""
        self._info = info

    @property
    def specs(self) -> list[LayerSpec]:
        """The network's layers, spelled out in either case."""
        if self.layers is not None:
            return self.layers
        assert self.model is not None  # a loaded config has one of the two
        return preset(self.model, len(self.dataset_info.classes))
