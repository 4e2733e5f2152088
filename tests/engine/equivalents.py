"""Changes to the source that change no result, each with the reason: no test can notice them.

A line is a pattern for ``function: before → after``. It excuses a mutant only if that also
computes the same as the original on every row of the conformance table; and a line that excuses
none fails the test, so that the list cannot outgrow the code.
"""

EQUIVALENT: dict[str, str] = {}


def reason_of(change: str) -> tuple[str, str] | None:
    """The pattern that a change matches, with its reason."""
    for pattern, reason in EQUIVALENT.items():
        head, star, tail = pattern.partition("*")
        fits = change.startswith(head) and change.endswith(tail) if star else change == pattern
        if fits:
            return pattern, reason
    return None
