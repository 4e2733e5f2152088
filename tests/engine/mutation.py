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

import numpy as np
from numpy.lib import stride_tricks

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
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    found = []
    for outer in tree.body:
        members = outer.body if isinstance(outer, ast.ClassDef) else [outer]
        for function in members:
            if isinstance(function, ast.FunctionDef) and wanted(function.name):
                holder = outer if isinstance(outer, ast.ClassDef) else None
                found += _mutate(module, holder, function)
    return found


def _mutate(
    module: types.ModuleType, holder: ast.ClassDef | None, function: ast.FunctionDef
) -> list[Mutant]:
    name = f"{holder.name}.{function.name}" if holder else function.name
    original = _compile(module, holder, function)
    seen = {(original.co_code, original.co_consts, original.co_names)}
    found: list[Mutant] = []
    for path, node in _sites(function):
        for replacement in _variants(node):
            broken = _replace(function, path, replacement)
            code = _compile(module, holder, broken)
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
    bare = _with(function, decorator_list=[])
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


def _resolve(module: types.ModuleType, name: str) -> types.FunctionType:
    target: object = module
    for part in name.split("."):
        target = inspect.getattr_static(target, part)
    if isinstance(target, property):
        target = target.fget
    if isinstance(target, classmethod | staticmethod):
        target = target.__func__
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
    broken = parent = copy.copy(function)
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


# -- what -------------------------------------------------------------------------------------

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_FUNCTIONS = {
    "maximum": "minimum",
    "minimum": "maximum",
    "max": "min",
    "min": "max",
    "sum": "mean",
    "mean": "sum",
    "zeros": "ones",
    "zeros_like": "ones_like",
    "ones": "zeros",
    "add": "subtract",
    "subtract": "add",
    "multiply": "divide",
}
_UNWRAPPED = {"sqrt", "exp", "expm1", "tanh", "log", "abs", "square", "float", "reversed"}
_REORDERED = {"transpose", "reshape", "moveaxis", "where", "matmul", "subtract"}
_STRIDES = re.compile(r"(stride|dilation)_[hw]|s[hw]|d[hw]")
_WINDOW = {"stride": "(1, 1)", "dilation": "(1, 1)", "pads": "((0, 0), (0, 0))"}


def _variants(node: ast.AST) -> list[ast.AST]:
    """What to put in a node's place."""
    found: list[ast.AST] = []
    match node:
        case ast.BinOp():
            found += _arithmetic(node)
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            found.append(node.operand)
        case ast.Compare(ops=[op]):
            for other in _COMPARISONS.get(type(op), ()):
                found.append(ast.Compare(node.left, [other()], node.comparators))
        case ast.BoolOp():
            opposite = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
            found.append(ast.BoolOp(opposite, node.values))
            found += node.values
        case ast.IfExp():
            found += [node.body, node.orelse]
        case ast.If():
            found += [_with(node, test=ast.Constant(value)) for value in (True, False)]
        case ast.Constant(value=bool()):
            found.append(ast.Constant(not node.value))
        case ast.Constant(value=0):
            found.append(ast.Constant(1))
        case ast.Constant(value=1):
            found += [ast.Constant(0), ast.Constant(2)]
        case ast.Constant(value=int()):
            found.append(ast.Constant(node.value - 1))
        case ast.Constant(value=float()):
            found += [ast.Constant(node.value * 2), ast.Constant(node.value + 1)]
        case ast.Tuple(ctx=ast.Load()) if len(node.elts) >= 2:
            found += _reordered(node, "elts")
        case ast.keyword(arg="axis", value=ast.Tuple(elts=elements)):
            found += [
                _with(node, value=_with(node.value, elts=elements[:i] + elements[i + 1 :]))
                for i in range(len(elements))
            ]
        case ast.Call():
            found += _calls(node)
        case ast.Slice():
            found += [
                _with(node, **{part: None})
                for part in ("lower", "upper", "step")
                if getattr(node, part) is not None and ast.unparse(getattr(node, part)) != "0"
            ]
        case ast.Attribute(attr="T"):
            found.append(node.value)
        case ast.Attribute() if node.attr in _WINDOW:
            found.append(ast.parse(_WINDOW[node.attr], mode="eval").body)
        case ast.Name(ctx=ast.Load()) if _STRIDES.fullmatch(node.id):
            found.append(ast.Constant(1))
        case ast.AugAssign() | ast.Assign() | ast.Return() | ast.Expr() | ast.Continue():
            found += _statements(node)
    return found


