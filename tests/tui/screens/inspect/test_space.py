"""Learned space: images as letters, where the network has put them."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot

from engine.inspection.projection import Projection
from tests.support.app_pilot import Until, on_screen, seen, tap, training
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import CONV, make_run
from tui.app import CnnApp
from tui.screens.help import HelpScreen
from tui.screens.inspect.screen import InspectScreen
from tui.screens.inspect.space.follower import Space
from tui.screens.inspect.space.scatter import Scatter, cells, signs
from tui.screens.inspect.space.screen import SpaceScreen
from tui.state.selection import of_run

MakeApp = Callable[..., CnnApp]


def test_a_class_is_shown_by_its_digit_or_by_its_number() -> None:
    assert signs(("0", "1")) == ("0", "1")
    assert signs(("a", "b", "猫")) == ("0", "1", "2")
    assert signs(("cat", "cow")) == ("0", "1")
    many = signs(tuple(f"class {i}" for i in range(100)))
    assert len(set(many[:62])) == 62
    assert set(many[62:]) == {"•"}


@pytest.mark.parametrize("size", [(1, 1), (40, 9), (150, 50)])
def test_every_point_has_its_place_and_up_is_up(size: tuple[int, int]) -> None:
    points = np.array([[-3.0, -2.0], [5.0, 4.0], [0.0, 0.0]])
    places = cells(points, *size)
    assert (places >= 0).all()
    assert (places < size).all()
    assert places[1, 0] >= places[2, 0] >= places[0, 0]
    assert places[1, 1] <= places[2, 1] <= places[0, 1]
    assert (cells(np.zeros((4, 2)), *size) == cells(np.zeros((4, 2)), *size)[0]).all()


async def space_of(app: CnnApp, pilot: Pilot, until: Until) -> SpaceScreen:
    await tap(pilot, "3")
    await on_screen(pilot, InspectScreen)
    await tap(pilot, "w")
    screen = await on_screen(pilot, SpaceScreen)
    await until(pilot, lambda: screen.query_one(Scatter).space is not None)
    return screen


@pytest.mark.parametrize("size", rest_as_proofs([(60, 16), (80, 24), (200, 60)]))
async def test_a_run_s_images_are_points_and_one_leads_to_its_maps(
    make_app: MakeApp, home: Path, until: Until, size: tuple[int, int]
) -> None:
    run = make_run(home / "runs")
    app = make_app()
    app.choice.chosen = of_run(run)
    async with app.run_test(size=size) as pilot:
        screen = await space_of(app, pilot, until)
        scatter = screen.query_one(Scatter)
        space = scatter.space
        assert space is not None
        await until(pilot, lambda: "of the variance" in seen(app) and "predicted" in seen(app))
        assert len(space.indices) == 300
        before = scatter.cursor
        await tap(pilot, "right", "down", "left", "up")
        await tap(pilot, "right_square_bracket", "right_square_bracket")
        await until(pilot, lambda: scatter.only == 1)
        assert space.labels[scatter.cursor] == 1
        assert scatter.cursor != before
        await tap(pilot, "left_square_bracket", "left_square_bracket")
        await until(pilot, lambda: scatter.only is None)
        chosen = int(space.indices[scatter.cursor])
        await tap(pilot, "enter")
        inspect = await on_screen(pilot, InspectScreen)
        await until(
            pilot,
            lambda: inspect.inspector.inspection and inspect.inspector.inspection.sample == chosen,
        )
        assert inspect.wants_maps


async def test_arrows_go_to_the_nearest_point_of_their_direction(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    run = make_run(home / "runs")
    app = make_app()
    app.choice.chosen = of_run(run)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await space_of(app, pilot, until)
        scatter = screen.query_one(Scatter)
        points = np.array([[0.0, 0.0], [4.0, 0.0], [9.0, 0.0], [0.0, 5.0], [0.0, -5.0]])
        zeros = np.zeros(5, int)
        plane = Projection(points, (0.7, 0.2), np.zeros((2, 3)))
        scatter.show(Space(plane, 3, np.arange(5), zeros, zeros, ("0",)), None)
        scatter.cursor = 0
        visited = []
        for key in ("right", "right", "left", "left", "up", "down", "down", "down"):
            await tap(pilot, key)
            visited.append(scatter.cursor)
        assert visited == [1, 2, 1, 0, 3, 0, 4, 4]


async def test_fresh_weights_have_a_space_and_its_help_says_what_it_is(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    (home / "configs" / "conv.yaml").write_text(CONV)
    app = make_app("conv")
    async with app.run_test(size=(80, 24)) as pilot:
        await space_of(app, pilot, until)
        await tap(pilot, "question_mark")
        await on_screen(pilot, HelpScreen)
        assert "principal component" in " ".join(seen(app).split()) or "letter" in seen(app)
        await tap(pilot, "escape")
        await on_screen(pilot, SpaceScreen)
        await tap(pilot, "escape")
        await on_screen(pilot, InspectScreen)


@pytest.mark.proof
async def test_a_training_moves_the_points(make_app: MakeApp, home: Path, until: Until) -> None:
    (home / "configs" / "slow.yaml").write_text(re.sub(r"epochs: \d+", "epochs: 500", CONV))
    app = make_app("slow")
    async with training(app, until) as pilot:
        screen = await space_of(app, pilot, until)
        first = screen.follower.version
        points = screen.follower.space.projection.points  # type: ignore[union-attr]
        await until(pilot, lambda: screen.follower.version > first)
        assert not np.array_equal(points, screen.follower.space.projection.points)  # type: ignore[union-attr]
