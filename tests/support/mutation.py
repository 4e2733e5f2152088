"""Broken versions of functions, generated from their source.

``mutants_of(module)`` changes one thing at a time in the syntax tree of every function: flips a
sign, drops a term or a factor, swaps two axes, replaces a stride by 1, drops a statement, ... A
mutant's code takes the place of the original's while it is ``installed``, so everything that
calls the function meets it, whatever way it was imported.
"""

import ast
import contextlib
import copy
import inspect
import re
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.mutators import variants, with_fields

Step = tuple[str, int | None]


@dataclass(frozen=True)
class Mutant:
    """One change to one function.

    Attributes:
        module: where the function lives.
        function: its qualified name.
        line: where the change is.
        before, after: the smallest changed piece of source.
        number: which of several changes of the function that read the same, from 1.
        code: the broken function.
    """

    module: types.ModuleType
    function: str
    line: int
    before: str
    after: str
    number: int
    code: types.CodeType

    @property
    def place(self) -> str:
        """``kernels.conv._pad``."""
        return f"{self.module.__name__.removeprefix('engine.')}.{self.function}"

    @property
    def change(self) -> str:
        """What is broken, by name; it stays when the function moves in its file."""
        number = f" (no. {self.number})" if self.number > 1 else ""
        return f"{self.place}: {self.before} → {self.after}{number}"

    def __str__(self) -> str:
        return f"{self.change}, line {self.line}"

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """The function is broken inside the ``with``."""
        target = _resolve(self.module, self.function)
        original = target.__code__
        target.__code__ = self.code
        try:
            yield
        finally:
            target.__code__ = original


def mutants_of(
    module: types.ModuleType, wanted: Callable[[str], bool] = lambda name: True
) -> list[Mutant]:
    """All mutants of a module's functions whose plain name is ``wanted``."""
    return [
        mutant
        for holder, function in _functions(module)
        if wanted(function.name)
        for mutant in _mutate(module, holder, function)
    ]


def mutants_at(module: types.ModuleType, name: str) -> list[Mutant]:
    """All mutants of one function, by its qualified name."""
    return [
        mutant
        for holder, function in _functions(module)
        if _qualified(holder, function) == name
        for mutant in _mutate(module, holder, function)
    ]


def functions_of(module: types.ModuleType, wanted: Callable[[str], bool]) -> list[str]:
    """The qualified names of a module's functions whose plain name is ``wanted``."""
    return [
        _qualified(holder, function)
        for holder, function in _functions(module)
        if wanted(function.name)
    ]


def _functions(
    module: types.ModuleType,
) -> Iterator[tuple[ast.ClassDef | None, ast.FunctionDef]]:
    """The functions of a module and of its classes."""
    assert module.__file__ is not None
    for outer in ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body:
        holder = outer if isinstance(outer, ast.ClassDef) else None
        for function in [outer] if holder is None else holder.body:
            if isinstance(function, ast.FunctionDef) and not _is_declared_only(function):
                yield holder, function


def _qualified(holder: ast.ClassDef | None, function: ast.FunctionDef) -> str:
    return f"{holder.name}.{function.name}" if holder else function.name


def _is_declared_only(function: ast.FunctionDef) -> bool:
    """A setter, which cannot be told from its property by name, or a method without a body."""
    words = {ast.unparse(decorator) for decorator in function.decorator_list}
    return "abstractmethod" in words or any(word.endswith(".setter") for word in words)


def _mutate(
    module: types.ModuleType, holder: ast.ClassDef | None, function: ast.FunctionDef
) -> list[Mutant]:
    name = _qualified(holder, function)
    original = _compile(module, holder, function)
    seen = {(original.co_code, original.co_consts, original.co_names)}
    found: list[Mutant] = []
    for path, node in _sites(function):
        for replacement in variants(node):
            broken = _replace(function, path, replacement)
            code = _compile_like(original, module, holder, broken)
            key = (code.co_code, code.co_consts, code.co_names)
            if not any(isinstance(c, types.CodeType) for c in code.co_consts):
                if key in seen:
                    continue
                seen.add(key)
            before, after = _words(function, path, node, replacement)
            number = 1 + sum((before, after) == (one.before, one.after) for one in found)
            line = getattr(node, "lineno", 0)
            found.append(Mutant(module, name, line, before, after, number, code))
    return found


def _words(
    function: ast.FunctionDef, path: list[Step], node: ast.AST, replacement: ast.AST
) -> tuple[str, str]:
    """The change in words: of a number or a slice, with what stands around it."""
    if isinstance(node, ast.If) and isinstance(replacement, ast.If):
        return f"if {_source(node.test)}", f"if {_source(replacement.test)}"
    while isinstance(node, ast.Constant | ast.Name | ast.Slice | ast.Tuple | ast.keyword):
        parent: ast.AST = function
        for step in path[:-1]:
            parent = _child(parent, *step)
        if isinstance(parent, ast.FunctionDef | ast.stmt):
            break
        around = copy.copy(parent)
        _put(around, *path[-1], replacement)
        node, replacement, path = parent, around, path[:-1]
    return _source(node), _source(replacement)


