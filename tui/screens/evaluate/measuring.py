"""The evaluation of a network in a job."""

from engine.services.evaluation.evaluate import Measurement, measure
from tui.jobs import Job
from tui.state.selection import Selection


def measured(job: Job, network: Selection) -> Measurement:
    """Evaluate a network that has weights on the test set; slow, so for a job."""
    assert network.weights is not None
    return measure(
        network.config, network.weights, progress=job.report, cancelled=lambda: job.cancelled
    )
