"""What the app calls: the work of ``evaluate`` and ``export``, without a word."""

import threading
from pathlib import Path

import numpy as np
import pytest

from engine.errors import Cancelled
from engine.services.evaluation.evaluate import measure
from engine.services.export import write_network
from tests.support.command_runs import make_config, run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("trained"))


def test_a_measurement_holds_all_that_is_shown(tmp_path: Path, trained: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    found = measure(make_config(tmp_path), trained, progress=lambda *what: seen.append(what))
    assert seen[-1] == ("evaluating", 1000, 1000)
    assert found.confusion.sum() == 1000
    assert found.result.acc == np.trace(found.confusion) / 1000
    assert found.classes == tuple("0123456789")
    np.testing.assert_array_equal(found.test.labels, found.result.labels)


def test_it_stops_within_a_micro_batch(tmp_path: Path, trained: Path) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    seen: list[int] = []
    with pytest.raises(Cancelled):
        measure(
            make_config(tmp_path),
            trained,
            progress=lambda label, done, total: seen.append(done),
            cancelled=cancelled,
        )
    assert seen == []


def test_both_work_outside_the_main_thread(tmp_path: Path, trained: Path) -> None:
    results: list[object] = []

    def work() -> None:
        config = make_config(tmp_path)
        results.append(measure(config, trained).result.acc)
        results.append(write_network(config, trained, "npz", tmp_path / "out" / "net.npz"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert isinstance(results[0], float)
    assert results[1] == [tmp_path / "out" / "net.npz", tmp_path / "out" / "net.json"]


def test_the_losses_of_the_images_add_up_to_the_loss(tmp_path: Path, trained: Path) -> None:
    result = measure(make_config(tmp_path), trained).result
    assert result.losses.shape == result.confidences.shape == (1000,)
    assert result.losses.mean(dtype=float) == pytest.approx(result.loss, rel=1e-6)
    assert 0.1 <= result.confidences.min() <= result.confidences.max() <= 1
