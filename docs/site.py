"""Hooks of MkDocs: the pages beside ``docs``, the reference, and links that leave the site.

``mkdocs build`` reads ``docs`` as it stands in the repository. README, changelog and so on become
pages of their own, and the reference has a page for each registry, from the docstrings.
"""

import posixpath
import re
from collections.abc import Sequence
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]

BESIDE = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "security.md": "SECURITY.md",
}
"""Pages of the site whose text stands beside ``docs``."""

_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
_ANSWER = re.compile(r"^(- \[[ x]\] .*)$", re.M)
_FENCE = re.compile(r"(^ *```.*?^ *```)", re.M | re.S)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not files in ``docs``."""
    made = {page: (ROOT / source).read_text(encoding="utf-8") for page, source in BESIDE.items()}
    for page, text in {**made, **reference()}.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links between pages of the repository lead to pages of the site, or to the repository."""
    here = page.file.src_uri
    source = BESIDE.get(here, f"docs/{here}")
    # What follows the language is for the app: ``yaml run`` is a config that a lesson trains.
    parts = _FENCE.split(re.sub(r"^(```\w+) .+$", r"\1", markdown, flags=re.M))
    for i in range(0, len(parts), 2):
        parts[i] = _LINK.sub(
            lambda link: link[1] + _target(link[2], source, here, str(config.repo_url)) + link[3],
            parts[i],
        )
    text = "".join(parts)
    # An answer of a lesson, and on the lines below it what the app says of it.
    return _ANSWER.sub(r"\1  ", text) if here.startswith("lessons/") else text


def _target(link: str, source: str, here: str, repository: str) -> str:
    """Where a link of a page leads.

    Args:
        link: as it stands in the repository.
        source: the file of the page there.
        here: the page in the site.
        repository: its address, for what is no page.
    """
    path, _, anchor = link.partition("#")
    if "://" in link or not path:
        return link
    meant = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    pages = {file: page for page, file in BESIDE.items()}
    if meant in pages or (meant.startswith("docs/") and not meant.endswith(".py")):
        page = pages.get(meant, meant.removeprefix("docs/"))
        link = posixpath.relpath(page, posixpath.dirname(here) or ".")
    else:
        kind = "tree" if (ROOT / meant).is_dir() else "blob"
        link = f"{repository.rstrip('/')}/{kind}/main/{meant}"
    return f"{link}#{anchor}" if anchor else link


# -- the reference ---------------------------------------------------------------------------------


def reference() -> dict[str, str]:
    """The pages of the reference: what is registered, and what ``from engine import`` finds."""
    from engine.api import CNNClassifier, History, SavedRun, Sequential
    from engine.callbacks import CALLBACKS
    from engine.callbacks.callback import Callback, Run
    from engine.layers import LAYERS, Layer
    from engine.losses import LOSSES, Loss
    from engine.optim import OPTIMIZERS, Optimizer
    from engine.schedulers import SCHEDULERS, Scheduler

    run = "::: engine.runs.load\n    options:\n      show_root_full_path: true"
    python = _page(
        "Networks, training and runs",
        "`from engine import Sequential, CNNClassifier, runs` and every layer by its name: "
        "[From Python](../python.md) shows them at work.",
        (Sequential, History, CNNClassifier),
    )
    return {
        "reference/python.md": f"{python}\n{run}\n\n::: {_name(SavedRun)}\n",
        "reference/layers.md": _page(
            "Layers",
            "Every layer, by its name in configs. `from engine import` gives the same names, with "
            "sizes that follow from the images; those of `engine.layers` are told all sizes. A "
            "`backward` stands below its `forward`, with the derivation.",
            (Layer, *LAYERS.values()),
        ),
        "reference/losses.md": _page(
            "Losses", "`train.loss` in configs.", (Loss, *LOSSES.values())
        ),
        "reference/optimizers.md": _page(
            "Optimizers", "`train.optimizer` in configs.", (Optimizer, *OPTIMIZERS.values())
        ),
        "reference/schedulers.md": _page(
            "Schedules of the learning rate",
            "`train.scheduler` in configs.",
            (Scheduler, *SCHEDULERS.values()),
        ),
        "reference/callbacks.md": _page(
            "Callbacks",
            "`callbacks` in configs, and of `fit` from Python.",
            (Callback, *CALLBACKS.values(), Run),
        ),
    }


def _page(title: str, about: str, classes: Sequence[type]) -> str:
    """A page with the docstrings of some classes."""
    listed = (f"::: {name}" for name in dict.fromkeys(map(_name, classes)))
    return "\n\n".join([f"# {title}", about, *listed]) + "\n"


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
