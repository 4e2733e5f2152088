"""Which code the mutation proof breaks, and what must notice it.

A row names a module, or a package for all of its modules, and the tests that must notice when
one of their functions is changed. A new layer, kernel, optimizer or schedule is in it already;
another formula takes a row here.
"""

import importlib
import math
import pkgutil
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.kernels import conv, im2col, pooling, window
from engine.layers import LAYERS
from tests.support.cases import Case
from tests.support.conformance import CASES


@dataclass(frozen=True)
class Formulas:
    """Functions to break, and what must notice.

    Attributes:
        name: of a module or a package of the engine.
        tests: modules; each of their tests is a check.
        rows: which rows of the conformance table are checked as well, with all their checks.
        only: the functions that compute, by their names without the class; all if empty.
    """

    name: str
    tests: Sequence[str]
    rows: Callable[[types.ModuleType], list[Case]] = lambda module: []
    only: Sequence[str] = ()

    def wants(self, function: str) -> bool:
        """Whether a function of the module is broken."""
        if self.only:
            return function in self.only
        return function not in WORDS and (function == "__init__" or not function.startswith("__"))


WORDS = {"spec", "extra_repr", "infer", "register", "parameters_of"}
"""Functions that put things into words, or take them from words."""


def _own_rows(module: types.ModuleType) -> list[Case]:
    """Those of the layers that a module defines; of one that defines none, one of every layer."""
    own = {name for name, layer in LAYERS.items() if layer.__module__ == module.__name__}
    if own:
        return _rows_of(own)
    return [_rows_of({name})[0] for name in LAYERS]


def _kernel_rows(module: types.ModuleType) -> list[Case]:
    """Those of the layers that compute with a kernel."""
    windows = {"Conv2D", "MaxPool2D", "AvgPool2D"}
    layers = {
        conv: {"Conv2D"},
        pooling: windows - {"Conv2D"},
        window: windows,
        im2col: set[str](),
    }
    return _rows_of(layers.get(module, set(LAYERS)))


def _rows_of(layers: set[str]) -> list[Case]:
    """Small ones first."""
    return sorted(
        (case for case in CASES if case.layer in layers), key=lambda case: math.prod(case.shape)
    )


