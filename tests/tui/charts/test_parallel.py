"""Parallel coordinates: where values are on their axes, and what is drawn."""

import pytest

from tui.charts.parallel import (
    Axis,
    Trace,
    most_axes,
    parallel,
    result_axis,
    settings_axis,
)


def drawn(axes: list[Axis], traces: list[Trace], width: int, height: int) -> list[str]:
    return ["".join(text for text, _ in line) for line in parallel(axes, traces, width, height)]


def test_a_few_numbers_are_equally_far_apart_by_their_size() -> None:
    axis, places = settings_axis("lr", ["0.1", "0.003", "1e-2", "0.1"])
    assert places == [1.0, 0.0, 0.5, 1.0]
    assert axis.labels == ((1.0, "0.1"), (0.0, "0.003"), (0.5, "1e-2"))


def test_words_stand_in_the_order_of_the_grid_and_one_value_in_the_middle() -> None:
    assert settings_axis("optimizer", ["sgd", "adam", "sgd", "muon"])[1] == [0.0, 0.5, 0.0, 1.0]
    assert settings_axis("lr", ["0.1", "0.1"])[1] == [0.5, 0.5]
    assert settings_axis("lr", []) == (Axis("lr", ()), [])
    assert settings_axis("x", ["nan", "1"])[1] == [0.0, 1.0]


def test_many_numbers_lie_on_a_scale() -> None:
    numbers = [str(10.0**-i) for i in range(12)]
    assert settings_axis("lr", numbers)[1] == pytest.approx([1 - i / 11 for i in range(12)])
    _, places = settings_axis("width", [str(i**2) for i in range(12)])
    assert places == pytest.approx([i**2 / 121 for i in range(12)])


def test_the_best_result_is_above() -> None:
    axis, places = result_axis("val_acc", [0.5, 0.9, 0.7], ["a", "b", "c"], up=True)
    assert places == pytest.approx([0.0, 1.0, 0.5])
    assert axis.labels == ((1.0, "b"), (0.0, "a"))
    assert result_axis("loss", [0.5, 0.9], ["a", "b"], up=False)[1] == [1.0, 0.0]
    assert result_axis("loss", [2.0, 2.0], ["a", "a"], up=True)[1] == [0.5, 0.5]


def test_lines_lead_from_axis_to_axis_with_the_symbols_of_the_best() -> None:
    axes = [Axis("lr", ((1.0, "0.1"), (0.0, "0.03"))), Axis("val_acc", ((1.0, "0.9"),))]
    lines = drawn(axes, [Trace((1.0, 0.0), "muted"), Trace((0.0, 1.0), "success", "1")], 30, 6)
    assert lines[0].startswith("lr")
    assert "val_acc" in lines[0]
    assert lines[1].startswith("│ 0.1")
    assert lines[1].rstrip().endswith("1 0.9")
    assert lines[5].startswith("1 0.03")
    assert all(len(line) == 30 for line in lines)
    crossing = [character for line in lines[1:] for character in line if character >= "⠀"]
    assert len(crossing) > 15
    colours = {
        colour
        for line in parallel(axes, [Trace((1.0, 0.0), "muted")], 30, 6)
        for text, colour in line
        if text.strip()
    }
    assert colours == {"foreground", "muted", "curve-axis"}


def test_labels_that_would_lie_on_one_another_are_left_out_but_for_the_ends() -> None:
    axis, _ = settings_axis("lr", [str(i) for i in range(10)])
    lines = drawn([axis, Axis("acc", ())], [], 30, 6)
    assert [line[2] for line in lines[1:] if line[2] != " "] in (["9", "4", "0"], ["9", "5", "0"])


def test_without_room_nothing_is_drawn() -> None:
    axes = [Axis(str(i), ()) for i in range(5)]
    assert most_axes(30) == 3
    assert parallel(axes, [], 30, 10) == []
    assert parallel(axes, [], 60, 2) == []
    assert parallel([], [], 60, 10) == []
    assert len(parallel(axes, [], 60, 10)) == 10


def test_lines_of_one_colour_are_the_same_as_drawn_one_by_one() -> None:
    axes = [Axis("a", ()), Axis("b", ()), Axis("c", ())]
    places = [(0.0, 1.0, 0.2), (0.9, 0.4, 0.8), (0.3, 0.0, 1.0)]
    together = drawn(axes, [Trace(one, "muted") for one in places], 60, 12)
    apart = [drawn(axes, [Trace(one, "muted")], 60, 12) for one in places]
    for y, line in enumerate(together[1:], 1):
        for x, character in enumerate(line):
            dots = [ord(one[y][x]) for one in apart if one[y][x] >= "\u2800"]
            expected = 0
            for one in dots:
                expected |= one
            assert character == (chr(expected) if dots else apart[0][y][x])
