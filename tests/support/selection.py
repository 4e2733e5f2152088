"""Which modules are broken in this run: the option ``--mutants``.

* ``few``, as in every run of the tests: enough to see that the proof works.
* ``changed``: modules of which the source, or a test that must notice, is another than in the
  branch ``main`` where this one left it; on ``main`` itself, than in the commit before. All of
  them if something changed that all tests share, or if git cannot say.
* ``all``.
* names of modules or packages below ``engine``, with commas between: ``layers,optim.rules``.
"""

import subprocess
from pathlib import Path

import pytest

from tests.support.formulas import Formulas, modules

FEW = ("layers.dense", "kernels.partition")
ROOT = Path(__file__).parents[2]
SHARED = ("tests/support/", "tests/conftest.py", "tests/engine/conftest.py")


def selected(option: str) -> dict[str, Formulas]:
    """The modules to break, by name, with what must notice.

    Raises:
        pytest.UsageError: there is no such module.
    """
    every = modules()
    if option == "all":
        return every
    if option == "changed":
        files = changed_files()
        return every if files is None else touched(every, files)
    wanted = FEW if option == "few" else option.split(",")
    for name in wanted:
        if not any(_is_within(module, name) for module in every):
            known = ", ".join(module.removeprefix("engine.") for module in every)
            raise pytest.UsageError(
                f"--mutants: no formulas in {name!r}; there are few, changed, all, {known}"
            )
    return {
        module: formulas
        for module, formulas in every.items()
        if any(_is_within(module, name) for name in wanted)
    }


def _is_within(module: str, name: str) -> bool:
    return f"{module}.".startswith(f"engine.{name}.")


def touched(every: dict[str, Formulas], files: set[str]) -> dict[str, Formulas]:
    """The modules that changed files are the source of, or the tests."""
    if any(file.startswith(SHARED) for file in files):
        return every
    return {
        module: formulas
        for module, formulas in every.items()
        if any(f"{name.replace('.', '/')}.py" in files for name in (module, *formulas.tests))
    }


def changed_files(root: Path = ROOT) -> set[str] | None:
    """What differs from the base, also what was not committed yet; None if git cannot say."""
    try:
        base = _base(root)
        changed = _git(root, "diff", "--name-only", "--no-renames", base)
        return {*changed, *_git(root, "ls-files", "--others", "--exclude-standard")}
    except (OSError, subprocess.CalledProcessError):
        return None


def _base(root: Path) -> str:
    """The commit where this branch left ``main``; on ``main`` itself, the one before."""
    (head,) = _git(root, "rev-parse", "HEAD")
    (main,) = _git(root, "rev-parse", "--verify", "main")
    (base,) = _git(root, "merge-base", head, main)
    return f"{head}~1" if base == head else base


def _git(root: Path, *arguments: str) -> list[str]:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()
