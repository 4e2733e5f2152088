"""The mutation proof: break every backward pass and kernel in every way; a check must notice.

The mutants are generated from the source (``mutation``), so new code is broken without further
ado. A survivor means that a check is missing: strengthen the checks, or the conformance table.
"""

from pathlib import Path

import numpy as np
import pytest

import engine.layers.activations
from engine.layers import LAYERS, Layer, ReLU
from tests.support.mutants import TALLY, Battery, by_function, equivalents
from tests.support.mutation import mutants_of

MUTANTS = by_function()
EQUIVALENTS = equivalents()


@pytest.fixture(scope="module")
def batteries() -> dict[str, Battery]:
    """The checks for the mutants of each module, made when they are asked for."""
    return {}


@pytest.mark.parametrize("place", MUTANTS)
def test_a_check_notices(
    place: str, batteries: dict[str, Battery], pytestconfig: pytest.Config
) -> None:
    thorough = pytestconfig.getoption("--full-grid", default=False)
    survivors, noticed = [], []
    for mutant in MUTANTS[place]:
        name = mutant.module.__name__
        if name not in batteries:
            batteries[name] = Battery(mutant.module)
        listed = mutant.change in EQUIVALENTS
        if listed and not thorough:
            TALLY.equivalent[place] += 1
            continue
        check = batteries[name].kill(mutant)
        if check is not None:
            TALLY.killed[place] += 1
            TALLY.checks[check] += 1
            if listed:
                noticed.append(mutant.change)
        elif listed:
            TALLY.equivalent[place] += 1
        else:
            TALLY.survived.append(str(mutant))
            survivors.append(str(mutant))
    assert not survivors, "no check notices:\n" + "\n".join(survivors)
    assert not noticed, "a check notices, so it is no equivalent:\n" + "\n".join(noticed)


def test_every_listed_change_exists() -> None:
    changes = {mutant.change for mutants in MUTANTS.values() for mutant in mutants}
    gone = EQUIVALENTS.keys() - changes
    assert not gone, "no longer made, take it off the list:\n" + "\n".join(gone)
    assert len(EQUIVALENTS) < 0.05 * len(changes)
    assert all(EQUIVALENTS.values())


def test_every_backward_is_broken() -> None:
    for layer in LAYERS.values():
        for cls in layer.__mro__:
            if "backward" in vars(cls) and cls is not Layer:
                module = cls.__module__.removeprefix("engine.")
                assert f"{module}.{cls.__qualname__}.backward" in MUTANTS


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


def test_mutants_are_told_apart() -> None:
    for mutants in MUTANTS.values():
        changes = [mutant.change for mutant in mutants]
        assert len(set(changes)) == len(changes)


SOURCE = '''
def f(x, axis):
    """Words are left alone: 1 + 1."""
    if axis < 0:
        raise ValueError(f"axis {axis + 1}")
    y = x.sum(axis=(0, 2)) - 2.5 * x[1:]
    if axis > 1:
        y += 3 / x
    return y
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
}


def test_what_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mutated_example.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    example = __import__("mutated_example")
    found = {f"{one.before} → {one.after}" for one in mutants_of(example)}
    assert found >= EXPECTED, EXPECTED - found
    assert not any("axis + 1" in change or "axis < 0" in change for change in found)
    assert mutants_of(example, lambda name: name == "g") == []
