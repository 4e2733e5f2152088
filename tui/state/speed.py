"""The time that an epoch of a config takes here, for all screens."""

from typing import TYPE_CHECKING

from engine.config import Config
from engine.inspection.estimate import Speed, measure_speed, split_sizes
from tui.jobs import Job

if TYPE_CHECKING:
    from tui.app import CnnApp


class Speedometer:
    """Measures one config at a time, and never while something trains."""

    def __init__(self, app: "CnnApp") -> None:
        self._app = app
        self._known: dict[str, float] = {}  # seconds for one sample
        self._job: Job | None = None
        self._measuring = ""

    def epoch_seconds(self, config: Config) -> float | None:
        """Seconds of an epoch, or None while that is not known.

        What the training of the config itself takes counts more than what was measured before.
        """
        training = self._app.training
        if training.config is not None and _key(training.config) == _key(config):
            per_sample = training.sample_seconds
            if per_sample is not None:
                self._known[_key(config)] = per_sample
        per_sample = self._known.get(_key(config))
        if per_sample is None:
            return None
        return Speed.of(per_sample, *split_sizes(config)).epoch_seconds

    def measure(self, config: Config) -> None:
        """Measure a config, instead of the one being measured now."""
        key = _key(config)
        if key in self._known or key == self._measuring or self._app.training.running:
            return
        self.cancel()
        self._measuring = key

        def done(speed: Speed | None) -> None:
            self._measuring = ""
            if speed is not None:
                self._known[key] = 1 / speed.samples_per_s

        def failed(error: Exception) -> None:
            self._known[key] = float("nan")

        self._job = self._app.start_job(
            lambda job: measure_speed(config, cancelled=lambda: job.cancelled),
            on_done=done,
            on_error=failed,
            name="speed",
        )

    def cancel(self) -> None:
        """Stop measuring."""
        if self._job is not None:
            self._job.cancel()
        self._job, self._measuring = None, ""


def _key(config: Config) -> str:
    """All that the time for a sample depends on."""
    train = config.train
    return repr((config.dataset, config.specs, train.batch_size, train.optimizer, train.workers))
