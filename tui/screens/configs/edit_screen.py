"""The editor: a config as a form and as YAML; each follows the other."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.config import Advice, Mark, Problem, locate
from tui import keymap, text
from tui.screens.base import BaseScreen
from tui.screens.configs.form import Form
from tui.screens.configs.overview import advice_line, total_words
from tui.screens.configs.saving import Saving
from tui.screens.configs.summary import training_words
from tui.screens.configs.yaml_editor import YamlEditor
from tui.state.document import ConfigDocument


class Problems(OptionList):
    """The errors; enter goes to one."""

    HELP_TEXT = "The errors, with line and column. enter jumps to one."


class EditScreen(Saving, BaseScreen):
    """Form and YAML side by side, or one at a time where it is narrow."""

    WHERE = "edit"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "edit_screen.tcss"
    HELP_TEXT: ClassVar[str] = (
        "Edit a config. Form and YAML are two views of one text: what you change in one, the "
        "other follows, and comments stay. Nothing is written before you save."
    )

    def __init__(self, document: ConfigDocument) -> None:
        super().__init__(classes="-form")
        self._document = document
        self._seen = -1

    @property
    def document(self) -> ConfigDocument:
        """The edited config."""
        return self._document

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="panes"):
            yield Form(self._document, id="form")
            yield YamlEditor(self._document, id="editor")
        yield Static(id="row-help", markup=False)
        yield Problems(id="problems")
        yield Static(id="fine", markup=False)

    def on_mount(self) -> None:
        self._document.followers.append(self._follow)
        if self._document.readable:
            self.query_one(Form).focus()
        else:
            self._show(yaml=True)

    def on_unmount(self) -> None:
        self._document.followers.remove(self._follow)

    # -- following ------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Let both views show the document, before anything else can be typed into one."""
        form = self.query_one(Form)
        if form.field.has_focus and not self._document.readable:
            self._show(yaml=True)  # the form has nothing to edit then
        form.follow()
        self.query_one(YamlEditor).follow()
        self.refresh_tick()

    def tick(self) -> None:
        document = self._document
        seconds = None
        if document.config is not None:
            seconds = self.cnn.speed.epoch_seconds(document.config)
        if document.version != self._seen:
            self._seen = document.version
            editor = self.query_one(YamlEditor)
            editor.mark(document.problems)
            self._list_problems(document.problems, document.advice)
            self.refresh_bindings()
            title = Content.assemble("yaml", (" ● not saved" if document.dirty else "", "$accent"))
            editor.border_title = title
            self.query_one(Form).border_title = Content.assemble(text.line(document.name))
        self._show_fine(seconds)

    def _show_fine(self, seconds: float | None) -> None:
        config = self._document.config
        if config is None:
            return
        about = total_words(config, seconds)
        words = ", ".join(part for part in (training_words(config), about) if part)
        line = Content.assemble(("✓ ready to run", "bold $success"), (f"  {words}", "$muted"))
        fine = self.query_one("#fine", Static)
        if line != getattr(self, "_fine", None):
            self._fine = line
            fine.update(line, layout=False)

    def _list_problems(self, problems: list[Problem], advice: list[Advice]) -> None:
        box = self.query_one(Problems)
        box.set_class(bool(problems or advice), "-shown")
        self.set_class(bool(problems), "-wrong")
        box.clear_options()
        for problem in problems:
            place = f"{problem.line}:{problem.column}" if problem.line is not None else "file"
            box.add_option(
                Option(
                    Content.assemble(
                        (f"✗ {place:>6}  ", "bold $error"),
                        (f"{text.line(problem.path)}  " if problem.path else "", "bold"),
                        text.line(problem.message),
                    )
                )
            )
        box.add_options([Option(advice_line(found)) for found in advice])

    @on(Form.Pointed)
    def _pointed(self, event: Form.Pointed) -> None:
        self.query_one("#row-help", Static).update(Content(text.line(event.help)), layout=False)

    @on(OptionList.OptionSelected)
    def _to_problem(self, event: OptionList.OptionSelected) -> None:
        document, index = self._document, event.option_index
        if index < len(document.problems):
            self._go_to(document.problems[index])
            return
        found = document.advice[index - len(document.problems)]
        line, column = locate(document.text, found.path)
        self._go_to(Problem(found.path, found.message, Mark(0, line, column, document.name)))

    def _go_to(self, problem: Problem) -> None:
        self._show(yaml=True)
        self.query_one(YamlEditor).go_to(problem)

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        document = self._document
        if action == "save" and not document.dirty:
            return "there is nothing to save"
        if action == "next_problem" and not document.problems:
            return "there are no errors"
        if action == "run":
            if document.config is None:
                return "the config has errors; ^g goes to the next"
            if self.cnn.training.running:
                return "a training is running; esc, then 2 shows it"
        return None

    def action_leave(self) -> None:
        """Back to the configs; the changes stay in memory."""
        self.dismiss()

    def action_switch(self) -> None:
        """Between form and YAML."""
        self._show(yaml=not self.query_one(YamlEditor).has_focus and self.has_class("-form"))

    def _show(self, yaml: bool) -> None:
        """Go to the YAML, or to the form, before the next key."""
        self.set_class(yaml, "-yaml")
        self.set_class(not yaml, "-form")
        if yaml:
            self.set_focus(self.query_one(YamlEditor))
            self.query_one("#row-help", Static).update("")
        else:
            self.query_one(Form).focus()

    def action_undo(self) -> None:
        """Undo."""
        if not self._document.undo():
            self.cnn.show_message("there is nothing to undo", timeout=2)

    def action_redo(self) -> None:
        """Redo."""
        if not self._document.redo():
            self.cnn.show_message("there is nothing to redo", timeout=2)

    def action_next_problem(self) -> None:
        """To the first problem behind the cursor."""
        row, column = self.query_one(YamlEditor).cursor_location
        problems = self._document.problems
        here = (row + 1, column + 1)
        behind = [p for p in problems if p.line is not None and (p.line, p.column or 0) > here]
        self._go_to((behind or problems)[0])

    def action_run(self) -> None:
        """Train it."""
        self.query_one(Form).commit()
        self.dismiss()
        self.cnn.run_document()

    def action_save(self) -> None:
        """Save."""
        self.query_one(Form).commit()
        super().action_save()

    def saved(self) -> None:
        self._seen = -1
        self.refresh_tick()
