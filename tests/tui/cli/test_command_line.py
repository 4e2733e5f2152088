"""The command line from outside: what goes where, exit codes, and every kind of bad input."""

import json
import re
import shutil
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
import pytest

from engine import __version__
from engine.export import EXPORTERS
from engine.resources import shipped
from tests.support.command_line import SMALL, Done, Terminal
from tests.support.proofs import rest_as_proofs
from tui.cli import commands
from tui.cli.commands import COMMANDS, runs
from tui.cli.main import command_parser, main


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> tuple[Terminal, Done]:
    """The README's first command, cut short; shared, and only to be read."""
    terminal = Terminal(tmp_path_factory.mktemp("quickstart"))
    return terminal, terminal.run("--no-ui", "--config", "configs/quickstart.yaml", *SMALL)


# -- what goes where -------------------------------------------------------------------------------


@pytest.mark.proof
def test_the_first_command_of_the_readme(quickstart: tuple[Terminal, Done]) -> None:
    terminal, done = quickstart
    assert done.code == 0
    epoch, test = done.out.splitlines()
    assert re.match(r"epoch 1/1  loss .*  val_acc 0\.\d{4}  lr 0\.003", epoch)
    assert re.match(r"test_loss .*  test_acc 0\.\d{4}  ", test)
    data, run, weights = done.errors
    assert data == "mnist_mini: 450 samples, 61,706 parameters, seed 42"
    assert run == f"run {terminal.only_run}"
    assert weights == f"weights {terminal.only_run / 'weights.npz'}"
    assert terminal.files == ["reports", "runs"]


def test_evaluate_of_the_run_says_the_same(quickstart: tuple[Terminal, Done]) -> None:
    terminal, trained = quickstart
    path = str(terminal.only_run)
    done = terminal.run_here("evaluate", "--config", "quickstart", "--weights", path, "--json")
    assert (done.code, done.err) == (0, "")
    accuracy = json.loads(done.out)["test_acc"]
    assert f"test_acc {accuracy:.4f}" in trained.out


@pytest.mark.proof
def test_json_is_data_alone(terminal: Terminal) -> None:
    done = terminal.run("train", "--config", "quickstart", *SMALL, "--json", "--quiet")
    assert (done.code, done.err) == (0, "")
    lines = [json.loads(line) for line in done.out.splitlines()]
    events = [line["event"] for line in lines]
    assert events == ["start", "checkpoint", "epoch", "checkpoint", "end"]
    assert lines[0]["run_dir"] == str(terminal.only_run)


def test_quiet_keeps_the_data(terminal: Terminal) -> None:
    done = terminal.run_here("--no-ui", *SMALL, "--quiet")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("epoch 1/1  loss ")
    assert len(done.out.splitlines()) == 2


@pytest.mark.proof
def test_runs_of_one_config_are_alike_to_the_bit(
    quickstart: tuple[Terminal, Done], terminal: Terminal
) -> None:
    reference = quickstart[0].only_run.joinpath("weights.npz").read_bytes()
    terminal.run_here("--no-ui", *SMALL, "--set", "train.workers=3")
    assert terminal.only_run.joinpath("weights.npz").read_bytes() == reference
    shutil.rmtree(terminal.folder / "runs")
    terminal.run_here("--no-ui", *SMALL, "--set", "seed=1")
    assert terminal.only_run.joinpath("weights.npz").read_bytes() != reference


