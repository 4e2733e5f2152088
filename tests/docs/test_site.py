"""The site: links between files of the repository, and the pages of the reference."""

import pytest

from engine.callbacks import CALLBACKS
from engine.layers import LAYERS
from engine.losses import LOSSES
from engine.optim import OPTIMIZERS
from engine.schedulers import SCHEDULERS

pytest.importorskip("mkdocs", reason="mkdocs is not installed")

from docs import site

REPOSITORY = "https://example.com/us/project"
LINKS = {
    "a page beside it": ("keys.md", "docs/app.md", "app.md", "keys.md"),
    "an anchor of its own": ("#runs", "docs/app.md", "app.md", "#runs"),
    "a page above": ("../keys.md#all", "docs/lessons/1.md", "lessons/1.md", "../keys.md#all"),
    "from the readme": ("docs/app.md", "README.md", "index.md", "app.md"),
    "a picture": ("docs/screenshots/a.svg", "README.md", "index.md", "screenshots/a.svg"),
    "to a page beside docs": (
        "../CONTRIBUTING.md#style",
        "docs/architecture.md",
        "architecture.md",
        "contributing.md#style",
    ),
    "to the readme": ("../README.md", "docs/app.md", "app.md", "index.md"),
    "a file": ("../tui/app.py", "docs/a.md", "a.md", f"{REPOSITORY}/blob/main/tui/app.py"),
    "a folder": ("configs", "README.md", "index.md", f"{REPOSITORY}/tree/main/configs"),
    "elsewhere": ("https://x.org/a.md", "README.md", "index.md", "https://x.org/a.md"),
}


@pytest.mark.parametrize("case", LINKS)
def test_a_link_of_the_repository_is_one_of_the_site(case: str) -> None:
    link, source, here, expected = LINKS[case]
    assert site._target(link, source, here, REPOSITORY) == expected


@pytest.mark.parametrize(
    ("page", "registry"),
    [
        ("layers", LAYERS),
        ("losses", LOSSES),
        ("optimizers", OPTIMIZERS),
        ("schedulers", SCHEDULERS),
        ("callbacks", CALLBACKS),
    ],
)
def test_everything_that_is_registered_is_in_the_reference(
    page: str, registry: dict[str, type]
) -> None:
    text = site.reference()[f"reference/{page}.md"]
    for cls in registry.values():
        assert f"::: {cls.__module__}.{cls.__name__}\n" in f"{text}\n"
