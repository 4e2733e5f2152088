"""The network that the screens Inspect, Gradients and Evaluate show.

It is a run's with the weights that it saved, or the chosen config's with fresh ones. A training
that is under way is not a selection: it is looked at through snapshots.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine import data
from engine.config import Config, ConfigProblems
from engine.data import Dataset
from engine.errors import CheckpointError, ConfigError, EngineError
from engine.layers import Sequential
from engine.runs.listing import list_runs
from engine.runs.weight_files import START, find_weights
from engine.train import factory
from engine.train.weights import SavedWeights, list_weights, load_model
from tui import text
from tui.state.training import Training
from tui.state.workspace import Workspace


@dataclass(frozen=True)
class Selection:
    """A network that does not train.

    Attributes:
        name: of the config, or of the run's directory.
        config: what it is.
        weights: the file of its weights; None for fresh ones.
        what: which weights these are, in a few words.
        run: the run's directory; None for a config.
        entered_from: for a frame of the run's film, the network that was shown before it.
    """

    name: str
    config: Config
    weights: Path | None = None
    what: str = "fresh weights"
    run: Path | None = None
    entered_from: "Selection | None" = None


def of_config(workspace: Workspace) -> Selection | None:
    """The chosen config's network as it is before the first step; None while it has errors."""
    document = workspace.document
    if document.config is None:
        return None
    origin = document.config.train.init_from
    what = "fresh weights" if origin is None else f"begins with {text.line(origin.name, 40)}"
    return Selection(document.name, document.config, what=what)


def of_run(run: Path, saved: SavedWeights | None = None) -> Selection:
    """A run's network.

    Args:
        run: its directory.
        saved: which of its weights; default the finished ones, else the best, else the latest.

    Raises:
        ConfigError: its config cannot be read any more.
        CheckpointError: it is not a run, or has no weights.
    """
    try:
        config = factory.config_of(run)
    except ConfigProblems as error:
        raise ConfigError(str(error).splitlines()[0]) from None
    if saved is None:
        found = list_weights(run)
        good = [item for item in found if item.problem is None]
        if not good:
            problem = found[0].problem if found else f"{run.name}: it has saved no weights"
            raise CheckpointError(str(problem))
        saved = good[0]
    return Selection(run.name, config, saved.path, describe(saved), run)


def first_model(config: Config, run: Path | None = None) -> Sequential:
    """The network before its first step.

    Args:
        config: what it is.
        run: the run's directory, which keeps the weights of ``train.init_from``.

    Raises:
        CheckpointError: these weights cannot be had.
    """
    if run is not None and config.train.init_from is not None:
        return load_model(config, run / START)
    return factory.make_starting_model(config)


def of_file(config: Config, path: Path) -> Selection:
    """A config's network with weights from elsewhere; reads them, so it is for a job.

    Raises:
        CheckpointError: there is no such file, or it is damaged or of another network.
    """
    source = find_weights(path)
    load_model(config, source)
    return Selection(source.name, config, source, f"weights of {config.name}")


def describe(saved: SavedWeights) -> str:
    """Which weights these are, in a few words."""
    if saved.kind == "finished":
        return "finished weights"
    if saved.kind == "best":
        return f"best weights, epoch {saved.epoch}" if saved.epoch else "best weights"
    if saved.kind == "film":
        return "the last moment of its film"
    return f"step {saved.global_step}, epoch {saved.epoch}" if saved.epoch is not None else "a step"


def find_dataset(config: Config, training: Training) -> Dataset | None:
    """The config's data set, if it need not be downloaded; slow, so for a job.

    That of the training is taken where it is the same one: it only ever is read.
    """
    session = training.session
    same = session is not None and (config.dataset, config.data.root) == (
        session.config.dataset,
        session.config.data.root,
    )
    if session is not None and same and hasattr(session, "sources"):
        return session.sources.dataset
    if data.locate(config.dataset, config.data.root) is None:
        return None
    return factory.load_dataset(config)


