"""Replay: from moment to moment of a run's film, and out of it at either end."""

from pathlib import Path

import pytest

from engine.films import film
from tests.support.run_makers import CONV, add_film, make_run
from tui.state.replay import Move, no_film, replayed
from tui.state.selection import Selection, of_run


def walked(selection: Selection, *moves: Move) -> list[str]:
    found = []
    for move in moves:
        selection = replayed(selection, move)
        found.append(selection.what)
    return found


def test_every_moment_is_named_and_the_run_s_own_weights_lie_between_the_ends(
    tmp_path: Path,
) -> None:
    run = make_run(tmp_path)
    add_film(run)
    own = of_run(run)
    around = [
        "film 1/4: before epoch 1 of 3, step 0",
        "film 2/4: in epoch 1 of 3, step 1, acc 12.5%",
        "film 3/4: epoch 1 of 3, step 6, val_acc 62.5%",
        "film 4/4: epoch 2 of 3, step 12, val_acc 75%",
    ]
    nexts: list[Move] = ["next"] * 5
    previous: list[Move] = ["previous"] * 5
    assert walked(own, *nexts) == [*around, "finished weights"]
    assert walked(own, *previous) == [*around[::-1], "finished weights"]
    assert walked(own, "last", "first", "last") == [around[3], around[0], around[3]]
    assert replayed(replayed(own, "last"), "next") == own


def test_a_frame_that_is_thinned_out_meanwhile_leads_back_into_the_film(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    frames = add_film(run)
    second = replayed(replayed(of_run(run), "next"), "next")
    frames[1].unlink()
    assert replayed(second, "next").weights == frames[0]


def test_a_damaged_frame_is_said_to_be_one_and_the_others_are_reached(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    frames = add_film(run)
    frames[1].write_bytes(frames[1].read_bytes()[:3000])
    assert walked(of_run(run), "next", "next", "next")[1] == "film 2/4: cannot be read"
    assert walked(of_run(run), "next", "next", "next")[2].startswith("film 3/4: epoch 1 of 3")


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("train.film=false", "this run kept no film: train.film is off"),
        ("train.film=true", "this run kept no film: it is older than films are, or its network"),
    ],
)
def test_a_run_without_a_film_says_why(tmp_path: Path, override: str, reason: str) -> None:
    run = make_run(tmp_path, config=CONV, overrides=(override,))
    assert str(no_film(of_run(run))).startswith(reason)


def test_only_a_run_with_frames_can_be_replayed(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    own = of_run(run)
    assert no_film(None) == no_film(Selection("conv", own.config))
    assert str(no_film(None)).startswith("only a run has a film")
    add_film(run)
    assert no_film(own) is None
    (run / film.FOLDER).rename(tmp_path / "elsewhere")
    (run / film.FOLDER).symlink_to(tmp_path / "elsewhere")
    assert "symbolic link" in str(no_film(own))