FORMULAS = (
    Formulas(
        "engine.layers",
        (
            "tests.engine.layers.test_figures",
            "tests.engine.layers.test_layer_contract",
            "tests.engine.layers.test_containers",
            "tests.engine.layers.test_freezing",
            "tests.engine.models.test_folding",
        ),
        rows=_own_rows,
    ),
    Formulas("engine.kernels", ("tests.engine.kernels.test_kernel_checks",), rows=_kernel_rows),
    Formulas(
        "engine.layers.whitening",
        ("tests.engine.layers.test_whitening", "tests.engine.layers.test_layer_contract"),
        rows=_own_rows,
    ),
    Formulas("engine.kernels.normal", ("tests.engine.kernels.test_normal",)),
    Formulas("engine.kernels.winograd", ("tests.engine.kernels.test_winograd",)),
    Formulas("engine.kernels.partition", ("tests.engine.kernels.test_partition",)),
    Formulas("engine.parallel.micro_batches", ("tests.engine.parallel.test_micro_batches",)),
    Formulas(
        "engine.losses",
        (
            "tests.engine.test_losses_exact",
            "tests.engine.test_losses",
            "tests.engine.test_losses_of_shares",
            "tests.engine.data.test_mixing",
        ),
    ),
    Formulas("engine.metrics", ("tests.engine.test_metrics",)),
    Formulas(
        "engine.initializers",
        ("tests.engine.test_initializers_exact", "tests.engine.test_initializers"),
    ),
    Formulas(
        "engine.optim",
        (
            "tests.engine.optim.test_edges",
            "tests.engine.optim.test_rules",
            "tests.engine.optim.test_optimizer",
            "tests.engine.optim.test_groups",
            "tests.engine.optim.test_muon",
        ),
    ),
    Formulas(
        "engine.optim.groups", ("tests.engine.optim.test_groups", "tests.engine.optim.test_muon")
    ),
    Formulas("engine.optim.muon", ("tests.engine.optim.test_muon",)),
    Formulas("engine.optim.slow_weights", ("tests.engine.optim.test_slow_weights",)),
    Formulas(
        "engine.optim.clipping",
        ("tests.engine.optim.test_edges", "tests.engine.optim.test_clipping"),
    ),
    Formulas(
        "engine.optim.parameters",
        (
            "tests.engine.optim.test_parameters",
            "tests.engine.optim.test_groups",
            "tests.engine.optim.test_muon",
        ),
    ),
    Formulas(
        "engine.schedulers",
        ("tests.engine.schedulers.test_edges", "tests.engine.schedulers.test_formulas"),
    ),
    Formulas("engine.data.augment", ("tests.engine.data.test_formulas",)),
    Formulas("engine.data.mixing", ("tests.engine.data.test_mixing",)),
    Formulas("engine.data.warp", ("tests.engine.data.test_formulas",)),
    Formulas("engine.data.views", ("tests.engine.data.test_views",)),
    Formulas(
        "engine.data.batches",
        (
            "tests.engine.data.test_formulas",
            "tests.engine.data.test_batches",
            "tests.engine.data.test_mixing",
        ),
    ),
    Formulas("engine.data.normalisation", ("tests.engine.data.test_formulas",)),
    Formulas("engine.importing.splitting", ("tests.engine.importing.test_splitting",)),
    Formulas(
        "engine.importing.writer",
        ("tests.engine.importing.test_writer",),
        only=("add", "_statistics", "_count"),
    ),
    Formulas(
        "engine.models.inference",
        ("tests.engine.models.test_folding", "tests.engine.models.test_inference"),
        only=("fold_batch_norms", "_forward", "_task", "_pieces"),
    ),
    Formulas("engine.models.plan", ("tests.engine.models.test_plan",)),
    Formulas("engine.models.plan_convolution", ("tests.engine.models.test_plan",)),
    Formulas("engine.models.plan_memory", ("tests.engine.models.test_plan",)),
    Formulas("engine.models.memory", ("tests.engine.models.test_memory",)),
    Formulas("engine.rng", ("tests.engine.test_rng",)),
    Formulas("engine.train.snapshot", ("tests.engine.train.test_snapshot",)),
    Formulas(
        "engine.train.evaluator",
        ("tests.engine.train.test_formulas",),
        only=("evaluate", "views_accuracy"),
    ),
    Formulas(
        "engine.train.worker_program",
        ("tests.engine.train.test_formulas",),
        only=("_train", "_learn", "_evaluate", "_piece", "_begin"),
    ),
    Formulas("engine.inspection.health", ("tests.engine.inspection.test_health",)),
    Formulas(
        "engine.inspection.estimate",
        ("tests.engine.inspection.test_estimate",),
        only=("of", "split_sizes", "memory_bytes"),
    ),
    Formulas("engine.inspection.projection", ("tests.engine.inspection.test_projection",)),
    Formulas(
        "engine.saliency",
        ("tests.engine.saliency.test_exact", "tests.engine.saliency.test_methods"),
    ),
    Formulas("engine.microscope.arithmetic", ("tests.engine.microscope.test_arithmetic",)),
    Formulas(
        "engine.microscope.receptive",
        ("tests.engine.microscope.test_receptive", "tests.engine.microscope.test_forward"),
    ),
    Formulas("engine.microscope.update", ("tests.engine.microscope.test_update",)),
    Formulas("engine.gradcheck.extrapolation", ("tests.engine.gradcheck.test_extrapolation",)),
)

NO_FORMULA = {
    "engine.layers.arguments": "checks of arguments",
    "engine.layers.registry": "names",
    "engine.layers.summary": "a table",
    "engine.kernels.gemm": "memory",
    "engine.kernels.malloc": "settings of the C library",
    "engine.kernels.scratch": "memory",
}
"""Modules of those packages in which there is nothing to compute."""


def modules() -> dict[str, Formulas]:
    """Every module that is broken, by its full name."""
    found: dict[str, Formulas] = {}
    for formulas in FORMULAS:
        module = importlib.import_module(formulas.name)
        names = [formulas.name]
        if hasattr(module, "__path__"):
            inside = pkgutil.iter_modules(module.__path__)
            names = [f"{formulas.name}.{info.name}" for info in inside]
        # A row of its own goes before that of the package.
        found |= {name: formulas for name in names if name not in NO_FORMULA}
    return found
