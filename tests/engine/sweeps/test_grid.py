"""Grids: the values of a key as they are typed, and their combinations."""

import pytest

from engine.errors import ConfigError
from engine.sweeps.grid import Axis, combinations, parse_grid


def values(text: str) -> tuple[str, ...]:
    (axis,), problems = parse_grid([f"key={text}"])
    assert problems == []
    return axis.values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1,0.03, 0.01", ("0.1", "0.03", "0.01")),
        ("1..5", ("1", "2", "3", "4", "5")),
        ("7,1..2", ("7", "1", "2")),
        ("log:0.001..0.1:3", ("0.001", "0.01", "0.1")),
        ("log:1..1000:4", ("1", "10", "100", "1000")),
        ("[a, b],{c: [1, 2]},'d,e'", ("[a, b]", "{c: [1, 2]}", "'d,e'")),
        ("../weights.npz", ("../weights.npz",)),
        ("log:0.0001..0.1", ("log:0.0001..0.1",)),
        ("1e-4..0.5", ("1e-4..0.5",)),
    ],
)
def test_values_are_read(text: str, expected: tuple[str, ...]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr", "expected KEY=VALUE"),
        ("=1", "expected KEY=VALUE"),
        ("lr=", "a value is empty"),
        ("lr=1,,2", "a value is empty"),
        ("lr=5..1", "the first is larger"),
        ("lr=1..1000000000000", "more than 1,000 values"),
        ("lr=1..900,1..900", "more than 1,000 values"),
        ("lr=0.5..0.1", "0.5..0.1: expected numbers with LOW < HIGH"),
        ("lr=1..2..3", "expected numbers with LOW < HIGH"),
        ("lr=0.5,0.1..0.2", "0.1..0.2: a range stands alone"),
        ("seed=log:1..9", "seeds are listed"),
        ("lr=log:0.1..0.01:3", "0 < LOW < HIGH"),
        ("lr=log:a..1:3", "0 < LOW < HIGH"),
        ("lr=log:0.1..1:1", "COUNT > 1"),
        ("lr=log:0..1", "log:0..1: expected numbers with 0 < LOW < HIGH"),
        ("lr=log:1", "expected log:LOW..HIGH or log:LOW..HIGH:COUNT"),
        ("runs_dir=a,b", "a sweep sets runs_dir itself"),
        ("train.portable=true,false", "it holds for all trials"),
    ],
)
def test_what_is_no_axis_is_said(text: str, said: str) -> None:
    axes, (problem,) = parse_grid([text])
    assert axes == []
    assert said in problem.message
    assert text.split("=")[0] in problem.source


def test_all_problems_are_said_and_the_other_axes_are_read() -> None:
    axes, problems = parse_grid(["a=1..2", "b", "a=3", "c=2..1"])
    assert [axis.key for axis in axes] == ["a"]
    assert [problem.source for problem in problems] == ["--grid b", "--grid a=3", "--grid c=2..1"]


def test_an_empty_grid_is_a_problem() -> None:
    axes, (problem,) = parse_grid([])
    assert axes == []
    assert "the grid is empty" in problem.message


GRID = [Axis("lr", ("0.1", "0.2")), Axis("seed", ("1", "2")), Axis("mode", ("a", "b", "c"))]


def test_the_last_axis_changes_fastest() -> None:
    found = combinations(GRID)
    assert len(found) == 12
    assert found[:4] == [
        ("0.1", "1", "a"),
        ("0.1", "1", "b"),
        ("0.1", "1", "c"),
        ("0.1", "2", "a"),
    ]


def test_a_random_choice_has_every_seed_and_is_always_the_same() -> None:
    found = combinations(GRID, 2, seed=3)
    assert found == combinations(GRID, 2, seed=3)
    assert len(set(found)) == 4
    others = {(lr, mode) for lr, _, mode in found}
    assert len(others) == 2
    assert {(lr, seed, mode) for lr, mode in others for seed in "12"} == set(found)
    assert any(combinations(GRID, 2, seed=seed) != found for seed in range(4, 10))


def test_all_of_them_at_random_are_all_of_them() -> None:
    assert set(combinations(GRID, 6)) == set(combinations(GRID))


@pytest.mark.parametrize(
    ("count", "said"), [(None, "1,200 trials"), (500, "1,000 combinations"), (7, "of the grid")]
)
def test_too_many_trials_are_refused(count: int | None, said: str) -> None:
    axes = [Axis("a", tuple(map(str, range(600)))), Axis("b", ("1", "2"))]
    if count == 7:
        axes, said = [Axis("a", ("1", "2"))], "the grid has only 2 combinations"
    elif count == 500:
        axes, said = [*axes, Axis("seed", ("1", "2", "3"))], "1,500 trials"
    with pytest.raises(ConfigError, match=said):
        combinations(axes, count)


def test_numbers_of_ranges_are_drawn_with_every_seed_and_always_the_same() -> None:
    axes, problems = parse_grid(["lr=log:0.001..0.1", "n=log:1..64", "seed=1,2", "mode=a,b"])
    assert problems == []
    found = combinations(axes, 200, seed=1)
    assert found == combinations(axes, 200, seed=1)
    assert found != combinations(axes, 200, seed=2)
    assert [row[2] for row in found] == ["1", "2"] * 200
    rates = [float(row[0]) for row in found]
    assert min(rates) >= 0.001
    assert max(rates) <= 0.1
    assert 150 < sum(rate < 0.01 for rate in rates) < 250, "half of them, by the logarithm"
    assert {int(row[1]) for row in found} >= set(range(1, 11))
    assert max(int(row[1]) for row in found) <= 64
    assert {row[3] for row in found} == {"a", "b"}


def test_ranges_with_too_few_numbers_are_refused() -> None:
    axes, _ = parse_grid(["n=log:1..3"])
    assert sorted(combinations(axes, 3)) == [("1",), ("2",), ("3",)]
    with pytest.raises(ConfigError, match="the ranges have not that many combinations"):
        combinations(axes, 4)


def test_a_number_of_a_range_has_four_digits_and_stays_inside() -> None:
    (axis,), _ = parse_grid(["lr=0.12344..0.12346"])
    assert axis.range is not None
    assert [axis.range.at(share) for share in (0, 1)] == ["0.12344", "0.12346"]
    (axis,), _ = parse_grid(["lr=0.0..3.0"])
    assert axis.range is not None
    assert axis.range.at(0.22222222) == "0.6667"
