"""Hashes of portable trainings that are published: is this machine's arithmetic the same?

They were made on the processors that docs/reproducibility.md names, with the NumPy that is named
here. Any x86-64 processor with AVX2 should give them; where one does not, that is worth a report.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.config import Config, config_hash, load
from engine.resources import shipped
from engine.runs.environment import environment
from engine.runs.provenance import Part, Provenance
from engine.services.verify import Verdict, Watch, compare

NUMPY = "2.4.6"
"""With which the hashes were made; another one may have another OpenBLAS."""


@dataclass(frozen=True)
class Published:
    """A shipped config, and the hashes of its weights, trained portably.

    Attributes:
        config: its name.
        hashes: of the weights, by the number of epochs that they were trained.
    """

    config: str
    hashes: Mapping[int, str]

    def load(self) -> Config:
        """The config, trained portably for the epochs that are published."""
        return load(shipped("configs") / f"{self.config}.yaml", ["train.portable=true"])


PUBLISHED = (
    Published(
        "quickstart",
        {
            1: "2870417672f922248678a091c031513415070d5e80eb97b524a27933c7aff659",
            12: "db872207f3cc62c95b6c65b19cf1b0bdbe5c12f39cf80a1010e6b6ba84ade963",
        },
    ),
    Published(
        "mnist_lenet",
        {1: "bed88ead0e2371cb5d870f4e5def4fd87fc96dc4060ae9ab47ceea124ef50ed8"},
    ),
)


def verify_published(one: Published, watch: Watch) -> Verdict:
    """Train a shipped config portably, and compare its weights with the published hashes.

    Args:
        one: which.
        watch: is told how far it is.

    Raises:
        NotPortable: this process does not compute portably.
        DataError: the data set is not here.
        EngineError: it could not be trained.
        Cancelled: it was stopped through its controls.
    """
    config = one.load()
    facts = {**environment(), "numpy": NUMPY}
    weights = [one.hashes.get(epoch, "") for epoch in range(1, max(one.hashes) + 1)]
    recorded = Provenance(weights=weights, parts=[Part(0, config_hash(config), facts)])
    return compare(config, recorded, watch)
