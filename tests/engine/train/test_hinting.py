"""When a session tells its hints, and what they may look at."""

from pathlib import Path

import pytest

from engine.events import EpochEnded, Hinted
from engine.hints import RULES, Evidence, Rule
from engine.hints.registry import Found
from tests.support.small_runs import PLAIN, RICH, Run, Stop, make_config, train


def told(run: Run) -> list[tuple[int, str, bool]]:
    return [(e.epoch, e.message, e.at_end) for e in run.events if isinstance(e, Hinted)]


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """One rule alone, which holds after the second epoch and from the fourth on."""
    for name in tuple(RULES):
        monkeypatch.delitem(RULES, name)

    def look(evidence: Evidence) -> Found | None:
        done = len(evidence.history)
        return (f"{done}", None) if done in (2, 4, 5) else None

    monkeypatch.setitem(RULES, "odd", Rule("odd", "odd", "", "", "", look))


@pytest.mark.usefixtures("odd")
def test_a_hint_is_told_when_it_begins_to_hold_again_when_it_comes_back_and_at_the_end(
    tmp_path: Path,
) -> None:
    run = train(make_config(tmp_path, PLAIN, "train.epochs=5"))
    assert told(run) == [(2, "2", False), (4, "4", False), (5, "5", True)]
    kinds = [type(e) for e in run.events if isinstance(e, EpochEnded | Hinted)]
    assert kinds[:3] == [EpochEnded, EpochEnded, Hinted], "after the epoch that gives reason"


@pytest.mark.usefixtures("odd")
def test_a_resumed_run_tells_nothing_twice(tmp_path: Path) -> None:
    config = make_config(tmp_path, PLAIN, "train.epochs=5")
    cut = train(config, stop=Stop((4, 1)))
    assert told(cut) == [(2, "2", False), (4, "4", False), (4, "4", True)]
    assert told(train(config, resume=cut.path)) == [(5, "5", True)]


def test_the_last_looks_at_the_layers_are_those_of_a_run_that_was_not_cut(tmp_path: Path) -> None:
    whole = train(make_config(tmp_path / "whole", RICH))
    for moment in ((1, 1), (1, 2)):
        config = make_config(tmp_path / f"cut{moment[1]}", RICH)
        cut = train(config, stop=Stop(moment))
        resumed = train(config, resume=cut.path)
        assert resumed.session.state.looks == whole.session.state.looks
        assert resumed.weights == whole.weights
    (look, *_) = whole.session.state.looks
    found = {layer.kind: layer for layer in look.layers}
    assert [look.epoch for look in whole.session.state.looks] == [1, 2, 3]
    assert found["Dense"].grad_rms > 0  # type: ignore[operator]
    assert 1e-5 < found["Dense"].update_ratio < 1  # type: ignore[operator]
    assert found["ReLU"].dead is not None
    assert found["Flatten"].grad_rms is None


def test_only_the_epochs_done_are_evidence(tmp_path: Path) -> None:
    cut = train(make_config(tmp_path, PLAIN), stop=Stop((1, 2)))
    assert cut.session.state.looks[-1].epoch == 2, "looked at, and the epoch is not over"
    evidence = cut.session.hinting.evidence()
    assert [look.epoch for look in evidence.looks] == [1]
    assert len(evidence.history) == 1


def test_the_images_are_measured_as_the_network_gets_them(tmp_path: Path) -> None:
    evidence = train(make_config(tmp_path, PLAIN)).session.hinting.evidence()
    mean, std = evidence.inputs or (9, 9)
    assert abs(mean) < 0.1
    assert abs(std - 1) < 0.1
    assert sum(evidence.counts) == 160
