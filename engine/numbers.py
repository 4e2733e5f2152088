"""Numbers as text: one function for each kind, for commands, messages, files and the app.

Those for people take any float, and write a word for what is not finite; ``exact`` and
``null_for_nan`` are for files.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

MISSING = "–"
_BLOCKS = "▁▂▃▄▅▆▇█"


def metric(value: float | None, digits: int = 4) -> str:
    """Format a loss or an accuracy, with fixed decimals in the usual range.

    ``–`` for None; the very small and the very large have three digits: ``1.23e21``.
    """
    if value is None:
        return MISSING
    if value and math.isfinite(value) and not 10.0 ** (1 - digits) <= abs(value) < 9999.5:
        return significant(value)
    return _word(value) or f"{value + 0.0:.{digits}f}"


def significant(value: float, digits: int = 3) -> str:
    """Format with significant digits: ``0.00126``, ``5e-5``, ``1.5e21``."""
    if not value or not math.isfinite(value):
        return _word(value) or "0"
    if not 1e-4 <= abs(value) < 10.0 ** max(digits, 5):
        return _trimmed(exponent(value, digits - 1))
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return _trimmed(f"{value:.{decimals}f}")


def exponent(value: float, digits: int = 1) -> str:
    """Format in scientific notation, without padding: ``4.7e-9``."""
    if not value or not math.isfinite(value):
        return _word(value) or "0"
    mantissa, power = f"{value + 0.0:.{digits}e}".split("e")
    return f"{mantissa}e{int(power)}"


def short(value: float) -> str:
    """Format in at most six characters: ``-0.003``, ``12.35``, ``-4e-5``, ``1.2e21``."""
    if not math.isfinite(value):
        return _word(value)
    size = abs(value)
    if size < 1e-99:
        return "0"
    for limit, decimals in ((9.9995, 3), (99.995, 2), (999.95, 1), (99999.5, 0)):
        if 5e-4 <= size < limit:
            return f"{value:.{decimals}f}"
    found = _trimmed(exponent(value, 1))
    return found if len(found) <= 6 else exponent(value, 0)


def sparkline(shares: Iterable[float]) -> str:
    """Draw shares from 0 to 1 as blocks, one a character, with a gap for NaN: ``▁▃▇█``."""
    return "".join(" " if math.isnan(share) else _BLOCKS[round(share * 7)] for share in shares)


def percent(share: float, digits: int = 2) -> str:
    """Format a fraction in percent, with significant digits: ``0.12%``, ``35%``, ``4e-5%``."""
    if not math.isfinite(share):
        return _word(share)
    return f"{significant(100 * share, digits)}%"


def count(number: float) -> str:
    """Format a count: 61,706 stays, 11,173,962 is ``11.2 M``."""
    if abs(number) >= 999_999.5 and math.isfinite(number):
        return _scaled(number, 1000.0, "MGT", 1e6)
    return _word(number) or f"{number:,.0f}"


def size(number: float) -> str:
    """Format a size in bytes: ``11.2 MB``."""
    if not number >= 1 << 10 or not math.isfinite(number):
        return (_word(number) or f"{number:.0f}") + " B"
    return _scaled(number, 1024.0, "KMGT", 1024.0) + "B"


def duration(seconds: float) -> str:
    """Format a duration in seconds: ``0.4 s``, ``12 s``, ``3:05``, ``1:02:03``; else ``–``."""
    if not math.isfinite(seconds) or seconds < 0:
        return MISSING
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 100:
        return f"{significant(seconds / 86400)} days"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def exact(value: float | None) -> str:
    """Format so that the same float reads back; empty for None, NaN and infinity."""
    number = math.nan if value is None else float(value)
    return repr(number) if math.isfinite(number) else ""


def null_for_nan(value: Any) -> Any:
    """Convert a value for JSON: None for NaN and infinity, plain numbers for NumPy's."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {key: null_for_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [null_for_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _word(value: float) -> str:
    """Word for a number that is not finite; empty for any other."""
    if math.isfinite(value):
        return ""
    return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")


def _trimmed(text: str) -> str:
    """Strip trailing zeros behind the point."""
    mantissa, mark, power = text.partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return mantissa + mark + power


def _scaled(number: float, step: float, units: str, first: float) -> str:
    """Format in the largest unit that keeps it above 1; ``first`` is the size of the first."""
    scaled, place = number / first, 0
    while abs(scaled) >= step * 0.9995 and place + 1 < len(units):
        scaled, place = scaled / step, place + 1
    return f"{significant(scaled)} {units[place]}"
