"""``cnn-tui completion``: print what makes a shell complete commands, options and names.

shtab writes the scripts, from the parsers. What is completed after Tab is found by the shell alone,
in the working folder, so that no Python has to start for it: a script holds the names that ship.
"""

import argparse
from collections.abc import Mapping

from tui.cli.commands import COMMANDS, add_command
from tui.cli.parser import Parser, add_program_options, file, path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tui.cli.output import Output

    Completion = str | Mapping[str, str | Mapping[str, str]]

EXAMPLES = (
    'eval "$(cnn-tui completion bash)"    # in ~/.bashrc',
    'eval "$(cnn-tui completion zsh)"     # in ~/.zshrc, below compinit',
    "cnn-tui completion fish | source     # in ~/.config/fish/config.fish",
)

SHELLS = ("bash", "zsh", "fish")

_FUNCTIONS = {
    # compgen -W would carry out what stands in the name of a file: $(...)
    "bash": """\
_cnn_tui_beginning() {  # those of the words that begin with the first one
  local word=$1 name
  shift
  for name in "$@"; do [[ $name == "$word"* ]] && printf '%s\\n' "$name"; done
}
_cnn_tui_config_files() {
  local path names=(<configs>)
  for path in configs/*.yaml configs/*.yml; do
    [[ -e $path ]] && path=${path##*/} && names+=("${path%.*}")
  done
  _cnn_tui_beginning "$1" "${names[@]}"
  compgen -f -X '!*.y*ml' -- "$1"
  compgen -d -- "$1"
}
_cnn_tui_run_dirs() {
  local path names=()
  for path in runs/*/; do [[ -d $path ]] && path=${path%/} && names+=("${path##*/}"); done
  _cnn_tui_beginning "$1" "${names[@]}"
  compgen -d -- "$1"
}
_cnn_tui_weight_files() {
  _cnn_tui_run_dirs "$1"
  compgen -f -- "$1"
}
_cnn_tui_datasets() {
  local path names=(<datasets>) root=${CNN_TUI_DATA:-data/raw}
  [[ ${root##*/} == raw ]] && root=${root%raw}.
  for path in "$root"/processed/*/manifest.json; do
    [[ -e $path ]] && path=${path%/*} && names+=("${path##*/}")
  done
  _cnn_tui_beginning "$1" "${names[@]}"
}
_cnn_tui_presets() { _cnn_tui_beginning "$1" <presets>; }
_cnn_tui_lessons() { _cnn_tui_beginning "$1" <lessons>; }
""",
    "zsh": """\
_cnn_tui_config_files() {
  local -aU names=(<configs> configs/*.y*ml(N:t:r))
  compadd -a names
  _files -g '*.y*ml'
}
_cnn_tui_run_dirs() {
  local -a names=(runs/*(N/:t))
  compadd -a names
  _files -/
}
_cnn_tui_weight_files() {
  local -a names=(runs/*(N/:t))
  compadd -a names
  _files
}
_cnn_tui_datasets() {
  local root=${CNN_TUI_DATA:-data/raw}
  [[ ${root:t} == raw ]] && root=${root%raw}.
  local -a names=(<datasets> $root/processed/*/manifest.json(N:h:t))
  compadd -a names
}
_cnn_tui_presets() { compadd -- <presets> }
_cnn_tui_lessons() { compadd -- <lessons> }
""",
    "fish": """\
function _cnn_tui_config_files
  printf '%s\\n' <configs>
  for path in configs/*.y*ml
    string replace -r '\\.y[^.]*ml$' '' -- (string replace -r '.*/' '' -- $path)
  end
  for path in (__fish_complete_path (commandline -ct))
    string match -r '.*(?:\\.ya?ml|/)$' -- (string split \\t -- $path)[1]
  end
end
function _cnn_tui_run_dirs
  for path in runs/*/
    string replace -r '.*/' '' -- (string trim -r -c / -- $path)
  end
  __fish_complete_directories
end
function _cnn_tui_weight_files
  _cnn_tui_run_dirs
  __fish_complete_path (commandline -ct)
end
function _cnn_tui_datasets
  printf '%s\\n' <datasets>
  set -l root data/raw
  test -n "$CNN_TUI_DATA"; and set root $CNN_TUI_DATA
  string match -q -r '(^|/)raw$' -- $root; and set root (string sub -e -3 -- $root).
  for path in $root/processed/*/manifest.json
    string replace -r '.*/([^/]*)/manifest.json$' '$1' -- $path
  end
end
function _cnn_tui_presets
  printf '%s\\n' <presets>
end
function _cnn_tui_lessons
  printf '%s\\n' <lessons>
end
""",
}
"""What finds names, with stand-ins for those that ship."""

_BY_METAVAR = {
    "CONFIG": "_cnn_tui_config_files",
    "RUN": "_cnn_tui_run_dirs",
    "W": "_cnn_tui_weight_files",
    "DATASET": "_cnn_tui_datasets",
    "PRESET": "_cnn_tui_presets",
    "LESSON": "_cnn_tui_lessons",
}
"""The function that completes an argument, by what stands for it in ``--help``."""

_FILES = ("IMAGE|FOLDER", "IMAGE|INDEX")


def add_arguments(parser: Parser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="the shell that is to complete")


def run(options: argparse.Namespace, out: "Output") -> int:
    text = script(options.shell)
    out.json({"shell": options.shell, "script": text})
    out.text(text.rstrip("\n"))
    return 0


def script(shell: str) -> str:
    """The script for a shell, with the names that ship written into it."""
    from shlex import join

    import shtab

    from engine.data import DATASETS
    from engine.models import PRESETS
    from engine.resources import shipped
    from tui.lessons import list_lessons

    found = {
        "configs": sorted(path.stem for path in shipped("configs").glob("*.yaml")),
        "datasets": list(DATASETS),
        "presets": list(PRESETS),
        "lessons": [path.stem for path in list_lessons()],
    }
    functions = _FUNCTIONS[shell]
    for kind, words in found.items():
        functions = functions.replace(f"<{kind}>", join(words))
    parser = _whole_parser()
    _mark(parser, functions, shell)
    return shtab.complete(parser, shell)


def _whole_parser() -> Parser:
    """One parser with every command, which otherwise is made alone."""
    parser = Parser(prog="cnn-tui", description="Small convolutional networks in NumPy.")
    add_program_options(parser)
    for name, one in parser.add_verbs(COMMANDS).items():
        add_command(one, name)
    return parser


def _mark(parser: argparse.ArgumentParser, functions: str, shell: str) -> None:
    """Tell shtab how each argument is completed."""
    import shtab

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                _mark(one, functions, shell)
        elif action.metavar in _BY_METAVAR:
            name = _BY_METAVAR[str(action.metavar)]
            called = f"({name})" if shell == "fish" else name
            _set(action, {shell: called, "preamble": {shell: functions}})
        elif action.metavar == "DIR":
            _set(action, shtab.DIRECTORY)
        elif action.type in (path, file) or action.metavar in _FILES:
            _set(action, shtab.FILE)


def _set(action: argparse.Action, completion: "Completion") -> None:
    action.complete = completion  # type: ignore[attr-defined]