class Choice:
    """The network that Inspect, Gradients and Evaluate show, the same for all of them.

    It is what was chosen by hand; else the training, or the run that it left; else the newest run
    that has weights; else, where there is none, the chosen config with fresh weights. A frame of
    its run's film takes its place while it is replayed.
    """

    def __init__(self, training: Training, workspace: Workspace) -> None:
        self._chosen: Selection | None = None
        self._frame: Selection | None = None
        self._training, self._workspace = training, workspace
        self._seen: object = None
        self._trained: Selection | None = None

    @property
    def chosen(self) -> Selection | None:
        """The network that was chosen by hand; setting it ends a replay.

        A selection without a run and without weights stands for the config that is chosen on the
        Configs screen, as it is now; None is for no choice.
        """
        return self._chosen

    @chosen.setter
    def chosen(self, selection: Selection | None) -> None:
        self._chosen, self._frame = selection, None

    @property
    def live(self) -> bool:
        """Whether the current training is shown."""
        return self.chosen is None and self._training.running and self.frame is None

    @property
    def frame(self) -> Selection | None:
        """The frame that is replayed; None once its run is no longer what is shown."""
        frame, base = self._frame, self._base
        return frame if frame is not None and base is not None and frame.run == base.run else None

    @property
    def replayable(self) -> Selection | None:
        """What a replay resumes from: the frame, else the run; None where no run is shown."""
        return self.frame or self._base

    def show_frame(self, selection: Selection) -> None:
        """Show a frame, or what the film was entered from."""
        self._frame = selection if selection.entered_from is not None else None

    @property
    def _base(self) -> Selection | None:
        """The network that is shown, but for a replay of its film."""
        training = self._training
        if self._chosen is None and training.running:
            if training.config is None or training.run_dir is None:
                return None
            return Selection(
                training.run_dir.name, training.config, what="live", run=training.run_dir
            )
        base = self._chosen or self.trained
        return base if base is not None and base.run is not None else None

    @property
    def current(self) -> Selection | None:
        """The network, with weights from a file or fresh ones; None if the config has errors.

        While it trains, these are the best weights that its run has saved so far.
        """
        if self.frame is not None:
            return self.frame
        if self.chosen is not None:
            chosen = self.chosen
            has_own = chosen.run is not None or chosen.weights is not None
            return chosen if has_own else of_config(self._workspace)
        training = self._training
        trained = self.trained
        if training.running and training.config is not None:
            same = trained is not None and trained.run == training.run_dir
            return trained if same else Selection(training.config.name, training.config)
        return trained or of_config(self._workspace)

    @property
    def trained(self) -> Selection | None:
        """The run of the training, else the newest run that has weights; None without any."""
        seen = (self._training.version, self.runs_root)
        if seen != self._seen:
            self._seen = seen
            self._trained = self._find()
        return self._trained

    def newer(self, selection: Selection) -> Selection | None:
        """The weights that the training has saved since a selection was made; None without any."""
        run = self._training.run_dir
        if not self._training.running or run is None or selection.run != run:
            return None
        trained = self.trained
        if trained is None or trained.run != run or trained.what == selection.what:
            return None
        return trained

    def refresh(self) -> None:
        """Read the runs again when next asked: others may have trained."""
        self._seen = None

    def forget(self, run: Path) -> None:
        """Forget a deleted run."""
        if self.chosen is not None and self.chosen.run == run:
            self.chosen = None
        self._seen = None

    @property
    def runs_root(self) -> Path:
        """The folder of the runs, from the chosen config."""
        config = self._workspace.document.config
        return Path(config.runs_dir if config is not None else "runs")

    def _find(self) -> Selection | None:
        if self._training.run_dir is not None:
            with suppress(EngineError):
                return of_run(self._training.run_dir)
        try:
            runs = list_runs(self.runs_root)
        except EngineError:
            return None  # screen 5 says what is wrong with them
        for info in runs:
            with suppress(EngineError):
                return of_run(info.path)
        return None
