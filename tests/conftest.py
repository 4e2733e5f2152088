"""Fixtures and skips that every test shares."""

import gc
import importlib.util
import json
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from engine import resources
from tests.support.shipped_configs import SHIPPED_CONFIGS

DATA_ROOT = os.environ.get("CNN_TUI_DATA")

# A test that fails by chance says nothing about the change it fails on, so the normal run has the
# same examples every time. To search for new ones: pytest -m hypothesis --hypothesis-profile random
settings.register_profile("fixed", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None, print_blob=True)
settings.load_profile("fixed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say how much of the engine the mutation proof breaks."""
    parser.addoption(
        "--mutants",
        default="few",
        metavar="few|changed|all|MODULE,...",
        help="which modules the mutation proof breaks: a few, those that changed since main, all, "
        "or the ones named (layers,optim.rules)",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed of a random search, and hear Ctrl-C, which tests send."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell leaves it to background jobs
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("--hypothesis-profile") == "random":
        config.option.hypothesis_seed = config.option.hypothesis_seed or secrets.randbits(32)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the garbage collector the tests that were found: they stay until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        gc.set_threshold(10_000)  # an app leaves much to look through: a tenth of the run


def pytest_report_header(config: pytest.Config) -> str | None:
    """The seed of a random search, to repeat it."""
    seed = config.option.hypothesis_seed
    return None if seed is None else f"random search: repeat it with --hypothesis-seed {seed}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    has_torch = importlib.util.find_spec("torch") is not None
    has_data = DATA_ROOT is not None and Path(DATA_ROOT).is_dir()
    for item in items:
        if "torch" in item.keywords and not has_torch:
            item.add_marker(pytest.mark.skip(reason="PyTorch is not installed"))
        if "dataset" in item.keywords and not has_data:
            item.add_marker(pytest.mark.skip(reason="CNN_TUI_DATA names no folder of data sets"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where tests run in several processes, tell the first one what became of the mutants."""
    mutants, output = (
        sys.modules.get("tests.support.mutants"),
        getattr(session.config, "workeroutput", None),
    )
    if mutants is not None and output is not None:
        output["mutants"] = json.dumps(vars(mutants.TALLY))  # it takes no other types


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Add up what the processes tell."""
    told = getattr(node, "workeroutput", {}).get("mutants")
    if told is not None:
        from tests.support import mutants

        for name, count in json.loads(told).items():
            mutants.TALLY.__dict__[name] += type(mutants.TALLY.__dict__[name])(count)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What became of the mutants, if any were made."""
    mutants = sys.modules.get("tests.support.mutants")
    if mutants is not None and (mutants.TALLY.killed or mutants.TALLY.survived):
        terminalreporter.section("mutation proof")
        for line in mutants.TALLY.lines():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def none_of_the_users_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests see none of the user's files: no configs, runs, data, settings.

    The working folder is empty, and what ships with the project is a copy without the configs
    that somebody saved beside it.
    """
    root = tmp_path_factory.mktemp("nobody")
    project, home = root / "project", root / "home"
    (project / "configs").mkdir(parents=True)
    home.mkdir()
    for name in SHIPPED_CONFIGS:
        shutil.copy(resources.shipped("configs", f"{name}.yaml"), project / "configs")
    shutil.copytree(resources.shipped("data", "mnist_mini"), project / "data" / "mnist_mini")
    shutil.copytree(resources.shipped("docs", "lessons"), project / "docs" / "lessons")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resources, "_PACKAGE", project / "engine")
        for name in ("HOME", "XDG_STATE_HOME"):
            patch.setenv(name, str(home))
        patch.delenv("CNN_TUI_DATA", raising=False)
        patch.chdir(home)
        yield


@pytest.fixture(scope="session", autouse=True)
def commands_are_compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Processes that tests start share their bytecode, also where Python is told to write none."""
    if not sys.dont_write_bytecode:
        yield
        return
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(shared / "bytecode"))
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def data_root() -> Path:
    """The folder that holds ``mnist/`` and ``cifar-10-batches-bin/`` (tests marked dataset)."""
    assert DATA_ROOT is not None
    return Path(DATA_ROOT)
