"""The inspector of a network: at intervals while it trains, once when it does not.

Everything that takes time runs in jobs; what they found is here, for the screen that polls.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.arrays import Array
from engine.config import Config
from engine.data import Batches, Dataset, Split
from engine.errors import CheckpointError, EngineError, MissingPackageError
from engine.inspection.activations import activations, probe, restored
from engine.inspection.health import LayerFacts, examine
from engine.layers import Sequential
from engine.losses import Loss
from engine.train import factory
from engine.train.snapshot import LayerSnapshot, OptimizerState, Snapshot, weights_snapshot
from engine.train.weights import load_model, load_optimizer
from tui.charts import layer_images
from tui.charts.layer_images import LayerPlace
from tui.jobs import Job
from tui.redraw import Pace
from tui.state.selection import Selection, find_dataset, first_model

if TYPE_CHECKING:
    from tui.app import CnnApp


@dataclass(frozen=True)
class Samples:
    """The images of the test set, to be shown to a network; by their number there.

    Attributes:
        split: images and labels as they are.
        batches: loads them as the network takes them.
        classes: their names.
    """

    split: Split
    batches: Batches
    classes: tuple[str, ...]

    def index(self, sample: int) -> int:
        """The image for any number: after the last one comes the first."""
        return sample % len(self.split)

    def label(self, sample: int) -> int:
        """Its class."""
        return int(self.split.labels[self.index(sample)])


@dataclass(frozen=True)
class Inspection:
    """Findings about a network at one moment.

    Attributes:
        facts: of every layer, in order.
        layers: the same layers' weights and gradients, by name.
        maps: what every layer makes of the sample, without the batch; None without samples.
        sample: which sample that was.
        step: the optimizer steps before it; None if it does not train.
        optimizer: its memory; None where it has taken no step, or its file does not have it.
    """

    facts: tuple[LayerFacts, ...]
    layers: dict[str, LayerSnapshot]
    maps: dict[str, Array] | None
    sample: int
    step: int | None
    optimizer: OptimizerState | None = None


@dataclass(frozen=True)
class InspectionContext:
    """The part of the findings that stays the same from inspection to inspection.

    Attributes:
        config: of the network.
        places: every layer's.
        model: a network to put weights into; only for jobs.
        loss: of its training; only for jobs.
        start: as it was before the first step; None where that is what is looked at.
        samples: None where the data is not here.
        dataset: the data set of these, for gradients; only for jobs.
        note: why something is missing, in one line; empty if nothing is.
    """

    config: Config
    places: tuple[LayerPlace, ...]
    model: Sequential
    loss: Loss
    start: dict[str, LayerSnapshot] | None
    samples: Samples | None
    dataset: Dataset | None
    note: str = ""


class NetworkInspector:
    """Follows the network that is inspected.

    Attributes:
        context, inspection: what is known; None before the first inspection.
        problem: why there is nothing to see, in one line, or None.
        version: grows with every change.
        sample: which image is shown to the network; may be set.
        pace: when a training is inspected again; a view that finds out more about an inspection
            adds what that took.
    """

    def __init__(self, app: "CnnApp") -> None:
        self._app = app
        self._key: object = None
        self.sample = 0
        self._jobs: set[Job] = set()
        self._run_context: tuple[Path, InspectionContext] | None = None
        self.context: InspectionContext | None = None
        self.inspection: Inspection | None = None
        self.version = 0
        self._reset()

    def _reset(self) -> None:
        """Turn to another network; the last inspection stays until there is a new one."""
        for job in self._jobs:
            job.cancel()
        self._jobs.clear()
        self.problem: str | None = None
        self._prepared: InspectionContext | None = None
        self._snapshot: Snapshot | None = None
        self._busy = False
        self.pace = Pace()
        self._step: int | None = None
        self.version += 1

    # -- following ------------------------------------------------------------------------------

    def poll(self) -> None:
        """Inspect again, if there may be something new; called often while the screen is shown."""
        live = self._app.choice.live and self._app.training.started is not None
        selection = None if live else self._app.choice.current
        key = ("live", id(self._app.training.session)) if live else selection
        if self._is_loading_the_film_of(selection):
            return  # one at a time: what is wanted last follows
        if key != self._key:
            self._key = key
            self._reset()
            if live:
                config = self._app.training.config
                assert config is not None
                run = self._app.training.run_dir
                self._run(lambda job: self._prepare(job, config, run), self._on_prepared)
            elif selection is not None:
                self._inspect_run(selection)
            else:
                self.context = self.inspection = None
        if self._busy or self._prepared is None:
            return
        if (
            self._snapshot is not None
            and self.inspection is not None
            and self.inspection.sample != self.sample
        ):
            self._examine(self._snapshot, self.inspection.step)
        elif live:
            self._follow()

    def _is_loading_the_film_of(self, selection: Selection | None) -> bool:
        """Whether the frame before another one of the same run is still being inspected."""
        shown = self._key
        return (
            bool(self._jobs)
            and selection is not None
            and isinstance(shown, Selection)
            and shown.entered_from is not None
            and shown.run == selection.run
        )

    def _inspect_run(self, selection: Selection) -> None:
        """Inspect a network that does not train; what its run's film has in common is kept."""
        run, known = selection.run, None
        if run is not None and self._run_context is not None and self._run_context[0] == run:
            known = self._run_context[1]

        def done(found: tuple[InspectionContext, Snapshot, Inspection]) -> None:
            self._prepared, self._snapshot, self.inspection = found
            self.context = self._prepared
            self._run_context = (run, self.context) if run is not None else None
            self.version += 1
            self.poll()

        self._run(lambda job: self._inspect_still(job, selection, known), done)

    def _follow(self) -> None:
        """Ask for a snapshot, if there was a step since the last one."""
        session = self._app.training.session
        assert session is not None
        wait = not (self.pace.due or self._app.training.paused)
        if wait or session.progress.global_step == self._step:
            return
        key = self._key
        self._busy = self._app.training.request_snapshot(
            lambda snapshot: self._taken(key, snapshot)
        )

    def _taken(self, key: object, snapshot: Snapshot) -> None:
        session = self._app.training.session
        if key != self._key or session is None:
            return
        self._step = session.progress.global_step
        self._examine(snapshot, self._step)

    def _examine(self, snapshot: Snapshot, step: int | None) -> None:
        context, sample = self._prepared, self.sample
        assert context is not None
        self._snapshot, self._busy = snapshot, True

        def done(inspection: Inspection) -> None:
            self._busy = False
            self.pace.rest(job.seconds)
            self.context, self.inspection = context, inspection
            self.version += 1

        job = self._run(lambda job: inspect_snapshot(snapshot, context, sample, step), done)

    # -- jobs -----------------------------------------------------------------------------------

    def _run(self, work: Callable[[Job], Any], then: Callable[[Any], None]) -> Job:
        def done(result: Any) -> None:
            self._jobs.discard(job)
            then(result)

        def failed(error: Exception) -> None:
            self._jobs.discard(job)
            self.problem = str(error) or type(error).__name__
            self.context = self.inspection = None
            self.version += 1
            self._app.show_message(self.problem, "o chooses another network", severity="error")

        job = self._app.start_job(work, on_done=done, on_error=failed, name="inspect")
        self._jobs.add(job)
        return job

    def _on_prepared(self, context: InspectionContext) -> None:
        self._prepared = context

    def _prepare(self, job: Job, config: Config, run: Path | None) -> InspectionContext:
        """The context of a config or of its run, from its weights before the first step."""
        dataset = find_dataset(config, self._app.training)
        model = factory.make_model(config)
        context = InspectionContext(
            config,
            layer_images.places(model, config.dataset_info.image_shape),
            model,
            factory.make_loss(config),
            None,
            _samples(dataset),
            dataset,
            "" if dataset else f"{config.dataset} is not downloaded: no gradients, no feature maps",
        )
        try:
            model, lost = first_model(config, run), ""
        except (CheckpointError, MissingPackageError) as error:
            origin = config.train.init_from  # of a long path, the reason would be cut off
            reason = str(error).replace(str(origin), origin.name if origin else "")
            model = factory.make_model(config)
            lost = f"fresh weights: {reason.removeprefix('train.init_from: ')}"
        first, note = _first_snapshot(job, config, model, dataset)
        return replace(context, start=_by_name(first), note=lost or note or context.note)

    def _inspect_still(
        self, job: Job, selection: Selection, known: InspectionContext | None
    ) -> tuple[InspectionContext, Snapshot, Inspection]:
        """A network that does not train; in the context of its run, if that is known."""
        if known is not None:  # a job that was given up may still write to that model
            context = replace(known, model=factory.make_model(selection.config), note="")
        else:
            context = self._prepare(job, selection.config, selection.run)
        if selection.weights is None:
            assert context.start is not None
            snapshot = Snapshot(tuple(context.start.values()))
            context = replace(context, start=None)
        else:
            dataset = None if job.cancelled else context.dataset
            model = load_model(selection.config, selection.weights)
            snapshot, note = _first_snapshot(job, selection.config, model, dataset)
            try:
                optimizer = load_optimizer(selection.config, model, selection.weights)
                snapshot = replace(snapshot, optimizer=optimizer)
            except CheckpointError as error:  # the weights can be looked at without it
                note = note or str(error)
            context = replace(context, note=note or context.note)
        return context, snapshot, inspect_snapshot(snapshot, context, self.sample, None)