def _arithmetic(node: ast.BinOp) -> list[ast.AST]:
    left, right = node.left, node.right
    match node.op:
        case ast.Add():
            return [ast.BinOp(left, ast.Sub(), right), left, right]
        case ast.Sub():
            negated = ast.UnaryOp(ast.USub(), right)
            return [ast.BinOp(left, ast.Add(), right), left, negated]
        case ast.Mult():
            return [ast.BinOp(left, ast.Div(), right), left, right]
        case ast.Div():
            return [ast.BinOp(left, ast.Mult(), right), left, right]
        case ast.FloorDiv():
            down = ast.BinOp(ast.UnaryOp(ast.USub(), left), ast.FloorDiv(), right)
            return [ast.UnaryOp(ast.USub(), down), left]
        case _:
            return [left]


def _calls(node: ast.Call) -> list[ast.AST]:
    found: list[ast.AST] = []
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    name = node.func.id if isinstance(node.func, ast.Name) else name
    if name in _FUNCTIONS and isinstance(node.func, ast.Attribute):
        found.append(_with(node, func=_with(node.func, attr=_FUNCTIONS[name])))
    elif name in ("max", "min"):
        found.append(_with(node, func=ast.Name(_FUNCTIONS[name], ast.Load())))
    if name in _UNWRAPPED and len(node.args) == 1:
        found.append(node.args[0])
    if name in _REORDERED:
        found += _reordered(node, "args")
    for i, keyword in enumerate(node.keywords):
        # Where a result goes and its type are said by keywords that the others make up for.
        if keyword.arg not in ("out", "dtype", "strict", "writeable"):
            found.append(_with(node, keywords=node.keywords[:i] + node.keywords[i + 1 :]))
    return found


def _statements(node: ast.AST) -> list[ast.AST]:
    match node:
        case ast.AugAssign():
            opposite: dict[type, ast.operator] = {
                ast.Add: ast.Sub(),
                ast.Sub: ast.Add(),
                ast.Mult: ast.Div(),
                ast.Div: ast.Mult(),
            }
            found: list[ast.AST] = [ast.Pass()]
            if type(node.op) in opposite and ast.unparse(node.value) != "-1":
                found.append(_with(node, op=opposite[type(node.op)]))
            found.append(ast.Assign([_stored(node.target)], node.value))
            return found
        case ast.Assign(targets=[ast.Subscript()]):
            return [ast.Pass(), _with(node, value=ast.UnaryOp(ast.USub(), node.value))]
        case ast.Assign(targets=[ast.Tuple(elts=[first, second])]) if not isinstance(
            node.value, ast.Tuple
        ):
            return [_with(node, targets=[ast.Tuple([second, first], ast.Store())])]
        case ast.Return(value=ast.Tuple()):
            elements = node.value.elts
            return [
                ast.Return(
                    _with(
                        node.value,
                        elts=[
                            ast.UnaryOp(ast.USub(), e) if j == i else e
                            for j, e in enumerate(elements)
                        ],
                    )
                )
                for i in range(len(elements))
            ]
        case ast.Return(value=ast.BoolOp() | ast.Compare() as condition):
            return [ast.Return(ast.UnaryOp(ast.Not(), condition))]
        case ast.Return(value=ast.expr()) if not isinstance(node.value, ast.Constant):
            return [ast.Return(ast.UnaryOp(ast.USub(), node.value))]
        case ast.Expr(value=ast.Call()) | ast.Continue():
            return [ast.Pass()]
    return []


def _stored(target: ast.expr) -> ast.expr:
    return _with(target, ctx=ast.Store())


def _reordered(node: ast.Tuple | ast.Call, field: str) -> list[ast.AST]:
    """Neighbours exchanged."""
    items = getattr(node, field)
    found = []
    for i in range(len(items) - 1):
        swapped = [*items[:i], items[i + 1], items[i], *items[i + 2 :]]
        if ast.dump(items[i]) != ast.dump(items[i + 1]):
            found.append(_with(node, **{field: swapped}))
    return found


def _with(node: ast.AST, **fields: object) -> ast.AST:  # type: ignore[misc]
    twin = copy.copy(node)
    for name, value in fields.items():
        setattr(twin, name, value)
    return twin


# -- safety -----------------------------------------------------------------------------------


def checked_as_strided(
    x: np.ndarray,
    shape: tuple[int, ...] | None = None,
    strides: tuple[int, ...] | None = None,
    subok: bool = False,
    writeable: bool = True,
) -> np.ndarray:
    """``as_strided`` that raises where a broken kernel would read memory that is not x's."""
    view = stride_tricks.as_strided(x, shape, strides, subok=subok, writeable=writeable)
    low, high = np.lib.array_utils.byte_bounds(view)
    first, last = np.lib.array_utils.byte_bounds(x)
    if not first <= low <= high <= last:
        raise IndexError("the view leaves its array")
    return view
