"""Which network is looked at."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.errors import CheckpointError, ConfigError
from engine.runs.listing import delete_run
from engine.train.weights import list_weights
from tests.support.app_pilot import Until, settled
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import make_run
from tui import keymap
from tui.app import CnnApp
from tui.screens.network_screen import NetworkScreen
from tui.state.selection import Choice, find_dataset, of_config, of_run
from tui.widgets.line import Line


def test_a_finished_run_stands_for_its_finished_weights(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    selection = of_run(run)
    assert (selection.name, selection.what) == (run.name, "finished weights")
    assert selection.weights == run / "weights.npz"
    best = list_weights(run)[1]
    assert of_run(run, best).what == "best weights, epoch 3"


def test_what_is_broken_is_passed_over(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    (run / "weights.npz").write_bytes(b"x")
    assert of_run(run).weights == run / "checkpoints" / "best.npz"


def test_runs_that_cannot_be_looked_at_say_why(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no weights"):
        of_run(make_run(tmp_path, weights=False))
    run = make_run(tmp_path, "20260102-030405-other-00bb")
    (run / "config.yaml").write_text("dataset: [b]\n")
    with pytest.raises(ConfigError) as caught:
        of_run(run)
    assert "\n" not in str(caught.value)
    with pytest.raises(CheckpointError, match="not a run"):
        of_run(tmp_path)


async def test_the_chosen_config_is_followed_until_something_is_chosen(
    make_app: Callable[..., CnnApp], home: Path
) -> None:
    app = make_app()
    async with app.run_test():
        selection = app.choice.current
        assert selection is not None
        assert (selection.name, selection.weights) == ("tiny", None)
        document = app.workspace.document
        document.type("dataset: nothing\n")
        assert app.choice.current is None
        document.undo()
        assert app.choice.current is not None
        chosen = of_run(make_run(home / "runs"))
        app.choice.chosen = chosen
        assert app.choice.current == chosen
        assert chosen.run is not None
        delete_run(chosen.run)
        app.choice.forget(chosen.run)
        assert app.choice.current == of_config(app.workspace)


@pytest.mark.parametrize("status", rest_as_proofs(["finished", "stopped", "diverged"]))
async def test_after_a_restart_every_screen_is_about_the_newest_run(
    make_app: Callable[..., CnnApp], home: Path, until: Until, status: str
) -> None:
    make_run(home / "runs", "20260101-030405-old-00aa")
    make_run(home / "runs", "20260102-030405-new-00bb", status=status)
    make_run(home / "runs", "20260103-030405-empty-00cc", weights=False)
    app = make_app()
    async with app.run_test() as pilot:
        shown = {}
        for spec in keymap.tabs():
            await pilot.press(spec.key)
            await until(pilot, lambda spec=spec: app.current_mode == spec.id)
            screen = app.screen
            if isinstance(screen, NetworkScreen):
                await settled(pilot, until)
                shown[spec.id] = screen.query_one("#subject", Line).render().plain
        assert shown.keys() == {"inspect", "gradients", "evaluate"}
        assert all("20260102-030405-new-00bb" in words for words in shown.values()), shown


async def test_the_chosen_config_can_be_looked_at_beside_runs_and_is_followed(
    make_app: Callable[..., CnnApp], home: Path
) -> None:
    make_run(home / "runs")
    app = make_app()
    async with app.run_test():
        app.choice.chosen = of_config(app.workspace)
        app.workspace.document.set("seed", 7)
        current = app.choice.current
        assert current is not None
        assert (current.run, current.config.seed) == (None, 7)
        assert app.choice.trained is not None, "what Evaluate takes: the config has no weights"


async def test_data_is_never_downloaded_to_look_at_a_network(
    make_app: Callable[..., CnnApp], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNN_TUI_DATA", str(home / "nothing here"))
    (home / "configs" / "far.yaml").write_text("dataset: cifar10\nmodel: mlp\n")
    app = make_app("far")
    async with app.run_test():
        selection = app.choice.current
        assert selection is not None
        assert find_dataset(selection.config, app.training) is None


def test_newer_weights_are_those_that_the_running_training_has_saved_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path)
    finished, best = of_run(run), of_run(run, list_weights(run)[1])
    training = SimpleNamespace(run_dir=run, running=True, version=0, config=None)
    choice = Choice(training, SimpleNamespace(document=SimpleNamespace(config=None)))  # type: ignore[arg-type]
    assert choice.newer(best) == finished
    assert choice.newer(finished) is None
    assert choice.newer(of_run(make_run(tmp_path, "20260102-030405-other-00bb"))) is None
    training.running = False
    assert choice.newer(best) is None
