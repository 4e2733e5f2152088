"""Files of sweeps that come from somebody else."""

import json
import random
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

from engine.storage import atomic
from engine.sweeps.course import Course
from engine.sweeps.folder import SweepFolder
from engine.sweeps.grid import parse_grid
from engine.sweeps.plan import Recipe, Trial, check_trials, make_trials
from engine.sweeps.planner import Planner, with_plan
from engine.sweeps.results import outcome_of
from engine.sweeps.sweep_file import read_sweep
from tests.fuzz.fuzzing import Target
from tests.fuzz.mutations import mutate, mutate_json

_CONFIG = """
name: tiny
dataset: mnist_mini
layers: [Flatten, Dense: {out_features: 10}]
data: {limit: 60, validation: 20}
"""
_FILE = b"""
sweep:
  config: quickstart
  set: {train.epochs: 3}
  grid:
    train.lr: log:0.001..0.1
    train.optimizer: [sgd, adam]
    seed: 1..5
  random: 2
  prune: median
  jobs: 2
  metric: val_loss
"""
_TOKENS = [b"log:", b"..", b"1..1000", b"1e999..1", b"0.1..0.2", b"-1..-2", b"[[", b"{", b'"',
           b"\\", b"\xff", b"\x1b[0m", b"null", b"NaN", b"1e400", b"[" * 2000, b"train.lr",
           b"seed"]  # fmt: skip


def sweeps(folder: Path) -> Target:
    """A manifest of a sweep, value by value or byte by byte, and a file that describes one."""
    place, path = folder / "sweep", folder / "sweep.yaml"
    axes, _ = parse_grid(["train.lr=log:0.001..0.1", "train.optimizer=sgd,adam"])
    recipe = with_plan(Recipe(_CONFIG, "tiny", (), tuple(axes)), 5, "halving", "val_acc")
    rows = [{"train.lr": lr, "train.optimizer": "sgd"} for lr in ("0.01", "0.02")]
    SweepFolder.create(place, recipe, check_trials(recipe, rows), 1).close()
    manifest = json.loads((place / "sweep.json").read_bytes())
    manifest["trials"][0]["pruned"] = 1
    manifest["version"] = "0.0.0"  # or nothing would get past the hashes of the configs
    good = ("sweep.json", json.dumps(manifest).encode())

    def bad(rng: random.Random) -> tuple[str, bytes]:
        kind = rng.random()
        if kind < 0.5:
            return "sweep.json", json.dumps(mutate_json(manifest, rng)).encode()
        if kind < 0.7:
            return "sweep.json", mutate(good[1], [good[1]], _TOKENS, rng)
        return "sweep.yaml", mutate(_FILE, [_FILE], _TOKENS, rng)

    def read(item: tuple[str, bytes]) -> None:
        name, content = item
        if name == "sweep.yaml":
            path.write_bytes(content)
            found = read_sweep(path)
            axes, problems = parse_grid(found.grid)
            make_trials(Recipe(_CONFIG, "tiny", (), tuple(axes), found.random), problems)
            return
        (place / name).write_bytes(content)
        with SweepFolder.open(place) as sweep:
            _read(sweep)

    return Target("sweeps", [good, ("sweep.yaml", _FILE)], bad, read, 2)


def _read(sweep: SweepFolder) -> None:
    """All that is made of a manifest before a trial is trained."""
    sweep.check_runs(sweep.found())
    course = Course(sweep)
    outcomes = {t.index: outcome_of(t, None, sweep.pruned.get(t.index)) for t in sweep.trials}
    told = course.told(outcomes)
    with patch.object(atomic, "sync"), patch.object(atomic, "sync_folder"):
        sweep.prune(1, 1)
        if sweep.recipe.optuna is not None and find_spec("optuna") is not None:
            planner = Planner(sweep.recipe)
            new: Trial | None = planner.propose(len(sweep.trials) + 1, told, sweep.trials)
            if new is not None:
                sweep.add(new)