@pytest.mark.proof
def test_a_finished_run_is_resumed_to_nothing_more(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    first = terminal.run_here("--no-ui", *SMALL)
    done = terminal.run_here("resume", "quickstart")
    assert done.code == 0
    assert "finished already after epoch 1: nothing is left to train" in done.errors
    assert done.out == first.out.splitlines(keepends=True)[-1]
    assert len((tmp_path / "reports" / "results.csv").read_text().splitlines()) == 2


def test_export_and_runs(quickstart: tuple[Terminal, Done], tmp_path: Path) -> None:
    terminal, _ = quickstart
    target = tmp_path / "net.npz"
    arguments = ["--config", "quickstart", "--weights", str(terminal.only_run)]
    done = terminal.run_here("export", *arguments, "--format", "npz", "--output", str(target))
    assert (done.code, done.err) == (0, "")
    with np.load(target) as arrays:
        assert arrays["0.weight"].shape == (6, 1, 5, 5)
    done = terminal.run_here("runs", "list")
    assert terminal.only_run.name in done.out
    assert "finished" in done.out


# -- what is imported ------------------------------------------------------------------------------

MODULES = """
import sys
from tui.cli.main import main
try:
    code = main({arguments!r})
except SystemExit as exit:
    code = exit.code
assert code == 0, code
print()
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""


@pytest.mark.parametrize(
    ("arguments", "absent"),
    rest_as_proofs(
        [
            (["--help"], ("numpy", "textual", "rich", "pydantic", "dataclasses", "typing")),
            (["--version"], ("numpy", "textual", "rich", "pydantic")),
            *(
                ([name, "--help"], ("numpy", "textual", "rich", "pydantic"))
                for name in COMMANDS
                if name not in ("explain", "export", "gradcheck")  # the engine has their choices
            ),
            (["--no-ui", *SMALL], ("textual", "rich", "plotext", "requests")),
            (["config", "check"], ("textual", "rich", "plotext", "requests")),
        ],
        every=3,
        rows=True,
    ),
    ids=" ".join,
)
def test_only_what_is_needed_is_imported(
    terminal: Terminal, arguments: list[str], absent: tuple[str, ...]
) -> None:
    done = terminal.python(MODULES.format(arguments=arguments))
    assert done.code == 0, done.err
    loaded = set(done.out.splitlines()[-1].split())
    assert "tui" in loaded
    assert not loaded.intersection(absent)


def test_help_lists_commands_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert "130, 143, 129" in text
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"cnn-tui {__version__}\n"


def test_every_command_is_a_module_and_a_line_of_the_help() -> None:
    modules = {module.name for module in iter_modules(commands.__path__)}
    assert modules == {name.replace("-", "_") for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_the_options_that_all_take(name: str) -> None:
    parser = command_parser(name)
    for one in parser.verbs.values() or [parser]:
        text = one.format_help()
        assert all(option in text for option in ("--json", "--quiet", "--debug"))


def test_the_formats_of_the_help_are_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    assert "{" + ",".join(EXPORTERS) + "}" in capsys.readouterr().out


def exit_code(*arguments: str) -> object:
    """What a command in this process ends with."""
    try:
        return main(arguments)
    except SystemExit as error:
        return error.code


# -- bad input -------------------------------------------------------------------------------------

OTHER = "layers=[Flatten, Dense: {out_features: 10}]"

BAD: dict[str, tuple[list[str], int, str]] = {
    "unknown option": (
        ["train", "--confg", "x"],
        2,
        "unrecognized arguments: --confg. Did you mean '--config'",
    ),
    "unknown option of a subcommand": (
        ["runs", "list", "--runs_dri=x"],
        2,
        "cnn-tui runs list: .*Did you mean '--runs-dir'",
    ),
    "no subcommand": (["runs"], 2, "required: list|show|compare"),
    "misspelt subcommand": (["runs", "lst"], 2, "Did you mean 'list'"),
    "misspelt command": (["trian"], 2, "trian: no such config. Did you mean 'train'"),
    "misspelt command with options": (["trian", "--config", "c"], 2, "Did you mean 'train'"),
    "misspelt command with arguments": (["exprt", "a", "b"], 2, "Did you mean 'export'"),
    "misspelt config": (["train", "quickstrt"], 2, "Did you mean 'quickstart'"),
    "misspelt preset": (["bench", "--preset", "lenet_mist"], 2, "Did you mean 'lenet_mnist'"),
    "missing argument": (["export", "--config", "quickstart"], 2, "required: --weights, --output"),
    "unknown format": (
        ["export", "--config", "c", "--weights", "w", "--output", "o", "--format", "pickle"],
        2,
        "invalid choice: 'pickle'",
    ),
    "two configs": (["--no-ui", "a.yaml", "--config", "b.yaml"], 2, "got a.yaml and b.yaml"),
    "two configs of a command": (["train", "a", "--config", "b"], 2, "got a and b"),
    "a folder for a config": (["truncated"], 2, "truncated: not a file"),
    "weights of no run": (["evaluate", "--weights", "garbage"], 2, "add --config CONFIG"),
    "unknown run": (["resume", "nothing"], 3, "no run 'nothing'"),
    "run of another folder": (["resume", "/tmp"], 3, "no run '/tmp'"),
    "missing weights": (
        ["evaluate", "--config", "quickstart", "--weights", "w"],
        3,
        "no such file",
    ),
    "empty folder of weights": (
        ["evaluate", "--config", "quickstart", "--weights", "."],
        3,
        "no weights.npz",
    ),
    "garbage weights": (
        ["export", "--config", "quickstart", "--weights", "garbage", "--output", "o"],
        3,
        "garbage: ",
    ),
    "unknown data set": (["data", "verify", "mnits"], 2, "Did you mean 'mnist'?"),
    "data missing and offline": (
        ["train", "--set", "dataset=mnist", "--set", "data.root=empty"],
        3,
        "put train-images-idx3-ubyte.gz",
    ),
    "truncated data": (
        ["train", "--set", "dataset=mnist", "--set", "data.root=truncated"],
        3,
        "truncated/mnist/",
    ),
    "flipped data": (
        ["train", "--set", "dataset=mnist", "--set", "data.root=flipped"],
        3,
        "flipped/mnist/",
    ),
    "a file for a folder": (
        ["--no-ui", *SMALL, "--set", "runs_dir=garbage"],
        1,
        "garbage is not a folder",
    ),
}


@pytest.fixture(scope="module")
def littered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bad files in it."""
    folder = tmp_path_factory.mktemp("littered")
    (folder / "garbage").write_bytes(bytes(range(256)) * 40)
    for name in ("truncated", "flipped"):
        shutil.copytree(shipped("data", "mnist_mini"), folder / name / "mnist")
        path = folder / name / "mnist" / "train-images-idx3-ubyte.gz"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content if name == "flipped" else content[: len(content) // 2])
    return folder


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_its_exit_code(
    littered: Path,
    case: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(littered)
    for name, value in Terminal(littered).variables.items():
        monkeypatch.setenv(name, value)
    arguments, code, message = BAD[case]
    assert exit_code(*arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert re.search(message, line)
    assert not (littered / "runs").exists()
    assert not (littered / "reports").exists()
    assert not list(littered.rglob(".cnn-tui-*"))


HOSTILE = "x\x1b]0;owned\x07\x9b31m\u202e\ny\udcff"


@pytest.mark.parametrize(
    "arguments",
    [
        [HOSTILE],
        ["--no-ui", HOSTILE, "--config", HOSTILE],
        ["train", HOSTILE, HOSTILE],
        ["train", f"--{HOSTILE}"],
        ["runs", HOSTILE],
        ["runs", "show", HOSTILE],
        ["runs", "verify", "a", "--epochs", HOSTILE],
        ["resume", HOSTILE],
        ["resume", "a", "--runs-dir", HOSTILE],
        ["config", "check", HOSTILE],
        ["config", "show", "--set", HOSTILE],
        ["evaluate", "--weights", HOSTILE],
        ["evaluate", "--config", "quickstart", "--weights", HOSTILE],
        ["export", "--format", HOSTILE],
        ["gradcheck", "--mode", HOSTILE],
        ["gradcheck", "--samples", HOSTILE],
        ["bench", "--preset", HOSTILE],
        ["bench", "--workers", HOSTILE],
        ["data", "verify", HOSTILE],
        ["data", "verify", "mnist", "--root", HOSTILE],
    ],
    ids=lambda arguments: " ".join("BAD" if HOSTILE in word else word for word in arguments),
)
def test_a_hostile_argument_reaches_the_terminal_cleaned(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert exit_code(*arguments) in (2, 3)
    out, err = capsys.readouterr()
    assert all(c.isprintable() or c == "\n" for c in out + err)


@pytest.mark.proof
def test_the_last_words_of_the_app_are_cleaned(terminal: Terminal) -> None:
    terminal.environment["XDG_STATE_HOME"] = str(terminal.folder / "state")
    done = terminal.python(
        "import sys\n"
        "import tui.launch\n"
        "from tui.app import CnnApp\n"
        f"CnnApp.run = lambda app: app.exit_sequence.exit_message.append({HOSTILE!r}) or 0\n"
        "sys.exit(tui.launch.launch(None))\n"
    )
    assert done.code == 0
    assert "owned" in done.err
    assert all(c.isprintable() or c == "\n" for c in done.err)


@pytest.mark.parametrize("place", rest_as_proofs(["argument", "option"]))
@pytest.mark.parametrize(
    "command", rest_as_proofs(["--no-ui", "train", "evaluate", "export", "gradcheck"], every=3)
)
def test_a_config_is_named_with_or_without_its_option(
    quickstart: tuple[Terminal, Done], tmp_path: Path, command: str, place: str
) -> None:
    weights = ["--weights", str(quickstart[0].only_run)]
    more = {
        "evaluate": weights,
        "export": [*weights, "--output", str(tmp_path / "net.npz")],
        "gradcheck": [*weights, "--samples", "1"],
    }
    terminal = Terminal(tmp_path)
    config = ["--config"] if place == "option" else []
    done = terminal.run_here(
        command, "--set", SMALL[1], *more.get(command, []), "--set", SMALL[3], *config, "quickstart"
    )
    assert done.code == 0, done.err


@pytest.mark.parametrize("command", ["evaluate", "export", "gradcheck"])
def test_a_run_is_named_by_its_id_and_brings_its_config(
    quickstart: tuple[Terminal, Done], tmp_path: Path, command: str
) -> None:
    run = quickstart[0].only_run
    more = {"export": ["--output", str(tmp_path / "net.npz")], "gradcheck": ["--samples", "1"]}
    terminal = Terminal(tmp_path)
    arguments = ["--weights", run.name, "--runs-dir", str(run.parent)]
    assert terminal.run_here(command, *arguments, *more.get(command, [])).code == 0


@pytest.mark.proof
def test_a_config_comes_from_standard_input(terminal: Terminal) -> None:
    source = terminal.folder / "source"
    source.write_text(shipped("configs").joinpath("quickstart.yaml").read_text())
    with source.open() as file:
        done = terminal.run("--no-ui", "--config", "-", *SMALL, stdin=file)
    assert done.code == 0
    assert "-stdin-" in terminal.only_run.name


def test_an_error_from_outside(terminal: Terminal) -> None:
    done = terminal.run("resume", "nothing")
    line = "runs: no run 'nothing'. 'cnn-tui runs list' lists all runs\n"
    assert (done.code, done.out, done.err) == (3, "", line)
    assert terminal.files == []


def test_weights_of_another_network(
    quickstart: tuple[Terminal, Done], capsys: pytest.CaptureFixture[str]
) -> None:
    weights = str(quickstart[0].only_run / "weights.npz")
    arguments = ["--config", "quickstart", "--set", "model=null", "--set", OTHER]
    assert main(["evaluate", *arguments, "--weights", weights]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith(f"{weights}: does not fit this network: ")


def test_a_bad_config_shows_all_its_problems(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(terminal.folder)
    (terminal.folder / "bad.yaml").write_text(
        "dataset: mnist_mini\nmodel: lenet_mnist\ntrain:\n  lr: .nan\n  epoch: 3\n  batch_size: x\n"
    )
    for arguments in (["config", "check", "bad.yaml"], ["--no-ui", "--config", "bad.yaml"]):
        assert exit_code(*arguments) == 2
        out, err = capsys.readouterr()
        assert out == ""
        *problems, last = err.splitlines()
        places = [line.split(": ")[0] for line in problems]
        assert places == ["bad.yaml:4:7", "bad.yaml:5:3", "bad.yaml:6:15"]
        assert last == "3 problems, nothing was run."
    assert terminal.files == ["bad.yaml"]


def test_a_divergence_fails_the_command(terminal: Terminal) -> None:
    done = terminal.run_here("--no-ui", *SMALL, "--set", "train.lr=1e30", "--quiet")
    assert (done.code, done.out) == (1, "")
    (line,) = done.errors
    assert line.startswith("diverged in epoch 1, batch ")
    assert "learning rate 1e+30" in line
    assert "layer " in line


# -- unexpected errors -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ZeroDivisionError("one\ntwo"), 1, "cnn-tui failed: ZeroDivisionError: one two; --debug"),
        (MemoryError(), 1, "not enough memory"),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    line: str,
) -> None:
    def fail(options: object, out: object) -> int:
        raise error

    monkeypatch.setattr(runs, "run", fail)
    assert main(["runs", "list"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(line)
    assert captured.err.count("\n") == bool(line)


def test_debug_shows_where_and_keeps_the_exit_code(
    terminal: Terminal, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(terminal.folder)
    assert main(["resume", "nothing", "--debug"]) == 3
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert error.splitlines()[-1].startswith("runs: no run 'nothing'")


@pytest.mark.parametrize(
    ("words", "code"),
    rest_as_proofs(
        [
            (["--no-ui", "--config", "quickstart"], 1),
            (["runs", "list"], 3),
            (["runs", "show", "x"], 3),
            (["resume", "x"], 3),
            (["evaluate", "--weights", "x"], 3),
            (["config", "check", "x.yaml"], 2),
        ],
        rows=True,
    ),
)
def test_a_working_folder_that_was_removed_is_said_in_one_line(
    terminal: Terminal, words: list[str], code: int
) -> None:
    gone = terminal.folder / "gone"
    gone.mkdir()
    done = terminal.python(
        "import os, sys\n"
        f"os.chdir({str(gone)!r})\n"
        f"os.rmdir({str(gone)!r})\n"
        "from tui.cli.main import main\n"
        f"sys.exit(main({words!r}))\n"
    )
    assert done.code == code, done.err
    assert "Traceback" not in done.err
    assert "cnn-tui failed" not in done.err
    (line,) = [line for line in done.errors if line]
    assert "was removed" in line or "no such" in line


def test_a_config_from_standard_input_that_is_closed(terminal: Terminal) -> None:
    done = terminal.python(
        "import sys\n"
        "sys.stdin = None\n"
        "from tui.cli.main import main\n"
        "sys.exit(main(['config', 'check', '-']))\n"
    )
    assert (done.code, done.errors) == (2, ["standard input is closed; expected a config there"])
