"""What to put in place of a piece of source to break it: the changes that ``mutation`` makes."""

import ast
import copy
import re
from typing import TypeVar

Node = TypeVar("Node", bound=ast.AST)

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
    "divide": "multiply",
    "argmax": "argmin",
    "argmin": "argmax",
    "any": "all",
    "all": "any",
    "cos": "sin",
    "bisect_right": "bisect_left",
}
_UNWRAPPED = {
    "sqrt", "exp", "expm1", "tanh", "log", "abs", "square", "float", "reversed", "cos", "rint",
    "round", "sorted", "permutation",
}  # fmt: skip
_NO_NUMBER = {"tuple", "list", "dict", "slice", "range", "str", "bool"}
_REORDERED = {"transpose", "reshape", "moveaxis", "where", "matmul", "subtract"}
_STRIDES = re.compile(r"(stride|dilation)_[hw]|s[hw]|d[hw]")
_WINDOW = {"stride": "(1, 1)", "dilation": "(1, 1)", "pads": "((0, 0), (0, 0))"}


def variants(node: ast.AST) -> list[ast.AST]:
    """What to put in a node's place."""
    found: list[ast.AST] = []
    match node:
        case ast.BinOp():
            found += _arithmetic(node)
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert()):
            found.append(node.operand)
        case ast.comprehension(ifs=[_, *_]):
            found.append(with_fields(node, ifs=[]))
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
            found += [with_fields(node, test=ast.Constant(value)) for value in (True, False)]
        case ast.Constant(value=bool() as flag):
            found.append(ast.Constant(not flag))
        case ast.Constant(value=0):
            found.append(ast.Constant(1))
        case ast.Constant(value=1):
            found += [ast.Constant(0), ast.Constant(2)]
        case ast.Constant(value=int() as number):
            found.append(ast.Constant(number - 1))
        case ast.Constant(value=float() as number):
            found += [ast.Constant(number * 2), ast.Constant(number + 1)]
        case ast.Tuple(ctx=ast.Load()) if len(node.elts) >= 2:
            found += _reordered(node, "elts")
        case ast.keyword(arg="axis", value=ast.Tuple(elts=elements)):
            for i in range(len(elements)):
                fewer = ast.Tuple(elements[:i] + elements[i + 1 :], ast.Load())
                found.append(with_fields(node, value=fewer))
        case ast.Call():
            found += _calls(node)
        case ast.Slice():
            found += [
                with_fields(node, **{part: None})
                for part in ("lower", "upper", "step")
                if getattr(node, part) is not None and ast.unparse(getattr(node, part)) != "0"
            ]
        case ast.Attribute(attr="T"):
            found.append(node.value)
        case ast.Attribute(ctx=ast.Load()) if node.attr in _WINDOW:
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
            return [ast.BinOp(left, ast.Add(), right), left, _negated(right)]
        case ast.Mult():
            return [ast.BinOp(left, ast.Div(), right), left, right]
        case ast.Div():
            return [ast.BinOp(left, ast.Mult(), right), left, right]
        case ast.FloorDiv():
            return [_negated(ast.BinOp(_negated(left), ast.FloorDiv(), right)), left]
        case ast.Pow():
            return [ast.BinOp(left, ast.Mult(), right), left]
        case ast.BitAnd():
            return [ast.BinOp(left, ast.BitOr(), right), left, right]
        case ast.BitOr():
            return [ast.BinOp(left, ast.BitAnd(), right), left, right]
        case _:
            return [left]


def _calls(node: ast.Call) -> list[ast.AST]:
    found: list[ast.AST] = []
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    name = node.func.id if isinstance(node.func, ast.Name) else name
    if name in _FUNCTIONS and isinstance(node.func, ast.Attribute):
        found.append(with_fields(node, func=with_fields(node.func, attr=_FUNCTIONS[name])))
    elif name in _FUNCTIONS and name in ("max", "min", "any", "all", "bisect_right"):
        found.append(with_fields(node, func=ast.Name(_FUNCTIONS[name], ast.Load())))
    if name in _UNWRAPPED and len(node.args) == 1:
        found.append(node.args[0])
    if name in _REORDERED:
        found += _reordered(node, "args")
    if name in ("astype", "copy") and isinstance(node.func, ast.Attribute):
        found.append(node.func.value)
    for i, keyword in enumerate(node.keywords):
        # Where a result goes and its type are said by keywords that the others make up for.
        if keyword.arg not in ("out", "dtype", "strict", "writeable"):
            found.append(with_fields(node, keywords=node.keywords[:i] + node.keywords[i + 1 :]))
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
                found.append(with_fields(node, op=opposite[type(node.op)]))
            found.append(ast.Assign([with_fields(node.target, ctx=ast.Store())], node.value))
            return found
        case ast.Assign(targets=[ast.Subscript()]):
            negated = [_negated(node.value)] if _may_be_number(node.value) else []
            return [ast.Pass(), *(with_fields(node, value=value) for value in negated)]
        case ast.Assign(targets=[ast.Tuple(elts=[first, second])]) if not isinstance(
            node.value, ast.Tuple
        ):
            return [with_fields(node, targets=[ast.Tuple([second, first], ast.Store())])]
        case ast.Return(value=ast.Tuple(elts=elements)):
            return [
                ast.Return(
                    ast.Tuple([*elements[:i], _negated(one), *elements[i + 1 :]], ast.Load())
                )
                for i, one in enumerate(elements)
                if not isinstance(one, ast.Starred)
            ]
        case ast.Return(value=ast.BoolOp() | ast.Compare() as condition):
            return [ast.Return(ast.UnaryOp(ast.Not(), condition))]
        case ast.Return(value=ast.expr() as value) if _may_be_number(value):
            return [ast.Return(_negated(value))]
        case ast.Expr(value=ast.Call()) | ast.Continue():
            return [ast.Pass()]
    return []


def _may_be_number(value: ast.expr) -> bool:
    """Whether the opposite of a value is anything but nonsense."""
    match value:
        case ast.Call(func=ast.Name(id=name)):
            return name not in _NO_NUMBER
        case ast.List() | ast.ListComp() | ast.Dict() | ast.DictComp() | ast.JoinedStr():
            return False
        case ast.Constant(value=constant):
            return isinstance(constant, float)
    return True


def _negated(expression: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.USub(), expression)


def _reordered(node: ast.Tuple | ast.Call, field: str) -> list[ast.AST]:
    """Neighbours exchanged."""
    items = getattr(node, field)
    found: list[ast.AST] = []
    for i in range(len(items) - 1):
        swapped = [*items[:i], items[i + 1], items[i], *items[i + 2 :]]
        if ast.dump(items[i]) != ast.dump(items[i + 1]):
            found.append(with_fields(node, **{field: swapped}))
    return found


def with_fields(node: Node, **fields: object) -> Node:
    """A copy of a node with other fields."""
    twin = copy.copy(node)
    for name, value in fields.items():
        setattr(twin, name, value)
    return twin
