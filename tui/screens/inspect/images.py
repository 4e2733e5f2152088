"""From an image to all that is known of it: its feature maps, its numbers, and the reasons."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config import Config
from engine.data import Split
from engine.inspection.activations import restored
from engine.services.predict import TrainedNetwork
from engine.train import factory
from engine.train.snapshot import LayerSnapshot
from engine.train.weights import load_model
from tui.state.network_inspector import NetworkInspector
from tui.state.selection import Selection

if TYPE_CHECKING:
    from tui.app import CnnApp


@dataclass(frozen=True)
class ShownImage:
    """An image of the test set, and the network that is asked about it.

    Attributes:
        selection: the network.
        test: all images of the test set.
        index: which of them it is.
        inspector: what follows the network; None where nothing does.
        layers: the network's weights as the inspector has found them; None for those of the
            selection's file.
    """

    selection: Selection
    test: Split
    index: int
    inspector: NetworkInspector | None = None
    layers: tuple[LayerSnapshot, ...] | None = None

    @property
    def config(self) -> Config:
        """The network's config."""
        return self.selection.config

    def network(self) -> TrainedNetwork:
        """The network with its weights; slow, so for a job.

        Raises:
            CheckpointError: the weights cannot be used.
        """
        info, weights = self.config.dataset_info, self.selection.weights
        if self.layers is not None:
            model = restored(factory.make_model(self.config), self.layers)
        else:
            assert weights is not None
            model = load_model(self.config, weights)
        return TrainedNetwork(model.eval(), info, weights or Path(self.selection.name))


def inspected(app: "CnnApp", inspector: NetworkInspector, index: int) -> ShownImage | None:
    """An image as an inspector's network sees it; None while there is no network, or no image.

    Args:
        app: says which network is chosen.
        inspector: follows it.
        index: number of the image in the test set; after the last one comes the first.
    """
    context, inspection = inspector.context, inspector.inspection
    if context is None or inspection is None or context.samples is None:
        return None
    name = context.config.name
    selection = Selection(name, context.config, what=f"its weights after step {inspection.step}")
    if not app.choice.live and app.choice.current is not None:
        selection = replace(app.choice.current, config=context.config)
    samples, layers = context.samples, tuple(inspection.layers.values())
    return ShownImage(selection, samples.split, samples.index(index), inspector, layers)
