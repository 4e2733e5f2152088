"""The command line when things happen to it: signals, pipes, full disks, terminals that go."""

import errno
import io
import json
import os
import re
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.command_line import SMALL, Terminal
from tests.support.patience import wait_until
from tests.support.proofs import rest_as_proofs
from tui.cli.progress import RichProgress

if sys.platform == "win32":
    pytest.skip("signals and terminals of POSIX", allow_module_level=True)

LONG = ["--no-ui", "--set", "data.limit=1000", "--set", "train.epochs=4"]
"""Long enough to be cut in the middle."""

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The long run without a cut."""
    terminal = Terminal(tmp_path_factory.mktemp("whole"))
    assert terminal.run_here(*LONG).code == 0
    return terminal.only_run


def checkpoints(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").glob("step-*.npz"))


# -- signals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        *(pytest.param(one, marks=pytest.mark.proof) for one in (signal.SIGINT, signal.SIGHUP)),
    ],
    ids=lambda number: number.name,
)
def test_a_signal_saves_and_resume_finishes_with_the_same_bits(
    terminal: Terminal, whole: Path, number: signal.Signals
) -> None:
    process = terminal.start(*LONG)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("epoch 1/4")
    process.send_signal(number)
    done = terminal.finish(process)
    assert done.code == EXIT_CODES[number]
    last = done.errors[-1]
    assert re.match(
        rf"stopped \({number.name}\) after epoch \d; resume with:  cnn-tui resume ", last
    )
    assert checkpoints(terminal.only_run)
    assert json.loads((terminal.only_run / "run.json").read_text())["status"] == "stopped"
    command = shlex.split(last.partition("resume with:")[2])
    resumed = terminal.run_here(*command[1:])
    assert resumed.code == 0
    weights = (terminal.only_run / "weights.npz").read_bytes()
    assert weights == (whole / "weights.npz").read_bytes()
    rows = (terminal.folder / "reports" / "results.csv").read_text().splitlines()
    assert len(rows) == 2


@pytest.mark.proof
def test_nohup_is_respected(terminal: Terminal) -> None:
    ignore = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    process = terminal.start("--no-ui", *SMALL, "--set", "train.epochs=3", setup=ignore)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    assert terminal.finish(process).code == 0


def test_a_second_ctrl_c_leaves_at_once(terminal: Terminal) -> None:
    # A pipe that is full and never read: the command hangs as soon as it says something.
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    process = terminal.start(*LONG, "--json", stdout=writer, stderr=writer)
    os.close(writer)
    wait_until(lambda: list(terminal.folder.glob("runs/*/run.json")))
    signals = 0
    while process.poll() is None:  # two at once may arrive as one
        process.send_signal(signal.SIGINT)
        signals += 1
        assert signals < 1000
        time.sleep(0.05)
    os.close(reader)
    assert process.returncode == 130
    assert signals > 1


def test_evaluate_ends_at_a_signal(terminal: Terminal, whole: Path) -> None:
    code = f"""
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_DFL)
from engine.train import factory
real = factory.load_dataset
def load(*args, **kwargs):
    dataset = real(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGTERM)
    return dataset
factory.load_dataset = load
from tui.cli.main import main
sys.exit(main(["evaluate", "--config", "quickstart", "--weights", {str(whole)!r}]))
"""
    done = terminal.python(code)
    assert (done.code, done.out, done.err) == (143, "", "stopped by SIGTERM\n")


# -- pipes and closed streams ----------------------------------------------------------------------


@pytest.mark.proof
def test_a_reader_that_leaves_does_not_kill_the_run(terminal: Terminal) -> None:
    process = terminal.start("--no-ui", *SMALL, "--set", "train.epochs=3")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    done = terminal.finish(process)
    assert done.code == 0
    assert "Traceback" not in done.err
    assert "Broken pipe" not in done.err
    assert (terminal.only_run / "weights.npz").exists()


@pytest.mark.parametrize(
    "closed", rest_as_proofs(["os.closerange(0, 3)", "os.close(1)", "os.close(1); os.close(2)"])
)
@pytest.mark.proof
def test_closed_streams_do_not_matter(terminal: Terminal, closed: str) -> None:
    done = terminal.run("--no-ui", *SMALL, setup=closed)
    assert done.code == 0
    assert "Traceback" not in done.err
    assert json.loads((terminal.only_run / "run.json").read_text())["status"] == "finished"
    # Nothing of what was to be said went into a file that got the number of a closed stream.
    rows = (terminal.only_run / "metrics.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["epoch", "1"]


def test_no_file_gets_the_number_of_a_closed_stream(terminal: Terminal) -> None:
    code = """
