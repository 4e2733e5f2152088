"""Numbers of every size: short enough, and what one reads is what there is."""

import ast
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine import numbers
from engine.numbers import exact, null_for_nan

ROOT = Path(__file__).parents[2]

FORMATS: dict[str, tuple[Callable[[float], str], int, float, float]] = {
    # how, characters at most, largest relative and absolute error of what is read
    "metric": (numbers.metric, 10, 0.005, 5.1e-5),
    "metric of three decimals": (lambda v: numbers.metric(v, 3), 10, 0.005, 5.1e-4),
    "significant": (numbers.significant, 10, 0.0051, 0.0),
    "significant, two digits": (lambda v: numbers.significant(v, 2), 9, 0.051, 0.0),
    "exponent": (numbers.exponent, 9, 0.051, 0.0),
    "exponent, two digits": (lambda v: numbers.exponent(v, 2), 10, 0.0051, 0.0),
    "short": (numbers.short, 6, 0.51, 5.1e-4),
}
MAGNITUDES = [
    sign * mantissa * 10.0**power
    for power in (*range(-30, 31), -300, -99, -100, 99, 100, 300)
    for mantissa in (1.0, 3.0, 9.4999, 9.995, 9.99951)
    for sign in (1, -1)
]


def _sweep(name: str, value: float) -> None:
    write, most, relative, absolute = FORMATS[name]
    words = write(value)
    assert len(words) <= most, (value, words)
    assert not re.search(r"e\+|e-?0\d|e-0|^-0(\.0*)?$", words), (value, words)
    allowed = max(relative * abs(value), absolute, 1e-99 if name == "short" else 0.0)
    assert abs(float(words) - value) <= allowed * (1 + 1e-9), (value, words)


@pytest.mark.parametrize("name", FORMATS)
def test_every_magnitude_can_be_read(name: str) -> None:
    for value in MAGNITUDES:
        _sweep(name, value)


@pytest.mark.parametrize("name", FORMATS)
@given(value=st.floats(-1e300, 1e300, allow_subnormal=False))
@example(value=0.0)
@example(value=-0.0)
@example(value=-0.003)
@example(value=1e21)
def test_every_number_can_be_read(name: str, value: float) -> None:
    _sweep(name, value)


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_no_number_is_a_word(name: str) -> None:
    write = FORMATS[name][0]
    assert [write(value) for value in (math.nan, math.inf, -math.inf)] == ["nan", "inf", "-inf"]


@given(st.floats(-1e300, 1e300, allow_subnormal=False))
def test_amounts_sizes_times_and_shares_are_short(value: float) -> None:
    assert len(numbers.count(value)) <= 12
    assert len(numbers.size(abs(value))) <= 12
    assert len(numbers.duration(value)) <= 14
    assert len(numbers.percent(value)) <= 11


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (numbers.short(-0.003), "-0.003"),
        (numbers.short(-4.4e-5), "-4e-5"),
        (numbers.short(12.345), "12.35"),
        (numbers.metric(1e21), "1e21"),
        (numbers.metric(0.98765), "0.9877"),
        (numbers.metric(0.0), "0.0000"),
        (numbers.metric(None), "–"),
        (numbers.significant(0.003), "0.003"),
        (numbers.significant(5e-5), "5e-5"),
        (numbers.exponent(4.7e-9), "4.7e-9"),
        (numbers.percent(0.0012), "0.12%"),
        (numbers.percent(0.35), "35%"),
        (numbers.count(61706), "61,706"),
        (numbers.count(11_173_962), "11.2 M"),
        (numbers.size(11_173_962), "10.7 MB"),
        (numbers.size(1023), "1023 B"),
        (numbers.duration(15.634231507999614), "16 s"),
        (numbers.duration(9.97), "10 s"),
        (numbers.duration(59.8), "1:00"),
        (numbers.duration(math.nan), "–"),
    ],
)
def test_numbers_as_they_are_expected(words: str, expected: str) -> None:
    assert words == expected


def _writers() -> list[Path]:
    """The files that write numbers for people; the benchmark's tables are its own."""
    found = [*(ROOT / "tui").rglob("*.py"), *(ROOT / "engine" / "commands").glob("*.py")]
    return sorted(path for path in found if path.name != "bench.py")


@pytest.mark.parametrize("path", _writers(), ids=lambda path: str(path.relative_to(ROOT)))
def test_numbers_are_written_in_one_place(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            spec = ast.unparse(node.format_spec).strip("f'\"")
            assert not re.search(r"(?<!,)\.?\d*[eg]$|\.[1-9]\d*f$", spec), (
                f"line {node.lineno}: {spec} instead of a function of engine/numbers.py"
            )


def test_what_is_not_finite_is_null_in_json_and_numpy_is_plain() -> None:
    value = {
        "loss": math.nan,
        "list": [math.inf, 1, True, None],
        "scalar": np.float32(0.5),
        "array": np.array([[1, 2]]),
        "nan": np.array([np.nan]),
        "tuple": ("x",),
        "path": Path("a/b"),
    }
    assert null_for_nan(value) == {
        "loss": None,
        "list": [None, 1, True, None],
        "scalar": 0.5,
        "array": [[1, 2]],
        "nan": [None],
        "tuple": ["x"],
        "path": Path("a/b"),
    }


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_an_exact_number_reads_back_as_the_same_float(value: float) -> None:
    assert float(exact(value)) == value


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_no_number_is_an_empty_field(value: float | None) -> None:
    assert exact(value) == ""
