"""The app: screens, training, background jobs and exit."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.driver import Driver
from textual.notifications import SeverityLevel as Severity
from textual.widgets import Input, TextArea

from engine.config import Config
from engine.services.signals import Signals
from tui import compat, keymap, theme
from tui.driver import hangup_safe
from tui.jobs import Job, JobEnded
from tui.messages import SnapshotTaken, TrainingEvent, TrainingFinished
from tui.palette import Actions
from tui.screens.base import MIN_HEIGHT, MIN_WIDTH, BaseScreen
from tui.screens.configs.watch import ConfigWatch
from tui.screens.dialogs import Confirm
from tui.screens.lesson_actions import LessonActions
from tui.screens.resume_prompt import offer_to_resume
from tui.screens.seed_actions import SeedActions
from tui.shut_down import HANGUP, ExitSequence, logged
from tui.state.lesson_desk import LessonDesk
from tui.state.seed_progress import SeedProgress
from tui.state.selection import Choice
from tui.state.settings import AppSettings
from tui.state.speed import Speedometer
from tui.state.sweep_process import SweepProcesses
from tui.state.training import Training
from tui.state.workspace import Workspace
from tui.text import clean
from tui.widgets.text_field import drained

log = logging.getLogger("cnn_tui")

_TICK = 0.235  # seconds; the loss is drawn with every one, at 4 Hz
_IMPORTS = 5.0  # seconds at most that a training waits for the screens to be imported


class CnnApp(compat.FaultApp):
    """Build, train and look inside small convolutional networks.

    Attributes:
        training: the one training, on its background thread.
        workspace: the configs, and which of them is chosen.
        config_watch: keeps them in step with their files.
        choice: the network that Inspect, Gradients and Evaluate show.
        speed: how long epochs take.
        lessons: the lesson that is open.
        lesson_actions: opens lessons, and does what their steps say.
        seeds: trains several seeds of a config, one after the other.
        sweeps: the sweeps that were started here.
        settings: what is remembered.
        log_path: the log file; None where none can be written.
        exit_sequence: saves what is running, and quits.
        signals: open signal handlers, whose first signal makes the app save and quit.

    Args:
        workspace: the configs to work with.
        settings: what the last session left.
        log_path: the log file.
    """

    TITLE = "cnn-tui"
    CSS_PATH = "app.tcss"
    MODES: ClassVar[dict[str, Any]] = {spec.id: spec.make for spec in keymap.tabs()}
    DEFAULT_MODE = "configs"
    BINDINGS = keymap.bindings(keymap.APP)
    COMMANDS = {Actions}
    HORIZONTAL_BREAKPOINTS = [
        (0, "-too-narrow"),
        (MIN_WIDTH, "-narrow"),
        (100, "-wide"),
        (150, "-very-wide"),
    ]
    VERTICAL_BREAKPOINTS = [
        (0, "-too-low"),
        (MIN_HEIGHT, "-very-low"),
        (24, "-low"),
        (32, "-high"),
    ]

    def __init__(
        self,
        workspace: Workspace | None = None,
        *,
        settings: AppSettings | None = None,
        log_path: Path | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings or AppSettings()
        self.workspace = workspace or Workspace.opened()
        self.log_path = log_path
        self.training = Training(self)
        self.choice = Choice(self.training, self.workspace)
        self.speed = Speedometer(self)
        self.lessons = LessonDesk()
        self.lesson_actions = LessonActions(self)
        self.seeds = SeedActions(self)
        self.sweeps = SweepProcesses(self)
        self.jobs: set[Job] = set()
        self.signals: Signals | None = None
        self._tabs: Job | None = None
        self.config_watch = ConfigWatch(self)
        self.exit_sequence = ExitSequence(self)
        for one in theme.THEMES:
            self.register_theme(one)
        known = self.settings.theme in self.available_themes
        self.theme = self.settings.theme if known else theme.DEFAULT

    def on_mount(self) -> None:
        self.set_interval(_TICK, self._tick)
        self.call_after_refresh(offer_to_resume, self)
        self.call_after_refresh(self._load_tabs)

    def _load_tabs(self) -> None:
        """Import the screens with a number key, so that none takes long to open."""
        self._tabs = self.start_job(
            lambda job: [spec.load() for spec in keymap.tabs()], name="screens"
        )

    async def on_event(self, event: events.Event) -> None:
        """Handle an event; the next key waits until a text field has handled this one."""
        if isinstance(event, events.InputEvent | events.Paste) and not self.screen_stack:
            return  # it is being left
        typed = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        field = self.focused if typed else None
        await super().on_event(event)
        if isinstance(field, Input | TextArea):
            await drained(field)

    def _tick(self) -> None:
        if self.signals is not None and self.signals.received is not None:
            self.shut_down(self.signals.exit_code or 0)
        elif getattr(compat.driver_of(self), "is_gone", False):
            self.shut_down(HANGUP)
        if self.exit_sequence.begun:
            with logged("drawing"):
                self._refresh_screen()
        else:
            self.config_watch.refresh_tick()
            self._refresh_screen()

    def _refresh_screen(self) -> None:
        for screen in reversed(self.screen_stack):
            if isinstance(screen, BaseScreen):
                screen.refresh_tick()  # also while a dialog lies over it
                break

    # -- what screens use -----------------------------------------------------------------------

    def show_message(
        self,
        message: str,
        next_step: str = "",
        *,
        severity: Severity = "information",
        timeout: float | None = None,
    ) -> None:
        """Show a message with what to do next; warnings and errors are logged in full."""
        text = clean(message) + (f"\n→ {clean(next_step)}" if next_step else "")
        if severity != "information":
            log.log(logging.ERROR if severity == "error" else logging.WARNING, "%s", text)
        self.notify(text, severity=severity, timeout=timeout, markup=False)

    def confirm(
        self,
        question: str,
        detail: str = "",
        *,
        yes: str = "yes",
        no: str = "no",
        final: bool = False,
        holds: Callable[[], bool] = lambda: True,
        then: Callable[[], object],
    ) -> None:
        """Ask a question; call ``then`` on yes.

        Args:
            question, detail, yes, no, final, holds: as in ``Confirm``.
            then: what to do.
        """

        def answered(sure: bool | None) -> None:
            if sure:
                then()

        dialog = Confirm(question, detail, yes=yes, no=no, final=final, holds=holds)
        self.push_screen(dialog, answered)

    def start_job(
        self,
        work: Callable[[Job], Any],
        *,
        on_done: Callable[[Any], None] = lambda result: None,
        on_error: Callable[[Exception], None] | None = None,
        name: str = "job",
    ) -> Job:
        """Run something on a background thread; the callbacks run in the app's thread.

        Without ``on_error``, an exception is shown and logged.
        """
        job = Job(self, work, on_done=on_done, on_error=on_error, name=name)
        self.jobs.add(job)
        return job

    def start_training(
        self, config: Config, resume: Path | None = None, seeds: SeedProgress | None = None
    ) -> bool:
        """Train, and show it.

        Returns:
            False if a training is running already (a message says so), or the app shuts down.
        """
        if self.exit_sequence.begun:
            return False
        if self.training.running:
            self.show_message(
                "a training is running already",
                "press 2 to watch it; x there stops it",
                severity="warning",
            )
            return False
        if self._tabs is not None:  # a worker process would wait for ever for a half-made import
            self._tabs.join(_IMPORTS)
        self.speed.cancel()
        self.choice.chosen = None
        self.training.start(config, resume, seeds)
        self.go_to("train")
        return True

    def run_document(self) -> bool:
        """Train the chosen config as it is now, with unsaved changes; False if it cannot be."""
        if not self.config_watch.look():
            return False
        config = self.workspace.document.config
        if config is None:
            self.show_message("the config has errors", "correct them first", severity="warning")
            return False
        return self.start_training(config)

    def sweep_document(self) -> None:
        """Start a sweep of the chosen config, after a question for its grid."""
        from tui.screens.sweeps.starting import ask_new_sweep

        ask_new_sweep(self)

    # -- messages -------------------------------------------------------------------------------

    def on_training_event(self, message: TrainingEvent) -> None:
        self.training.on_training_event(message)
        self._refresh_bindings()

    def on_training_finished(self, message: TrainingFinished) -> None:
        self.training.on_training_finished(message)
        self.seeds.on_training_finished()
        self._refresh_bindings()

    def _refresh_bindings(self) -> None:
        if self.screen_stack:  # the last message may come when all screens are gone
            self.screen.refresh_bindings()

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        message.callback(message.snapshot)

    def on_job_ended(self, message: JobEnded) -> None:
        job = message.job
        self.jobs.discard(job)
        if job.cancelled:
            return
        if job.error is None:
            job.on_done(job.result)
        elif job.on_error is not None:
            job.on_error(job.error)
        else:
            log.error("a job failed", exc_info=job.error)
            self.show_message(str(job.error) or type(job.error).__name__, severity="error")

    # -- actions --------------------------------------------------------------------------------

    async def run_action(self, action: Any, *args: Any, **kwargs: Any) -> bool:
        """Run an action, or show why it is refused; while shutting down, only quit runs."""
        if self.exit_sequence.begun and action not in ("quit", "app.quit"):
            return False
        if await super().run_action(action, *args, **kwargs):
            return True
        name = action.split("(")[0].split(".")[-1] if isinstance(action, str) else action[1]
        screen = self.screen
        reason = screen.refuse(name) if isinstance(screen, BaseScreen) else None
        if reason:
            self.show_message(reason, severity="warning", timeout=3)
        return bool(reason)

    def action_go(self, screen: str) -> None:
        """Show a screen."""
        if not isinstance(self.screen, BaseScreen):
            return  # a dialog is open
        self.switch_mode(screen)

    def go_to(self, screen: str) -> None:
        """Show a screen itself: one that was left open over it is closed."""
        if not isinstance(self.screen, BaseScreen):
            return  # a dialog is open
        self.switch_mode(screen)
        while len(self.screen_stack) > 1:
            self.screen.dismiss(None)

    def action_next_theme(self) -> None:
        """Switch to the next theme."""
        names = [one.name for one in theme.THEMES]
        place = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(place + 1) % len(names)]
        self.show_message(f"theme: {self.theme}", timeout=2)

    def action_lesson(self) -> None:
        """List the lessons, go to the open one, or put it away."""
        self.lesson_actions.toggle()

    def action_help(self) -> None:
        """Show help on the focused pane."""
        from tui.screens.help import HelpScreen

        if isinstance(self.screen, BaseScreen):
            self.push_screen(HelpScreen(self.screen))

    def action_help_quit(self) -> None:
        """Say on ctrl-c, with nothing selected, which key quits."""
        self.show_message("q quits", timeout=3)

    async def action_quit(self) -> None:
        """Quit; asks only while training."""
        if self.exit_sequence.begun:
            self.exit(0)
            return
        if isinstance(self.screen, Confirm):
            return
        unsaved = ", ".join(document.name for document in self.workspace.dirty)
        if self.training.running:
            begun = self.training.started is not None
            detail = "It is saved first, and can be resumed exactly where it stopped."
            self.confirm(
                "Training is running. Quit?" if begun else "Training is about to start. Quit?",
                (detail if begun else "There is nothing to save yet.")
                + (f"\nNot saved: {unsaved}" if unsaved else ""),
                yes="quit without saving configs"
                if unsaved
                else ("save the run and quit" if begun else "quit"),
                no="stay",
                holds=lambda: self.training.running,
                then=self.shut_down,
            )
        elif unsaved:
            self.confirm(
                "Quit without saving?",
                f"Not saved: {unsaved}. On screen 1, w saves.",
                yes="quit",
                no="stay",
                then=self.shut_down,
            )
        else:
            self.shut_down()

    def get_driver_class(self) -> type[Driver]:
        """A driver that survives the loss of its terminal."""
        return hangup_safe(super().get_driver_class())

    # -- the way out ----------------------------------------------------------------------------

    def signalled(self, name: str) -> None:
        """Stop the training from a signal handler; it only sets a flag."""
        session = self.training.session
        if session is not None:
            session.controls.stop_from_signal(name)

    def give_terminal_back(self) -> None:
        """Restore the terminal, from any thread, right before the process ends."""
        give_back = getattr(compat.driver_of(self), "give_back", None)
        if give_back is not None:
            give_back()

    def shut_down(self, exit_code: int = 0) -> None:
        """Save what is running and quit, without a question."""
        self.exit_sequence.begin(exit_code)

    def fault_message(self, error: Exception) -> list[str]:
        return self.exit_sequence.crash(error)
