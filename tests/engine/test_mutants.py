"""The mutation proof: change every formula of the engine in every way; a test must notice.

The mutants are generated from the source (``mutation``), so new code is broken without further
ado. A survivor means that a test is missing: write it, or say in ``equivalents.txt`` why nothing
changes. ``--mutants`` says which modules are broken (``selection``).
"""

import importlib
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

import engine.layers.activations
from engine.initializers import INITS
from engine.layers import LAYERS, Layer, ReLU
from engine.optim import OPTIMIZERS
from engine.schedulers import SCHEDULERS, Scheduler
from tests.support.formulas import NO_FORMULA, Formulas, modules
from tests.support.mutants import TALLY, Battery, equivalents
from tests.support.mutation import functions_of, mutants_at, mutants_of
from tests.support.ordinary import calls_of
from tests.support.selection import changed_files, selected, touched

pytestmark = pytest.mark.usefixtures("every_kernel")

EQUIVALENTS = equivalents()
Place = tuple[str, str]


def places(chosen: dict[str, Formulas]) -> list[Place]:
    """Module and function of all that is broken."""
    return [
        (name, function)
        for name, formulas in chosen.items()
        for function in functions_of(importlib.import_module(name), formulas.wants)
    ]


def _shown(place: Place) -> str:
    return ".".join(place).removeprefix("engine.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "place" in metafunc.fixturenames:
        chosen = selected(metafunc.config.getoption("--mutants"))
        metafunc.parametrize("place", places(chosen), ids=_shown)


@pytest.fixture(scope="module")
def batteries() -> dict[str, Battery]:
    """The checks for the mutants of each module, made when they are asked for."""
    return {}


def test_a_check_notices(
    place: Place, batteries: dict[str, Battery], pytestconfig: pytest.Config
) -> None:
    thorough = pytestconfig.getoption("--full-grid", default=False)
    name, function = place
    module, formulas = importlib.import_module(name), modules()[name]
    short = name.removeprefix("engine.")
    began = time.perf_counter()
    if name not in batteries:
        batteries[name] = Battery(module, formulas)
    survivors, noticed, made = [], [], set()
    for mutant in mutants_at(module, function):
        assert mutant.change not in made
        made.add(mutant.change)
        listed = mutant.change in EQUIVALENTS
        if listed and not thorough:
            TALLY.equivalent[short] += 1
            continue
        check = batteries[name].kill(mutant)
        if check is not None:
            TALLY.killed[short] += 1
            TALLY.checks[check] += 1
            if listed:
                noticed.append(mutant.change)
        elif listed:
            TALLY.equivalent[short] += 1
        else:
            TALLY.survived.append(str(mutant))
            survivors.append(str(mutant))
    TALLY.seconds[short] += time.perf_counter() - began  # type: ignore[assignment]
    gone = {change for change in EQUIVALENTS if change.startswith(f"{short}.{function}: ")} - made
    assert not survivors, "no check notices:\n" + "\n".join(survivors)
    assert not noticed, "a check notices, so it is no equivalent:\n" + "\n".join(noticed)
    assert not gone, "no longer made, take it off the list:\n" + "\n".join(gone)


def test_every_listed_change_is_of_a_function_that_is_broken_and_has_a_reason() -> None:
    every = {_shown(place) for place in places(modules())}
    listed = {change.partition(": ")[0] for change in EQUIVALENTS}
    assert not listed - every
    assert all(EQUIVALENTS.values())


KINDS: list[tuple[Iterable[type], type, tuple[str, ...]]] = [
    (LAYERS.values(), Layer, ("forward", "backward", "output_shape", "multiply_adds")),
    (OPTIMIZERS.values(), object, ("_update", "_prepare", "step")),
    (SCHEDULERS.values(), Scheduler, ("lr", "lr_at", "observe")),
]


@pytest.mark.parametrize(("kinds", "contract", "methods"), KINDS, ids=["layers", "rules", "rates"])
def test_every_formula_is_broken(
    kinds: Iterable[type], contract: type, methods: tuple[str, ...]
) -> None:
    broken = {".".join(place) for place in places(modules())}
    own = [cls for kind in kinds for cls in kind.__mro__ if cls is not contract]
    for cls in own:
        for method in vars(cls).keys() & set(methods):
            if not getattr(vars(cls)[method], "__isabstractmethod__", False):
                assert f"{cls.__module__}.{cls.__qualname__}.{method}" in broken


def test_every_initialiser_is_broken() -> None:
    broken = {".".join(place) for place in places(modules())}
    assert {f"{rule.__module__}.{rule.__name__}" for rule in INITS.values()} <= broken


def test_every_function_that_a_row_names_is_there() -> None:
    for name, formulas in modules().items():
        functions = {function.rpartition(".")[2] for _, function in places({name: formulas})}
        assert set(formulas.only) <= functions, name


def test_what_is_not_broken_is_there_and_has_a_reason() -> None:
    for name, reason in NO_FORMULA.items():
        importlib.import_module(name)
        assert reason


def test_every_module_of_tests_that_must_notice_has_some() -> None:
    for name in {test for formulas in modules().values() for test in formulas.tests}:
        assert calls_of(importlib.import_module(name)), name


TESTS = """
import numpy as np
import pytest
from hypothesis import given, strategies

@pytest.fixture
def doubled(rng):
    yield 2 * rng.random()
    SEEN.append("closed")

@pytest.mark.parametrize("a", [1, pytest.param(2, id="two")])
@pytest.mark.parametrize(("b", "c"), [("x", "y"), pytest.param("z", "w")])
def test_all(a, b, c, doubled, monkeypatch, tmp_path):
    SEEN.append((a, b, c, doubled, tmp_path.is_dir()))

def test_left_out(capsys): ...

@pytest.mark.torch
def test_left_out_too(): ...

@given(strategies.integers())
def test_left_out_as_well(n): ...

SEEN = []
"""


def test_tests_run_with_their_parameters_and_fixtures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "called_example.py").write_text(TESTS)
    monkeypatch.syspath_prepend(tmp_path)
    example = importlib.import_module("called_example")
    for call in calls_of(example):
        assert call.name == "test_all"
        call()
    number = 2 * np.random.default_rng(0).random()
    assert sorted(example.SEEN[::2]) == sorted(
        (a, b, c, number, True) for a in (1, 2) for b, c in (("x", "y"), ("z", "w"))
    )
    assert example.SEEN[1::2] == ["closed"] * 4


