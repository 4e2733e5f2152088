"""Downloads, from a server on the loopback interface that behaves and misbehaves."""

import dataclasses
import gzip
import hashlib
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

from engine.data import DATASETS, fetch, load, verify
from engine.data.dataset import Download
from engine.data.sets.mnist_mini import MNIST_MINI
from engine.errors import Cancelled, DataError
from tests.support.data_files import gzipped, idx_bytes, tar_bytes, write_mnist
from tests.support.loopback import (
    Answer,
    Mirror,
    cut,
    cut_without_length,
    declared_as_encoding,
    endless,
    login_page,
    nonsense,
    not_found,
    other_content,
    redirect_to_nowhere,
    stalled,
)

IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def mirrors(
    mnist_arrays: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Mirror, Mirror]]:
    """Two servers that have the small MNIST."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    files = {f"{name}.gz": gzipped(idx_bytes(array)) for name, array in mnist_arrays.items()}
    pair = Mirror(files), Mirror(files)
    yield pair
    for mirror in pair:
        mirror.close()


def urls(mirrors: tuple[Mirror, Mirror]) -> list[str]:
    return [mirror.url for mirror in mirrors]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def all_names() -> list[str]:
    return sorted(file.name for file in DATASETS["mnist"].downloads)


def test_fetch_brings_the_whole_set(
    tmp_path: Path,
    mirrors: tuple[Mirror, Mirror],
    mnist_arrays: dict[str, np.ndarray],
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert fetch("mnist", tmp_path, mirrors=urls(mirrors)) == tmp_path / "mnist"
    assert names(tmp_path / "mnist") == all_names()
    assert [file.state for file in verify("mnist", tmp_path)] == ["ok"] * 4
    images = load("mnist", tmp_path).train.images
    np.testing.assert_array_equal(images[:, 0], mnist_arrays[IMAGES.removesuffix(".gz")])
    assert mirrors[1].asked == []
    assert capfd.readouterr() == ("", "")


def test_load_downloads_when_told_to(
    tmp_path: Path, mirrors: tuple[Mirror, Mirror], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = dataclasses.replace(DATASETS["mnist"], mirrors=(mirrors[0].url,))
    monkeypatch.setitem(DATASETS, "mnist", known)
    with pytest.raises(DataError, match="not found"):
        load("mnist", tmp_path)
    assert mirrors[0].asked == []
    assert len(load("mnist", tmp_path, download=True).train) == 200


def test_what_is_there_and_whole_is_not_downloaded_again(
    tmp_path: Path, mirrors: tuple[Mirror, Mirror]
) -> None:
    fetch("mnist", tmp_path, mirrors=urls(mirrors))
    mirrors[0].asked.clear()
    assert fetch("mnist", tmp_path, mirrors=urls(mirrors)) == tmp_path / "mnist"
    assert mirrors[0].asked == []


def test_only_what_is_damaged_or_missing_is_downloaded(
    tmp_path: Path, mirrors: tuple[Mirror, Mirror]
) -> None:
    fetch("mnist", tmp_path, mirrors=urls(mirrors))
    (tmp_path / "mnist" / IMAGES).write_bytes(b"damaged")
    (tmp_path / "mnist" / LABELS).unlink()
    mirrors[0].asked.clear()
    fetch("mnist", tmp_path, mirrors=urls(mirrors))
    assert mirrors[0].asked == [IMAGES, LABELS]
    assert [file.state for file in verify("mnist", tmp_path)] == ["ok"] * 4


def test_a_set_that_lies_elsewhere_is_left_there(
    tmp_path: Path, mirrors: tuple[Mirror, Mirror], mnist_arrays: dict[str, np.ndarray]
) -> None:
    write_mnist(tmp_path, mnist_arrays, packed=False)
    assert fetch("mnist", tmp_path, mirrors=urls(mirrors)) == tmp_path
    assert mirrors[0].asked == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (not_found, "HTTP 404"),
        (other_content, "another file (it has SHA-256 "),
        (login_page, "it ended after 26 of "),
        (cut, "connection lost"),
        (cut_without_length, "it ended after "),
        (endless, "it sends more than was published"),
        (nonsense, "no connection"),
        (redirect_to_nowhere, "not a usable answer (InvalidSchema)"),
    ],
)
def test_a_bad_mirror_is_passed_over_or_named(
    tmp_path: Path, mirrors: tuple[Mirror, Mirror], answer: Answer, reason: str
) -> None:
    first, second = mirrors
    first.answer[LABELS] = answer
    with pytest.raises(DataError) as caught:
        fetch("mnist", tmp_path, mirrors=[first.url])
    assert reason in str(caught.value)
    # What was whole is kept, what was not has left no trace.
    assert names(tmp_path / "mnist") == [IMAGES]
    fetch("mnist", tmp_path, mirrors=[first.url, second.url])
    assert second.asked == [LABELS]
    assert names(tmp_path / "mnist") == all_names()
    assert [file.state for file in verify("mnist", tmp_path)] == ["ok"] * 4


def test_a_dead_first_mirror_is_passed_over(tmp_path: Path, mirrors: tuple[Mirror, Mirror]) -> None:
    fetch("mnist", tmp_path, mirrors=[NOBODY, mirrors[1].url])
    assert names(tmp_path / "mnist") == all_names()


def test_without_a_network_the_message_says_what_to_put_where(
    tmp_path: Path, mirrors: tuple[Mirror, Mirror]
) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / IMAGES).write_bytes(mirrors[0].files[IMAGES])
    with pytest.raises(DataError) as caught:
        fetch("mnist", tmp_path, mirrors=[NOBODY, NOBODY])
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"mnist: cannot download {LABELS} (127.0.0.1:9: no connection; ")
    rest = "t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz"
    assert message.endswith(f"without a network, put {LABELS}, {rest} into {folder}")


def test_a_file_without_a_checksum_of_its_own_is_checked_by_content(
    tmp_path: Path, mirrors: tuple[Mirror, Mirror], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = DATASETS["mnist"]
    unpinned = tuple(dataclasses.replace(file, sha256=None) for file in known.downloads)
    monkeypatch.setitem(DATASETS, "mnist", dataclasses.replace(known, downloads=unpinned))
    mirrors[0].files[IMAGES] = gzip.compress(gzip.decompress(mirrors[0].files[IMAGES]), 9)
    for answer, reason in ((other_content, "another file"), (cut_without_length, "cut short")):
        mirrors[0].answer[LABELS] = answer
        with pytest.raises(DataError, match=reason):
            fetch("mnist", tmp_path, mirrors=[mirrors[0].url])
    fetch("mnist", tmp_path, mirrors=urls(mirrors))
    assert [file.state for file in verify("mnist", tmp_path)] == ["ok"] * 4


def test_a_file_of_which_only_the_md5_is_published_is_checked_by_it(
    tmp_path: Path, mirrors: tuple[Mirror, Mirror], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = DATASETS["mnist"]
    files = tuple(
        Download(file.name, file.size + 1000, md5=_md5(mirrors[0].files[file.name]))
        for file in known.downloads
    )
    changed = dataclasses.replace(known, downloads=files, sha256={})  # type: ignore[call-arg]
    monkeypatch.setitem(DATASETS, "mnist", changed)
    for answer in (other_content, cut_without_length):
        mirrors[0].answer[LABELS] = answer
        with pytest.raises(DataError, match=r"another file \(it has MD5 .*…, expected .*…\)"):
            fetch("mnist", tmp_path, mirrors=[mirrors[0].url])
    fetch("mnist", tmp_path, mirrors=urls(mirrors))
    assert [file.state for file in verify("mnist", tmp_path)] == ["ok"] * 4


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def test_gzip_as_an_encoding_is_not_unpacked_on_the_way(
    tmp_path: Path, mirrors: tuple[Mirror, Mirror]
) -> None:
    mirrors[0].answer = dict.fromkeys(all_names(), declared_as_encoding)
    fetch("mnist", tmp_path, mirrors=[mirrors[0].url])
    assert [file.state for file in verify("mnist", tmp_path)] == ["ok"] * 4


def test_there_is_never_a_part_of_a_file_under_its_name(
    tmp_path: Path, mirrors: tuple[Mirror, Mirror]
) -> None:
    target = tmp_path / "mnist" / IMAGES
    target.parent.mkdir()
    target.write_bytes(b"damaged")
    seen = []

    def look(file: str, done: int, total: int) -> None:
        if file == IMAGES:
            seen.append(target.read_bytes())

    fetch("mnist", tmp_path, mirrors=urls(mirrors), progress=look)
    assert set(seen) == {b"damaged"}
    assert target.read_bytes() == mirrors[0].files[IMAGES]


def test_progress_is_reported_by_file(tmp_path: Path, mirrors: tuple[Mirror, Mirror]) -> None:
    seen: dict[str, list[tuple[int, int]]] = {}
    fetch(
        "mnist",
        tmp_path,
        mirrors=urls(mirrors),
        progress=lambda file, done, total: seen.setdefault(file, []).append((done, total)),
    )
    assert sorted(seen) == all_names()
    assert len(seen[IMAGES]) > 1
    for name, steps in seen.items():
        size = len(mirrors[0].files[name])
        assert steps == sorted(steps)
        assert steps[-1] == (size, size)


def test_cancelling_in_the_middle_of_a_file_leaves_nothing_of_it(
    tmp_path: Path, mirrors: tuple[Mirror, Mirror]
) -> None:
    started = threading.Event()
    with pytest.raises(Cancelled, match="cancelled"):
        fetch(
            "mnist",
            tmp_path,
            mirrors=urls(mirrors),
            progress=lambda file, done, total: started.set(),
            cancelled=started.is_set,
        )
    assert names(tmp_path / "mnist") == []
    assert mirrors[0].asked == [IMAGES]
    assert mirrors[1].asked == []


@pytest.mark.parametrize("phase", ["answer", "headers", "body"])
def test_cancelling_does_not_wait_for_a_slow_server(
    tmp_path: Path,
    mirrors: tuple[Mirror, Mirror],
    monkeypatch: pytest.MonkeyPatch,
    phase: str,
) -> None:
    monkeypatch.setattr(sys.modules["engine.data.download"], "_TIMEOUT", 60)
    asked, through = threading.Event(), threading.Event()
    outlasted = []

    def drip(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        if phase == "body":
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
        elif phase == "headers":
            handler.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
        asked.set()
        for i in range(200):
            if through.wait(0.05):
                return
            if phase != "answer":
                handler.wfile.write(content[i : i + 1] if phase == "body" else b"x")
        outlasted.append(phase)

    mirrors[0].answer[IMAGES] = drip
    try:
        with pytest.raises(Cancelled, match="cancelled"):
            fetch("mnist", tmp_path, mirrors=urls(mirrors), cancelled=asked.is_set)
    finally:
        through.set()
    assert outlasted == []
    assert names(tmp_path / "mnist") == []


def test_cancelled_before_it_starts(tmp_path: Path, mirrors: tuple[Mirror, Mirror]) -> None:
    with pytest.raises(Cancelled):
        fetch("mnist", tmp_path, mirrors=urls(mirrors), cancelled=lambda: True)
    assert mirrors[0].asked == []


def test_a_folder_that_cannot_be_written(tmp_path: Path, mirrors: tuple[Mirror, Mirror]) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(DataError, match=r"file/mnist: cannot write: ") as caught:
        fetch("mnist", blocked, mirrors=urls(mirrors))
    assert "\n" not in str(caught.value)


def test_what_a_killed_download_left_is_swept_in_time(
    tmp_path: Path, mirrors: tuple[Mirror, Mirror]
) -> None:
    folder = tmp_path / "mnist"
    old, fresh = folder / ".fetch-old", folder / ".fetch-fresh"
    for left in (old, fresh):
        left.mkdir(parents=True)
        (left / IMAGES).write_bytes(b"half")
    os.utime(old, (1e9, 1e9))
    fetch("mnist", tmp_path, mirrors=urls(mirrors))
    assert names(folder) == sorted([".fetch-fresh", *all_names()])


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_others_may_read_what_was_downloaded(
    tmp_path: Path, mirrors: tuple[Mirror, Mirror]
) -> None:
    fetch("mnist", tmp_path, mirrors=urls(mirrors))
    usual = tmp_path / "usual"
    usual.write_bytes(b"")
    for path in (tmp_path / "mnist").iterdir():
        assert path.stat().st_mode == usual.stat().st_mode


def test_cifar_comes_as_the_archive(
    tmp_path: Path, cifar_contents: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    name = "cifar-10-binary.tar.gz"
    mirror = Mirror({name: tar_bytes(cifar_contents)})
    try:
        assert fetch("cifar10", tmp_path, mirrors=[mirror.url]) == tmp_path / name
        mirror.answer[name] = not_found
        fetch("cifar10", tmp_path, mirrors=[mirror.url])
    finally:
        mirror.close()
    assert mirror.asked == [name]
    assert names(tmp_path) == [name]
    assert len(load("cifar10", tmp_path).train) == 30


def test_a_mirror_that_stalls_is_passed_over(
    tmp_path: Path, mirrors: tuple[Mirror, Mirror], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["engine.data.download"], "_TIMEOUT", 0.25)

    def half_then_stalled(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:100_000])
        stalled(handler, content)

    mirrors[0].answer[IMAGES] = half_then_stalled
    mirrors[1].answer[IMAGES] = stalled
    with pytest.raises(DataError, match=r"connection lost; .*no answer in time\)"):
        fetch("mnist", tmp_path, mirrors=urls(mirrors))
    assert names(tmp_path / "mnist") == []


def test_a_damaged_bundled_set_is_not_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = dataclasses.replace(MNIST_MINI, folders=(str(tmp_path),))
    monkeypatch.setitem(DATASETS, "mnist_mini", lost)
    for get in (fetch, load):
        with pytest.raises(DataError, match="it ships with cnn-tui: install cnn-tui again"):
            get("mnist_mini", tmp_path)


def test_a_damaged_cifar_folder_is_replaced_by_the_archive(
    tmp_path: Path, cifar_contents: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for name in cifar_contents:
        (folder / name).write_bytes(b"damaged")
    archive = tmp_path / "cifar-10-binary.tar.gz"
    mirror = Mirror({archive.name: tar_bytes(cifar_contents)})
    try:
        assert fetch("cifar10", tmp_path, mirrors=[mirror.url]) == archive
    finally:
        mirror.close()
    assert len(load("cifar10", tmp_path).train) == 30


def test_the_bundled_set_needs_no_download(tmp_path: Path) -> None:
    place = fetch("mnist_mini", tmp_path, mirrors=[NOBODY])
    assert (place / IMAGES).is_file()
    assert names(tmp_path) == []
