"""Files that ship with the project: configs and the bundled data set."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(*parts: str) -> Path:
    """Path of a file that ships with the project; its existence is not checked.

    A wheel carries those files inside the package, in ``engine/_shipped``; a checkout has them
    at its root.

    Args:
        parts: the path as in the repository, e.g. ``shipped("configs")`` or
            ``shipped("data", "mnist_mini")``.
    """
    packed = _PACKAGE / "_shipped"
    return (packed if packed.is_dir() else _PACKAGE.parent).joinpath(*parts)
