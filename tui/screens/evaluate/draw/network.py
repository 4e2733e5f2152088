"""The network that looks at a drawing: a run's, or that of a training as it is now."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.arrays import Array
from engine.data import Normalisation
from engine.inspection.activations import Recorder, restored
from engine.layers import Sequential
from engine.train import factory
from engine.train.session import TrainingSession
from engine.train.snapshot import Snapshot
from engine.train.weights import load_model
from tui.charts import layer_images
from tui.redraw import Pace
from tui.state.selection import Selection, first_model

if TYPE_CHECKING:
    from tui.app import CnnApp


class _Network:
    def __init__(self, model: Sequential) -> None:
        self.model = model
        self.recorder = Recorder(model)


class DrawingNetwork:
    """Loads a network, and follows it while it trains.

    A training's weights are loaded, in a job, into a second network of the same layers, which then
    takes the place of the first: what is shown is always whole.

    Attributes:
        places: the layers in order; empty until the network is loaded.

    Args:
        app: the app.
        selection: the network; without weights, that of the training, or with fresh ones.
        changed: called when there are other weights.
        failed: called when they cannot be loaded.
    """

    def __init__(
        self,
        app: "CnnApp",
        selection: Selection,
        changed: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._app, self._selection, self._wanted = app, selection, selection
        self._changed, self._failed = changed, failed
        self.places: tuple[layer_images.LayerPlace, ...] = ()
        info = selection.config.dataset_info
        self._normalised = Normalisation(info.mean, info.std)
        self._loading = False
        self._session: TrainingSession | None = None
        self._networks: list[_Network] = []
        self._busy = False
        self._step: int | None = None
        self._pace = Pace()
        self.show(selection)

    def show(self, selection: Selection) -> None:
        """Load other weights of the same layers; those before are shown until then.

        One at a time: of those that are wanted meanwhile, the last one follows.
        """
        self._wanted = selection
        if self._loading:
            return
        training = self._app.training
        live = selection.weights is None and training.running and selection.run == training.run_dir
        session = training.session if live else None

        def next_one() -> None:
            self._loading = False
            if self._wanted is not selection:
                self.show(self._wanted)

        def done(networks: list[_Network]) -> None:
            self._loaded(selection, session, networks)
            next_one()

        def failed(error: Exception) -> None:
            self._failed(error)
            next_one()

        self._loading = True
        self._app.start_job(
            lambda job: _load(selection, 1 if session is None else 2),
            on_done=done,
            on_error=failed,
            name="draw",
        )

    @property
    def loaded(self) -> bool:
        """Whether it can be asked."""
        return bool(self._networks)

    @property
    def what(self) -> str:
        """Which weights these are, in a few words."""
        if self._step is None:
            return self._selection.what
        training = self._app.training
        live = training.running and training.session is self._session
        return f"{'● live, ' if live else ''}step {self._step:,}"

    def forward(self, picture: Array) -> tuple[Array, dict[str, Array]]:
        """Its answer, and what every layer makes of the image.

        Args:
            picture: (C, H, W) from 0 to 1.

        Returns:
            Logits (classes,), and layer name -> output, without the batch.
        """
        recorder = self._networks[0].recorder
        logits = recorder.forward(self._normalised(255 * picture[None]))
        return logits[0], {name: output[0] for name, output in recorder.outputs.items()}

    def poll(self) -> None:
        """Ask the training for its weights, if there was a step since the last time."""
        session = self._session
        if session is None or self._busy or not self.loaded:
            return
        if session is not self._app.training.session or not self._pace.due:
            return
        step = session.progress.global_step
        if step != self._step:
            self._busy = self._app.training.request_snapshot(self._taken)

    def _loaded(
        self, selection: Selection, session: TrainingSession | None, networks: list[_Network]
    ) -> None:
        shape = selection.config.dataset_info.image_shape
        self.places = layer_images.places(networks[0].model, shape)
        self._selection, self._session, self._networks = selection, session, networks
        self._busy, self._step, self._pace = False, None, Pace()
        self._changed()

    def _taken(self, snapshot: Snapshot) -> None:
        session, networks = self._session, self._networks
        if session is None:  # a frame is shown by now
            return
        spare, step = networks[1], session.progress.global_step

        def done(model: Sequential) -> None:
            if self._networks is not networks:
                return
            networks.reverse()
            self._busy, self._step = False, step
            self._pace.rest(job.seconds)
            self._changed()

        job = self._app.start_job(
            lambda job: restored(spare.model, snapshot.layers),
            on_done=done,
            on_error=self._failed,
            name="draw",
        )


def _load(selection: Selection, count: int) -> list[_Network]:
    """The network of a selection; so many of them with fresh weights, to follow a training."""
    weights = selection.weights or (selection.run if count == 1 else None)
    if weights is not None:
        return [_Network(load_model(selection.config, weights))]
    if count == 1:
        return [_Network(first_model(selection.config))]
    return [_Network(factory.make_model(selection.config)) for _ in range(count)]
