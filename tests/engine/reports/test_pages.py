"""The HTML page and the Markdown of made-up runs."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from engine.reports import document, html, markdown
from engine.reports.document import Block, Listing, Paragraph, Table
from engine.reports.gather import Facts, Told
from tests.support.made_up_reports import PNG, made_up, with_results

EVIL = "<script>alert(1)</script> | [x](http://a.b) `c` *d* \x1b[31m\u202egnp"


def pages(*runs: Facts, pictures: tuple[str, ...] = ()) -> tuple[str, str]:
    files = dict.fromkeys(pictures, PNG)
    blocks = document.compose(runs, files)
    return html.page(blocks, files), markdown.page(blocks, "figures")


class Tags(HTMLParser):
    """The tags of a page, and what its pictures are loaded from."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.sources: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def test_names_of_strangers_are_text_in_html_and_in_markdown() -> None:
    run = replace(made_up(), config_text=f"# {EVIL}\n```\nname: x", hints=(Told(EVIL, "", "", ""),))
    page, text = pages(with_results(run, EVIL, "b"))
    assert "script" not in Tags(page).tags
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    for written in (page, text):
        assert "\x1b" not in written
        assert "\u202e" not in written
    (row,) = (line for line in text.splitlines() if line.startswith("| \\<script"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 6, "its bar ends no cell"
    assert r"\[x\](http://a.b) \`c\` \*d\*" in row
    assert f"````yaml\n# {EVIL[:10]}" in text, "the fence is longer than any in the config"


def test_the_page_loads_nothing_and_shows_its_pictures() -> None:
    page, text = pages(made_up(), pictures=("loss.png", "filters-20250101-000000-small-0001.png"))
    (source,) = Tags(page).sources
    assert source.startswith("data:image/png;base64,")
    assert 'width="660"' in page
    assert "default-src 'none'" in page
    assert "@media print" in page
    assert re.findall(r"!\[.*\]\((.*)\)", text) == ["figures/loss.png"]


def test_several_runs_are_compared_with_mean_and_standard_deviation() -> None:
    page, text = pages(made_up(1, acc=0.5), made_up(2, acc=0.7), made_up(3, "train.lr=0.3"))
    assert "0.6000 ± 0.1414" in page
    assert "| small | 1, 2 | 0.6000 ± 0.1414 |" in text
    assert "| train.lr | 0.05 | 0.05 | 0.3 |" in text


def test_runs_that_differ_in_more_than_the_seed_have_no_spread() -> None:
    _, text = pages(made_up(1), made_up(2, "train.lr=0.3"))
    assert "so there is no spread" in text
    assert "Mean ±" not in text


def test_what_is_missing_is_said_and_so_are_hints() -> None:
    run = replace(
        made_up(),
        missing=("No confusion matrix: gone",),
        hints=(Told("overfitting", "loss 1", "Why.", "more images"),),
    )
    page, text = pages(replace(run, metrics=()))
    assert '<p class="note">Note: No confusion matrix: gone</p>' in page
    assert "> Note: No confusion matrix: gone" in text
    assert "Overfitting: loss 1. Why. What to change: more images." in text
    assert "no curve" in text


def test_of_many_classes_the_worst_are_listed() -> None:
    classes = [f"class {number}" for number in range(document.MOST_CLASSES + 5)]
    blocks = document.compose([with_results(made_up(), *classes)], {})
    (table,) = (one for one in blocks if isinstance(one, Table) and one.header[:1] == ("class",))
    assert len(table.rows) == document.MOST_CLASSES


def test_of_a_long_training_some_epochs_are_listed_with_the_best_and_the_last() -> None:
    row = made_up().metrics[0]
    rows = [{**row, "epoch": n, "val_acc": 0.9 if n == 7 else 0.1} for n in range(1, 102)]
    blocks = document.compose([replace(made_up(), metrics=rows)], {})
    (table,) = (one for one in blocks if isinstance(one, Table) and one.header[:1] == ("epoch",))
    epochs = [int(cells[0]) for cells in table.rows]
    assert epochs == sorted({*range(3, 102, 3), 7, 101})


@pytest.mark.parametrize("block", [Paragraph("a & b"), Listing("a & b")], ids=["text", "listing"])
def test_an_ampersand_stays_one(block: Block) -> None:
    page = html.page([*document.compose([made_up()], {}), block], {})
    assert "a &amp; b" in page