import os, sys
os.closerange(0, 3)
from tui.cli.main import main
main(["runs", "list"])
sys.exit(40 + os.open(os.devnull, os.O_RDONLY))
"""
    assert int(terminal.python(code).code or 0) >= 43


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.proof
def test_a_full_disk_under_stdout_fails_in_the_end(terminal: Terminal) -> None:
    with Path("/dev/full").open("w") as full:
        done = terminal.run("--no-ui", *SMALL, "--quiet", stdout=full)
    assert (done.code, done.err) == (1, "stdout: No space left on device\n")
    assert (terminal.only_run / "weights.npz").exists()


# -- disks -----------------------------------------------------------------------------------------


@pytest.mark.proof
def test_checkpoints_on_a_full_disk(terminal: Terminal) -> None:
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))"
    done = terminal.run("--no-ui", *SMALL, "--set", "train.epochs=2", setup=limit)
    assert done.code == 1
    assert len(done.out.splitlines()) == 3, "it trains to the end all the same"
    warnings = [line for line in done.errors if line.startswith("warning: ")]
    assert len(warnings) == 5  # the film, two epochs, the end, the weights
    assert all("not saved: File too large; training continues" in line for line in warnings)
    assert "not saved: File too large" in done.errors[-1]
    assert "Traceback" not in done.err
    names = {path.name for path in terminal.only_run.rglob("*") if path.is_file()}
    assert names == {".lock", "config.yaml", "metrics.csv", "run.json"}
    assert json.loads((terminal.only_run / "run.json").read_text())["status"] == "failed"


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that any user may enter and none but its owner may write to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "locked").mkdir(mode=0o555)
        folder.chmod(0o755)
        yield folder


@pytest.mark.proof
def test_a_folder_that_may_not_be_written_to(public: Path) -> None:
    # All is imported before it gives up being root: the interpreter may lie in root's home.
    code = f"""
import os, sys
import encodings.utf_8_sig, engine.train.session, http.client
from tui.cli.main import main
assert main(["config", "show", "--quiet"]) == 0
print("now")
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.chdir({str(public)!r})
sys.exit(main(["--no-ui", "--set", "data.limit=500", "--set", "runs_dir=locked/runs"]))
"""
    done = Terminal(public).python(code)
    assert done.code == 1
    assert done.out.endswith("\nnow\n")
    (line,) = done.errors
    assert line == f"{public}/locked/runs: cannot make a run: Permission denied"
    assert not list((public / "locked").iterdir())


# -- terminals -------------------------------------------------------------------------------------


class Screen:
    """A terminal of which we hold the other end.

    Attributes:
        end: the descriptor for the process; to be closed here once it has it.
        shown: what has come so far.
    """

    def __init__(self) -> None:
        self._ours, self.end = os.openpty()
        os.set_blocking(self._ours, False)
        self.shown = b""

    def look(self) -> None:
        """Read what has come: a terminal that nobody reads would hold the process up."""
        with suppress(OSError):  # nothing yet, or nobody has it open any more
            while True:
                self.shown += os.read(self._ours, 65536)

    def close(self) -> None:
        """What happens when its window is closed."""
        os.close(self._ours)


@pytest.mark.proof
def test_the_bar_is_on_the_terminal_and_data_in_the_pipe(terminal: Terminal) -> None:
    screen = Screen()
    terminal.environment["TERM"] = "xterm"
    process = terminal.start(
        "--no-ui", *SMALL, "--set", "train.epochs=3", "--json", stderr=screen.end
    )
    os.close(screen.end)
    wait_until(lambda: screen.look() or process.poll() is not None)
    done = terminal.finish(process)
    screen.look()
    screen.close()
    assert done.code == 0
    events = [json.loads(line)["event"] for line in done.out.splitlines()]
    assert events.count("epoch") == 3
    assert events[-1] == "end"
    shown = screen.shown.decode()
    assert "epoch 1/3" in shown
    assert "\x1b[?25l" in shown, "the case needs a live bar"
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor is back"


@pytest.mark.proof
def test_a_terminal_that_goes_away_saves_the_run(terminal: Terminal) -> None:
    screen = Screen()
    terminal.environment["TERM"] = "xterm"
    own = "import fcntl, termios; os.setsid(); fcntl.ioctl(2, termios.TIOCSCTTY, 0)"
    process = terminal.start(
        *LONG, "--set", "train.epochs=400", setup=own, stderr=screen.end, stdout=screen.end
    )
    os.close(screen.end)
    wait_until(lambda: screen.look() or list(terminal.folder.glob("runs/*/checkpoints/step-*")))
    screen.close()
    assert terminal.finish(process).code == 129
    assert json.loads((terminal.only_run / "run.json").read_text())["status"] == "stopped"


class Gone(io.StringIO):
    """A terminal whose window was closed."""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


# The bar draws in a thread of its own too, which may die of it; that is Rich's to say.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bar_on_a_dead_terminal_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Gone())
    bar = RichProgress()
    for total in (10, 20):
        for done in range(5):
            bar.update("training", done, total)
    bar.close()
    bar.update("again", 0, 5)
    bar.close()


def test_the_cursor_comes_back_when_a_second_ctrl_c_leaves() -> None:
    reader, writer = os.pipe()
    saved = os.dup(2)
    os.dup2(writer, 2)
    try:
        RichProgress().abandon()
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(writer)
    assert os.read(reader, 100).startswith(b"\x1b[?25h")
    os.close(reader)
