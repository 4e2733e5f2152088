"""Writes the names and arguments of layers for editors: ``python -m docs.stubs``."""

import inspect
import json
import typing
from collections.abc import Iterable
from pathlib import Path
from types import NoneType, UnionType
from typing import Any

from engine.api import layers
from engine.layers import LAYERS

PAGE = Path(layers.__file__).with_suffix(".pyi")

_HEAD = '''"""The layers of ``engine``, for editors; ``python -m docs.stubs`` writes this file."""

import collections.abc
from typing import Any, Literal

from engine.api.specs import LayerSpec

# A layer that is registered elsewhere.
def __getattr__(name: str) -> type[LayerSpec]: ...
'''


def written(names: Iterable[str]) -> str:
    """The stub of ``engine.api.layers``, with some of the layers."""
    return _HEAD + "".join(map(_stub, sorted(names)))


def _stub(name: str) -> str:
    described = getattr(layers, name)
    signature = described.__signature__
    lines, named = [], False
    for one in signature.parameters.values():
        if one.kind is one.KEYWORD_ONLY and not named:
            lines.append("        *,\n")
            named = True
        lines.append(f"        {_argument(one)},\n")
    arguments = f"\n        self,\n{''.join(lines)}    " if lines else "self"
    summary = str(described.__doc__).split("\n")[0]
    return (
        f'\nclass {name}(LayerSpec):\n    """{summary}"""\n\n'
        f"    def __init__({arguments}) -> None: ...\n"
    )


def _argument(parameter: inspect.Parameter) -> str:
    default = parameter.default
    shown = json.dumps(default) if isinstance(default, str) else repr(default)
    given = "" if default is parameter.empty else f" = {shown}"
    return f"{parameter.name}: {_type(parameter.annotation)}{given}"


def _type(annotation: Any) -> str:
    """A type as it is written: ``int | None``."""
    if typing.get_origin(annotation) in (typing.Union, UnionType):
        return " | ".join(map(_type, typing.get_args(annotation)))
    if annotation is NoneType:
        return "None"
    return inspect.formatannotation(annotation).replace("typing.", "").replace("'", '"')


if __name__ == "__main__":
    PAGE.write_text(written(LAYERS), encoding="utf-8")
