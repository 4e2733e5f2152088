"""README, docs/app.md and docs/keys.md show the app as it is, and every link leads somewhere."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from docs import keys, screenshots
from docs.svg import portable
from engine import __version__
from engine.services import published
from tests.support.small_runs import make_config, train
from tui.keymap import KEYS

ROOT = Path(__file__).parents[2]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_keys_is_the_apps() -> None:
    page = keys.PAGE.read_text(encoding="utf-8")
    assert keys.written(page) == page, "run: python -m docs.keys"
    assert all(f"| {key.description} |" in page for key in KEYS)


def test_a_page_without_the_marks_is_not_written() -> None:
    with pytest.raises(SystemExit, match="expected <!-- keys -->"):
        keys.written("# cnn-tui\n")


def test_every_picture_is_there_and_shown() -> None:
    tour = (ROOT / "docs" / "app.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"\(screenshots/(\w+)\.svg\)", tour))
    taken = {path.stem for path in screenshots.TARGET.glob("*.svg")}
    assert shown == taken == {take.__name__.strip("_") for take in screenshots.PICTURES}
    assert "(docs/screenshots/train.svg)" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in _anchors(linked), target


def test_every_extra_is_in_the_page_about_installing() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", page, re.M)
    assert sorted(listed) == sorted(project["optional-dependencies"])
    assert f"cnn_tui-{__version__}-py3-none-any.whl" in page


def _anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def python_of(page: str) -> list[str]:
    """The examples of a page, in its order."""
    return re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)


def test_the_ten_lines_of_the_readme_train_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _ = python_of(README)
    assert len([line for line in code.splitlines() if line]) == 10
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["result"]["acc"] > 0.85


def test_the_layer_of_the_readme_runs() -> None:
    names: dict[str, Any] = {}
    exec(compile(python_of(README)[1], "README.md", "exec"), names)
    assert names["y"].shape == (8, 16, 32, 32)
    assert names["dx"].shape == (8, 3, 32, 32)


def test_the_page_about_python_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    monkeypatch.chdir(tmp_path)
    run = train(make_config(tmp_path)).path
    names: dict[str, Any] = {}
    for code in python_of((ROOT / "docs" / "python.md").read_text(encoding="utf-8")):
        code = re.sub(r'"runs/[\w-]+"', repr(str(run)), code)
        exec(compile(code, "docs/python.md", "exec"), names)
    assert names["search"].best_params_ == {"lr": 0.01}
    assert names["run"].config.train.lr == 0.02


TEXT = '<text class="r1" x="24.4" y="67.3" textLength="48.8" clip-path="url(#l)">{}</text>'


def test_dots_and_blocks_are_drawn() -> None:
    # The top dot of the left column, in the second cell of the third line.
    assert portable(TEXT.format("&#160;⠁")) == '<path class="r1" d="M38.4 50.5h3v3h-3z"/>\n'
    block = portable(TEXT.format("▀▀"))
    assert block == '<path class="r1" d="M24.4 48.8h24.6v12.2h-24.6z"/>\n'


def test_words_stay_words_beside_what_is_drawn() -> None:
    assert portable(TEXT.format("a&lt;b")) == TEXT.format("a&lt;b") + "\n"
    mixed = portable(TEXT.format("⠁★▄&lt;"))
    assert mixed.startswith("<path ")
    assert mixed.endswith(TEXT.format("\xa0★\xa0&lt;") + "\n")
    assert "path" not in portable(TEXT.format("⠀⠀"))


def test_no_picture_needs_the_network() -> None:
    for path in screenshots.TARGET.glob("*.svg"):
        svg = path.read_text(encoding="utf-8")
        assert "@font-face" not in svg
        assert not re.search(r"(href|src)=|url\(['\"]?http", svg)
        assert len(svg) < 300_000, path.name


def test_the_published_hashes_are_those_that_are_compared() -> None:
    page = (ROOT / "docs" / "reproducibility.md").read_text()
    assert f"NumPy {published.NUMPY} |" in page
    for one in published.PUBLISHED:
        for epochs, digest in one.hashes.items():
            assert f"| `{one.config}` | {epochs} | `{digest}` |" in page


def test_every_page_is_in_the_menu_of_the_site() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if not re.search(rf": {re.escape(page)}$", menu, re.M)] == []
