"""Replay: from moment to moment of a run's film, and out of it at either end."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from engine.config import loads
from engine.films import film
from engine.runs.listing import delete_run
from tests.support.run_makers import CONV, add_film, make_run
from tui.state.replay import Move, no_film, replayed
from tui.state.selection import Choice, Selection, of_run
from tui.state.training import Training
from tui.state.workspace import Workspace


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


def choice_of(root: Path, **training: object) -> Choice:
    """What is shown beside a training, of which only a few facts matter."""
    config = loads(CONV, "config.yaml", [f"runs_dir={root}"])
    known = {"running": False, "config": config, "run_dir": None, "version": 1, **training}
    workspace = SimpleNamespace(document=SimpleNamespace(config=config, name="conv"))
    return Choice(cast(Training, SimpleNamespace(**known)), cast(Workspace, workspace))


def test_a_training_is_replayed_before_it_has_saved_any_weights(tmp_path: Path) -> None:
    finished = make_run(tmp_path, "20260102-030405-other-00bb")
    add_film(finished)
    run = make_run(tmp_path, "20260103-030405-conv-00aa", status="running", weights=False)
    frames = add_film(run)
    choice = choice_of(tmp_path, running=True, run_dir=run)
    assert choice.live
    assert choice.replayable is not None
    choice.show_frame(replayed(choice.replayable, "first"))
    assert choice.current is not None
    assert (choice.live, choice.current.weights) == (False, frames[0])
    choice.show_frame(replayed(choice.current, "previous"))
    assert choice.live


def test_another_choice_a_new_run_and_a_deleted_one_end_a_replay(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    add_film(run)
    choice = choice_of(tmp_path)
    frame = replayed(of_run(run), "first")
    choice.show_frame(frame)
    assert choice.current == frame
    choice.chosen = of_run(run)
    assert choice.current == of_run(run)

    choice.chosen = None
    choice.show_frame(frame)
    newer = make_run(tmp_path, "20260103-030405-conv-00bb")
    choice.refresh()
    assert choice.current == of_run(newer)

    for gone in (newer, run):
        delete_run(gone)
        choice.forget(gone)
    assert choice.replayable is None
    assert choice.current is not None
    assert choice.current.what == "fresh weights"


def test_a_run_that_saved_nothing_else_is_shown_at_the_last_moment_of_its_film(
    tmp_path: Path,
) -> None:
    run = make_run(tmp_path, status="diverged", weights=False)
    frames = add_film(run)
    own = of_run(run)
    assert (own.weights, own.what) == (frames[-1], "the last moment of its film")
    assert replayed(own, "previous").weights == frames[-2]