def inspect_snapshot(
    snapshot: Snapshot, context: InspectionContext, sample: int, step: int | None
) -> Inspection:
    """Everything that is shown of a snapshot."""
    maps = None
    if context.samples is not None:
        x, _ = context.samples.batches.load(np.array([context.samples.index(sample)]))
        with np.errstate(all="ignore"):
            outputs = activations(restored(context.model, snapshot.layers), x)
        maps = {name: np.array(output[0]) for name, output in outputs.items()}
    facts = examine(snapshot)
    return Inspection(facts, _by_name(snapshot), maps, sample, step, snapshot.optimizer)


def _first_snapshot(
    job: Job, config: Config, model: Sequential, dataset: Dataset | None
) -> tuple[Snapshot, str]:
    """Weights, and gradients if they can be had; and else why not."""
    weights = weights_snapshot(model)
    if dataset is None:
        return weights, ""

    def check() -> None:
        if job.cancelled:
            raise InterruptedError

    try:
        return probe(config, model, dataset, check), ""
    except EngineError as error:
        return weights, str(error)


def _samples(dataset: Dataset | None) -> Samples | None:
    if dataset is None:
        return None
    batches = factory.evaluation_batches(dataset.test, dataset)
    return Samples(dataset.test, batches, dataset.classes)


def _by_name(snapshot: Snapshot) -> dict[str, LayerSnapshot]:
    return {layer.name: layer for layer in snapshot.layers}
