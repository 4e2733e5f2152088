"""Line ends of a file that is edited: the text has plain ones, the file keeps its own.

A file may have several kinds of them, and a byte order mark. Lines that are not changed keep
theirs; a new line gets that of the line above it.
"""

import difflib

MARK = "\ufeff"
"""A byte order mark, which some editors put before a text."""


def plain(raw: str) -> str:
    r"""The text of a file, every line ended by ``\n``, without a byte order mark."""
    lines = raw.removeprefix(MARK).splitlines(keepends=True)
    return "".join(line if _end(line) in ("", "\n") else f"{_bare(line)}\n" for line in lines)


def restored(text: str, raw: str) -> str:
    """A changed text as it is to be written to a file.

    Args:
        text: with plain line ends.
        raw: what was in the file before.
    """
    mark = MARK if raw.startswith(MARK) else ""
    old = raw.removeprefix(MARK).splitlines(keepends=True)
    ends = [_end(line) for line in old]
    if set(ends) <= {"", "\n"}:
        return mark + text
    usual = max(set(ends) - {""}, key=ends.count)
    lines = text.split("\n")
    kept: dict[int, str] = {}
    matcher = difflib.SequenceMatcher(None, [_bare(line) for line in old], lines, autojunk=False)
    for start, begin, count in matcher.get_matching_blocks():
        kept |= {begin + i: ends[start + i] for i in range(count)}
    written, end = [mark], usual
    for number, line in enumerate(lines[:-1]):
        end = kept.get(number) or end
        written += [line, end]
    result = "".join([*written, lines[-1]])
    # A \r that came to stand before a \n would be one end with it.
    return result if plain(result) == text else mark + text.replace("\n", usual)


def _bare(line: str) -> str:
    return line[: len(line) - len(_end(line))]


def _end(line: str) -> str:
    """The end of a line of ``splitlines``; empty at the end of a file."""
    bare = line.splitlines()[0] if line else ""
    return line[len(bare) :]
