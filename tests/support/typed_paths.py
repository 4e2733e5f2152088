"""What people type where a path is wanted, and a folder to type it in."""

import os
from pathlib import Path

LONG = "n" * 300
SUFFIXES = ("", ".yaml", ".svg")
"""Nothing, and what dialogs add to a name."""

TYPED = {
    "nothing": "",
    "a blank": " ",
    "root": "/",
    "this folder": ".",
    "the folder above": "..",
    "a folder, marked": "folder/",
    "a folder": "folder",
    "its own folder": "folder/..",
    "home": "~",
    "another's home": "~root",
    "nobody's home": "~nosuchuser/x",
    "a long name": LONG,
    "a long name in a folder": f"new/{LONG}/x",
    "a file in a locked folder": "locked/x",
    "a locked folder": "locked",
    "a folder in a locked one": "locked/x/y",
    "a pipe": "pipe",
    "a device": "device",
    "a circle of links": "circle",
    "a folder in a file": "file/x",
    "bytes that are no text": os.fsdecode(b"\xff\xfe"),
    "half a character": "\ud800",
    "a null byte": "a\0b",
    "two lines": "a\nb",
    "an escape sequence": "a\x1b[2Jb",
    "braces": "{x}",
}


def litter(folder: Path) -> None:
    """Put there what the texts talk of; ``locked`` can be neither read nor entered."""
    (folder / "file").write_text("mine")
    (folder / "locked" / "x").mkdir(parents=True)
    (folder / "locked").chmod(0)
    for suffix in SUFFIXES:
        (folder / f"folder{suffix}").mkdir()
        (folder / f"circle{suffix}").symlink_to(f"circle{suffix}")
        (folder / f"device{suffix}").symlink_to(os.devnull)
        os.mkfifo(folder / f"pipe{suffix}")
        if suffix:
            (folder / f"locked{suffix}").mkdir()


def unlock(folder: Path) -> None:
    """Let the folder be removed."""
    (folder / "locked").chmod(0o700)