def _source(node: ast.AST) -> str:
    return re.sub(r"\s+", " ", ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))))


def _compile(
    module: types.ModuleType, holder: ast.ClassDef | None, function: ast.FunctionDef
) -> types.CodeType:
    bare = with_fields(function, decorator_list=[])
    body: list[ast.stmt] = [bare]
    if holder is not None:
        body = [ast.ClassDef(holder.name, [], [], body, [])]
    tree = ast.fix_missing_locations(ast.Module(body, []))
    code = compile(tree, str(module.__file__), "exec")
    if holder is not None:
        code = next(c for c in code.co_consts if isinstance(c, types.CodeType))
    return next(
        c for c in code.co_consts if isinstance(c, types.CodeType) and c.co_name == function.name
    )


def _compile_like(
    original: types.CodeType,
    module: types.ModuleType,
    holder: ast.ClassDef | None,
    function: ast.FunctionDef,
) -> types.CodeType:
    """As ``_compile``, with the original's free variables: a function takes no other code."""
    code = _compile(module, holder, function)
    lost = set(original.co_freevars) - set(code.co_freevars)
    if lost:  # ``super()`` was dropped
        kept: list[ast.stmt] = [ast.Expr(ast.Name(name, ast.Load())) for name in sorted(lost)]
        code = _compile(module, holder, with_fields(function, body=kept + function.body))
    return code


def _resolve(module: types.ModuleType, name: str) -> types.FunctionType:
    target: object = module
    for part in name.split("."):
        target = inspect.getattr_static(target, part)
    if isinstance(target, property):
        target = target.fget
    if isinstance(target, classmethod | staticmethod):
        target = target.__func__
    target = inspect.unwrap(target)  # type: ignore[arg-type]
    assert isinstance(target, types.FunctionType), name
    return target


# -- where ------------------------------------------------------------------------------------


def _sites(function: ast.FunctionDef) -> Iterator[tuple[list[Step], ast.AST]]:
    """Every node that may be changed, with the way to it; error messages are left alone."""

    def walk(node: ast.AST, path: list[Step]) -> Iterator[tuple[list[Step], ast.AST]]:
        if _is_words(node) or _is_tuning(node):
            return
        yield path, node
        if isinstance(node, ast.UnaryOp) and ast.unparse(node) == "-1":
            return  # of a reshape, where any negative number means the same
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list", "type_comment"):
                continue
            if _is_unordered(node, field) and isinstance(value, ast.Tuple):
                # Its order and repetitions mean nothing; its elements do.
                for i, item in enumerate(value.elts):
                    yield from walk(item, [*path, (field, None), ("elts", i)])
                continue
            if isinstance(value, list):
                for i, item in enumerate(value):
                    if isinstance(item, ast.AST):
                        yield from walk(item, [*path, (field, i)])
            elif isinstance(value, ast.AST):
                yield from walk(value, [*path, (field, None)])

    for i, statement in enumerate(function.body):
        yield from walk(statement, [("body", i)])


_TUNING = re.compile(r"[A-Z][A-Z_]+[A-Z]")


def _is_tuning(node: ast.AST) -> bool:
    """What compares or divides with a constant like GATHER_BYTES says how, never what.

    Such a constant of a module was measured: how many rows at a time, from which size on another
    of several ways to the same result.
    """
    if isinstance(node, ast.expr | ast.Assign):
        return any(
            isinstance(inner, ast.Name) and _TUNING.fullmatch(inner.id) for inner in ast.walk(node)
        )
    return False


def _is_unordered(node: ast.AST, field: str) -> bool:
    """A loop over a tuple, or the axes of a sum."""
    return (isinstance(node, ast.For) and field == "iter") or (
        isinstance(node, ast.keyword) and node.arg == "axis"
    )


def _is_words(node: ast.AST) -> bool:
    """Docstrings, errors, the conditions that guard errors, and assertions."""
    if isinstance(node, ast.Raise | ast.Assert | ast.JoinedStr):
        return True
    if isinstance(node, ast.keyword) and node.arg in ("strict", "writeable"):
        return True  # of a zip, of a view: assertions
    if isinstance(node, ast.Expr) and ast.unparse(node).startswith("_check_"):
        return True
    if isinstance(node, ast.If) and not node.orelse:
        return all(isinstance(inner, ast.Raise) for inner in node.body)
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _replace(function: ast.FunctionDef, path: list[Step], new: ast.AST) -> ast.FunctionDef:
    """The function with another node; what lies beside the way to it is shared, not copied."""
    broken = copy.copy(function)
    parent: ast.AST = broken
    for field, index in path[:-1]:
        child = copy.copy(_child(parent, field, index))
        _put(parent, field, index, child)
        parent = child
    _put(parent, *path[-1], new)
    return broken


def _child(parent: ast.AST, field: str, index: int | None) -> ast.AST:
    value = getattr(parent, field)
    return value if index is None else value[index]


def _put(parent: ast.AST, field: str, index: int | None, child: ast.AST) -> None:
    if index is None:
        setattr(parent, field, child)
    else:
        siblings = list(getattr(parent, field))
        siblings[index] = child
        setattr(parent, field, siblings)