def test_a_module_is_chosen_by_its_name_its_package_or_what_changed() -> None:
    every = modules()
    assert selected("all") == every
    assert list(selected("optim.rules,initializers")) == [
        "engine.initializers",
        "engine.optim.rules",
    ]
    assert {name.rpartition(".")[0] for name in selected("layers")} == {"engine.layers"}
    with pytest.raises(pytest.UsageError, match=r"no formulas in 'layer'; there are few, changed"):
        selected("layer")
    assert list(touched(every, {"engine/layers/dense.py", "README.md"})) == ["engine.layers.dense"]
    assert list(touched(every, {"tests/engine/test_losses.py"})) == ["engine.losses"]
    assert touched(every, {"tests/support/oracles.py"}) == every
    assert touched(every, set()) == {}
    assert 0 < len(selected("few")) < 5


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_what_changed_is_what_differs_from_where_the_branch_began(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True)

    def write(name: str) -> None:
        (tmp_path / name).write_text(name)
        git("add", name)
        git("commit", "-q", "-m", name)

    assert changed_files(tmp_path) is None
    git("init", "-q", "-b", "main")
    write("first")
    assert changed_files(tmp_path) is None  # there is no commit before
    write("second")
    assert changed_files(tmp_path) == {"second"}
    git("checkout", "-q", "-b", "topic")
    write("third")
    write("fourth")
    (tmp_path / "third").write_text("not yet committed")
    (tmp_path / "fifth").write_text("not even known")
    assert changed_files(tmp_path) == {"third", "fourth", "fifth"}


def test_a_mutant_is_there_only_while_it_is_installed() -> None:
    (flipped,) = [
        mutant
        for mutant in mutants_of(engine.layers.activations)
        if mutant.function == "ReLU.backward" and mutant.after == "self.expect_saved(dout) < 0"
    ]
    layer, x = ReLU(), np.array([[-1.0, 2.0]])
    layer.forward(x)
    right = layer.backward(np.ones((1, 2)))
    with flipped.installed():
        assert (layer.backward(np.ones((1, 2))) != right).any()
    np.testing.assert_array_equal(layer.backward(np.ones((1, 2))), right)


SOURCE = '''
def f(x, axis):
    """Words are left alone: 1 + 1."""
    if axis < 0:
        raise ValueError(f"axis {axis + 1}")
    y = x.sum(axis=(0, 2)) - 2.5 * x[1:]
    if axis > 1:
        y += 3 / x
    return y

def h(x):
    return (*x, x[0])
'''
EXPECTED = {
    "x.sum(axis=(0, 2)) - 2.5 * x[1:] → x.sum(axis=(0, 2)) + 2.5 * x[1:]",
    "x.sum(axis=(0, 2)) - 2.5 * x[1:] → x.sum(axis=(0, 2))",
    "x.sum(axis=(0, 2)) - 2.5 * x[1:] → -(2.5 * x[1:])",
    "x.sum(axis=(0, 2)) → x.mean(axis=(0, 2))",
    "x.sum(axis=(0, 2)) → x.sum(axis=(2,))",
    "x.sum(axis=(0, 2)) → x.sum(axis=(0,))",
    "x.sum(axis=(0, 2)) → x.sum(axis=(1, 2))",
    "x.sum(axis=(0, 2)) → x.sum()",
    "2.5 * x[1:] → 2.5 / x[1:]",
    "2.5 * x[1:] → x[1:]",
    "2.5 * x[1:] → 2.5",
    "x[1:] → x[:]",
    "if axis > 1 → if True",
    "if axis > 1 → if False",
    "axis > 1 → axis >= 1",
    "axis > 1 → axis < 1",
    "y += 3 / x → pass",
    "y += 3 / x → y -= 3 / x",
    "y += 3 / x → y = 3 / x",
    "3 / x → 3 * x",
    "return y → return -y",
    "return (*x, x[0]) → return (*x, -x[0])",
}


def test_what_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mutated_example.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    example = __import__("mutated_example")
    found = {f"{one.before} → {one.after}" for one in mutants_of(example)}
    assert found >= EXPECTED, EXPECTED - found
    assert not any("axis + 1" in change or "axis < 0" in change for change in found)
    assert mutants_of(example, lambda name: name == "g") == []
