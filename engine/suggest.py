"""'Did you mean': suggestions for misspelt names."""

from collections.abc import Iterable

_LONGEST = 64  # difflib is quadratic


def did_you_mean(word: object, choices: Iterable[str]) -> str | None:
    """Find the choice closest to a misspelt word; None if none is close."""
    if not isinstance(word, str) or len(word) > _LONGEST:
        return None
    import difflib  # only where something is misspelt

    lowered = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(word.lower(), lowered, n=1)
    return lowered[close[0]] if close else None


def suggestion(word: object, choices: Iterable[str]) -> str:
    """End of a message about a misspelt word: `` Did you mean 'x'?``, or empty."""
    close = did_you_mean(word, choices)
    return f" Did you mean '{close}'?" if close else ""
