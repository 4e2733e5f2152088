"""Figures: what they show, in values; that they can be drawn of odd runs, too."""

from dataclasses import replace

import numpy as np
import pytest

from engine.errors import MissingPackageError
from engine.reports import figures
from engine.reports.gather import Facts
from tests.support.made_up_reports import made_up, with_results

ODD = ("$\\frac{$", "猫", "a\nb", "x" * 500)


def test_without_matplotlib_the_message_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(figures, "PACKAGE", "no_such_package")
    with pytest.raises(MissingPackageError, match=r"pip install 'cnn-tui\[report\]'"):
        figures.check_installed()


@pytest.fixture
def drawing() -> None:
    pytest.importorskip("matplotlib")


@pytest.mark.usefixtures("drawing")
def test_curves_differ_by_dashes_and_markers_too() -> None:
    with figures.styled():
        axes = figures.accuracy([made_up()]).axes[0]
        training, validation, best = axes.lines
        several = figures.loss([made_up(number) for number in range(1, 9)]).axes[0].lines
    assert list(training.get_ydata()) == [40, 80]
    assert list(validation.get_ydata()) == [30, 60]
    assert training.get_linestyle() != validation.get_linestyle()
    assert training.get_marker() != validation.get_marker()
    assert best.get_xdata()[0] == 2
    assert "%" in axes.get_ylabel()
    looks = [(one.get_color(), one.get_marker(), one.get_linestyle()) for one in several]
    assert len(set(looks)) == 16, "eight runs look different, with seven colours"
    assert len({look[1] for look in looks[:14]}) == 7, "without colours, too"


@pytest.mark.usefixtures("drawing")
def test_a_confusion_matrix_shows_counts_and_names() -> None:
    facts = with_results(made_up(), "cat", "dog")
    assert facts.tested is not None
    with figures.styled():
        axes = figures.confusion(facts.tested).axes[0]
    assert [text.get_text() for text in axes.texts] == ["9", "1", "1", "9"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")


@pytest.mark.usefixtures("drawing")
def test_the_same_values_give_the_same_bytes() -> None:
    one, other = (figures.png(figures.loss, [made_up()]) for _ in range(2))
    assert one == other
    assert one.startswith(b"\x89PNG")


def odd(kind: str) -> Facts:
    """A run at the edge of what there is."""
    facts = made_up()
    if kind == "names":
        return with_results(facts, *ODD)
    if kind == "many classes":
        return with_results(facts, *map(str, range(figures.MOST_CLASSES + 1)))
    if kind == "no validation":
        return replace(facts, metrics=[{**row, "val_acc": None} for row in facts.metrics])
    weights = np.zeros((9, 5, 3, 3)) if kind == "zeros" else np.ones((2, 3, 3, 3))
    return replace(facts, filters=weights)


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize(
    ("kind", "drawn"),
    [
        ("names", {"confusion", "mistakes"}),
        ("many classes", {"mistakes"}),
        ("no validation", set()),
        ("zeros", {"filters"}),
        ("colours", {"filters"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_odd_runs_can_be_drawn(kind: str, drawn: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(figures.STYLE, "savefig.dpi", 20)
    found = figures.draw_all([odd(kind)])
    shared = {f"{name}.png" for name in figures.SHARED}
    assert found.keys() == shared | {f"{name}-20250101-000000-small-0001.png" for name in drawn}
