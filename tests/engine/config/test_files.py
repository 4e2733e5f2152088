"""Files that are no configs: one line each, and nothing hangs."""

import os
from pathlib import Path

import pytest

from engine.config import ConfigProblems, load


def problem_with(path: Path | str) -> str:
    with pytest.raises(ConfigProblems) as caught:
        load(path)
    line, last = str(caught.value).split("\n")
    assert last == "1 problem, nothing was run."
    return line.removeprefix(f"{path}: ")


def test_missing(tmp_path: Path) -> None:
    assert problem_with(tmp_path / "a.yaml") == "cannot be read: no such file or directory"


def test_a_folder(tmp_path: Path) -> None:
    assert problem_with(tmp_path) == "a folder; expected a YAML file"


def test_inside_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert problem_with(tmp_path / "a" / "b.yaml") == "cannot be read: not a directory"


def test_a_name_that_no_file_can_have() -> None:
    assert problem_with("a\0b") == "ab: cannot be read: not a path"


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="has no /dev/zero")
def test_a_device_without_end() -> None:
    assert problem_with("/dev/zero") == "not a regular file; expected a YAML file"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
def test_a_pipe_that_nobody_writes_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert problem_with(tmp_path / "pipe") == "not a regular file; expected a YAML file"


def test_binary(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"seed: 1\n\x89PNG\r\n\x1a\n\0\0")
    assert problem_with(path) == "not text in UTF-8 (byte 0x89 in line 2); expected a YAML file"


def test_binary_that_happens_to_be_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"seed: 1\n\0\0\0\0")
    assert problem_with(path) == f"{path}:2:1: a character that is not text (U+0000)"


def test_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("# für\n".encode("latin-1"))
    assert problem_with(path) == "not text in UTF-8 (byte 0xfc in line 1); expected a YAML file"


def test_utf_16(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("seed: 1\n".encode("utf-16"))
    assert problem_with(path).startswith("not text in UTF-8 (byte 0xff in line 1)")


@pytest.mark.parametrize("extra", [0, 1, 1_000_000])
def test_size(extra: int, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    text = "dataset: mnist\nmodel: mlp\n"
    path.write_text(text + "#" * (64 * 1024 - len(text) + extra))
    if extra:
        assert problem_with(path) == "more than 64 KB; a config is a small file"
    else:
        assert load(path).dataset == "mnist"


def test_the_file_is_named_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("model: mlp\n")
    assert problem_with("a.yaml").startswith("a.yaml:1:1: dataset: missing")
