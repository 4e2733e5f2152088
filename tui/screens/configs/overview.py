"""The overview of a config: data, network, training, time, memory, layer by layer."""

import textwrap

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.config import Advice, Config
from engine.layers import LAYERS, shape_text
from tui import text
from tui.screens.configs.layer_table import layer_table
from tui.screens.configs.summary import Meaning, augment_words, introduction, training_words
from tui.state.document import ConfigDocument

_LABEL = 10


class Overview(VerticalScroll):
    """The overview of a document, or its errors; ``show`` follows it."""

    HELP_TEXT = (
        "What the config amounts to. In the table, multiply-adds and memory are for one sample. "
        "The time of an epoch is measured on a few batches of noise, so it is approximate."
    )

    def __init__(self, *, id: str | None = None, classes: str = "pane") -> None:
        super().__init__(id=id, classes=classes)
        self._shown: object = None
        self._last: tuple[ConfigDocument, float | None] | None = None
        self._meaning: tuple[object, Meaning] | None = None

    def compose(self) -> ComposeResult:
        yield Static(markup=False, id="overview-text")

    def show(self, document: ConfigDocument, epoch_seconds: float | None) -> None:
        """Draw, if anything changed."""
        self._last = document, epoch_seconds
        width = self.scrollable_content_region.width
        key = (id(document), document.version, epoch_seconds, width)
        if key == self._shown or width < 10:
            return
        if self._shown is None or key[:1] != self._shown[:1]:  # type: ignore[index]
            self.scroll_home(animate=False)
        self._shown = key
        self.border_title = Content.assemble(
            text.line(document.name), (" ● not saved" if document.dirty else "", "$accent")
        )
        if document.config is None:
            content = problem_list(document, width)
        else:
            meaning = self._understood(document, document.config)
            content = _meaning(document, document.config, meaning, epoch_seconds, width)
        self.query_one("#overview-text", Static).update(content)

    def on_resize(self) -> None:
        if self._last is not None:
            self.show(*self._last)

    def _understood(self, document: ConfigDocument, config: Config) -> Meaning:
        key = (id(document), document.version)
        if self._meaning is None or self._meaning[0] != key:
            self._meaning = key, Meaning.of(config)
        return self._meaning[1]


def problem_list(document: ConfigDocument, width: int) -> Content:
    """All errors with line and column."""
    problems = document.problems
    count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
    lines = [Content.styled(f"✗ {count}: this config cannot be run", "bold $error")]
    for problem in problems:
        place = f"{problem.line}:{problem.column}" if problem.line is not None else "file"
        key = text.line(problem.path)
        words = f"{key}  {text.line(problem.message)}" if key else text.line(problem.message)
        for i, line in enumerate(textwrap.wrap(words, max(width - 9, 10))):
            found = Content.assemble((f"{place if i == 0 else '':>7}  ", "$accent"), line)
            bold = len(key) if i == 0 else 0
            lines.append(found.stylize("bold", 9, 9 + bold))
    lines.append(Content.styled("\n→ e edits it; errors are shown as you type", "$muted"))
    return Content("\n").join(lines)


def _meaning(
    document: ConfigDocument,
    config: Config,
    meaning: Meaning,
    epoch_seconds: float | None,
    width: int,
) -> Content:
    info = config.dataset_info
    data = meaning.data
    summary, augment = meaning.summary, augment_words(config)
    share = f"{meaning.train:,} train + {meaning.validation:,} validation"
    symbol, style = ("✓", "$success") if data.here else ("↓", "$warning")
    facts = [
        ("data", f"{info.title}, {shape_text(info.image_shape)}, {len(info.classes)} classes", ""),
        ("", share + (f", {augment}" if augment else ""), ""),
        ("", f"{symbol} {data.words}", style),
        (
            "network",
            f"{config.model or 'custom layers'}, {text.count(summary.parameters)} parameters, "
            f"{text.count(summary.multiply_adds)} mult-adds",
            "",
        ),
        ("training", training_words(config), ""),
        ("time", time_words(config, epoch_seconds), ""),
        ("memory", f"about {text.size(meaning.memory)}", ""),
    ]
    words = introduction(document.text)
    lines = [Content(words), Content("")] if words else []
    lines += [line for fact in facts for line in _fact(*fact, width=width)]
    if document.advice:
        lines.append(Content(""))
    for advice in document.advice:
        lines.append(advice_line(advice))
    lines += [Content(""), layer_table(summary, width), Content("")]
    for kind in dict.fromkeys(row.kind for row in summary.rows):
        if kind in LAYERS:
            about = "\n".join(textwrap.wrap(f"{kind} {LAYERS[kind].about}.", max(width, 10)))
            lines.append(Content.styled(about, "$muted").stylize("bold", 0, len(kind)))
    return Content("\n").join(lines)


def advice_line(advice: Advice) -> Content:
    """A likely mistake in a config, or something to know about it, in a line."""
    symbol, style = ("! ", "$warning") if advice.level == "warning" else ("i ", "$muted")
    return Content.assemble(
        (symbol, f"bold {style}"),
        (f"{text.line(advice.key)}  ", "bold"),
        (text.line(advice.message, 300), style),
    )


def time_words(config: Config, epoch_seconds: float | None) -> str:
    """``about 0.9 s an epoch, 11 s in all``."""
    if epoch_seconds is None:
        return "measuring ..."
    total = total_words(config, epoch_seconds)
    if not total:
        return "unknown"
    return f"about {text.duration(epoch_seconds)} an epoch, {total.removeprefix('about ')} in all"


def total_words(config: Config, epoch_seconds: float | None) -> str:
    """``about 11 s``; empty if it is not known."""
    if epoch_seconds is None or epoch_seconds != epoch_seconds:
        return ""
    return f"about {text.duration(epoch_seconds * config.train.epochs)}"


def _fact(label: str, words: str, style: str, *, width: int) -> list[Content]:
    """A label and what it says, wrapped beside it."""
    lines = textwrap.wrap(words, max(width - _LABEL, 10)) or [""]
    return [
        Content.assemble((f"{label if i == 0 else '':<{_LABEL}}", "$muted"), (line, style))
        for i, line in enumerate(lines)
    ]
