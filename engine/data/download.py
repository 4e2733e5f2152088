"""Downloads of data sets from publisher or mirror, checked against pinned checksums."""

import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, Full, Queue
from typing import BinaryIO
from urllib.parse import urlsplit

from engine.data.dataset import DatasetInfo, Download, IsCancelled, Progress
from engine.errors import Cancelled, DataError

_TIMEOUT = 15.0
_CHUNK = 1 << 16
_LOOK = 0.1
"""Seconds between two looks at whether to give up."""
_STAGING = ".fetch-"
_STALE_SECONDS = 24 * 3600.0


class _BadMirrorError(Exception):
    """A mirror gave nothing usable; the message says why."""


def download(
    info: DatasetInfo,
    root: Path,
    *,
    mirrors: Sequence[str] | None = None,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
) -> Path:
    """Download the missing or damaged files of a data set.

    Every file is downloaded under a temporary name, checked, and then renamed, so that there is
    never a half-written file under the right name. A mirror that is dead, or whose file is not
    the published one, is passed over for the next.

    Args:
        info: the data set.
        root: the folder of the data sets.
        mirrors: addresses of folders, in place of those that are known.
        progress: called with the progress of every file.
        cancelled: polled several times a second; true cancels, whatever a server does.

    Returns:
        Where the set is, as ``info.locate`` finds it.

    Raises:
        DataError: no mirror has a file, or it cannot be written.
        Cancelled: ``cancelled`` returned true.
    """
    place = info.locate(root)
    if place is not None and all(file.state == "ok" for file in info.verify(root)):
        return place
    if not info.downloads:
        raise DataError(f"{info.name}: it is missing or damaged; {info.how_to_get(root)}")
    folder = info.folder(root)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        with tempfile.TemporaryDirectory(
            prefix=_STAGING, dir=folder, ignore_cleanup_errors=True
        ) as staging:
            for file in info.downloads:
                if not _is_whole(info, folder / file.name):
                    staged = Path(staging, file.name)
                    sources = mirrors if mirrors is not None else info.mirrors
                    _from_any(info, root, file, sources, staged, progress, cancelled)
                    staged.replace(folder / file.name)
    except OSError as exc:
        raise DataError(
            f"{exc.filename or folder}: cannot write: {exc.strerror or exc}; "
            "name another folder with --root, data.root or $CNN_TUI_DATA"
        ) from exc
    located = info.locate(root)
    assert located is not None, f"{info.name} is downloaded to where it is not looked for"
    return located


def _is_whole(info: DatasetInfo, path: Path) -> bool:
    try:
        info.check(path)
    except DataError:
        return False
    return True


def _sweep(folder: Path) -> None:
    """Remove the leftovers of killed downloads."""
    for path in folder.glob(f"{_STAGING}*"):
        if time.time() - path.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


class _Sink:
    """The target of a download: counts bytes, reports progress, and enforces the size limit."""

    def __init__(
        self,
        out: BinaryIO,
        file: Download,
        progress: Progress | None,
        cancelled: IsCancelled | None,
    ) -> None:
        self._out = out
        self._file = file
        self._progress = progress
        self._cancelled = cancelled
        self.done = 0

    def check(self) -> None:
        """Raise Cancelled if the caller asked for it."""
        if self._cancelled is not None and self._cancelled():
            raise Cancelled(f"{self._file.name}: the download was cancelled")

    def write(self, data: bytes) -> None:
        self.done += len(data)
        if self.done > self._file.size:
            raise _BadMirrorError("it sends more than was published")
        self._out.write(data)
        if self._progress is not None:
            self._progress(self._file.name, self.done, self._file.size)


def _from_any(
    info: DatasetInfo,
    root: Path,
    file: Download,
    mirrors: Sequence[str],
    staged: Path,
    progress: Progress | None,
    cancelled: IsCancelled | None,
) -> None:
    """Download a file to ``staged`` from the first mirror that has the right one."""
    reasons = []
    for mirror in mirrors:
        try:
            with staged.open("wb") as out:
                sink = _Sink(out, file, progress, cancelled)
                _get(f"{mirror.rstrip('/')}/{file.name}", sink)
            _check(info, file, staged)
        except _BadMirrorError as exc:
            staged.unlink()
            reasons.append(f"{urlsplit(mirror).netloc}: {exc}")
        else:
            return
    missing = [f.name for f in info.downloads if not _is_whole(info, info.folder(root) / f.name)]
    raise DataError(
        f"{info.name}: cannot download {file.name} ({'; '.join(reasons)}); "
        f"without a network, put {', '.join(missing)} into {info.folder(root)}"
    )


def _get(url: str, sink: _Sink) -> None:
    """Download an address into a sink, or raise _BadMirrorError.

    A thread of its own waits for the server, so that one that is slow to answer, or lets its
    bytes drip, never keeps the caller from giving up. It is left behind then, and ends with the
    next thing that it hears.
    """
    sink.check()
    pieces: Queue[bytes | Exception | None] = Queue(maxsize=16)
    given_up = threading.Event()
    threading.Thread(
        target=_receive, args=(url, pieces, given_up), name="cnn-tui-download", daemon=True
    ).start()
    try:
        while True:
            sink.check()
            with suppress(Empty):
                piece = pieces.get(timeout=_LOOK)
                if piece is None:
                    return
                if isinstance(piece, Exception):
                    raise _BadMirrorError(_reason(piece, sink.done > 0)) from piece
                sink.write(piece)
    finally:
        given_up.set()


def _receive(
    url: str, pieces: "Queue[bytes | Exception | None]", given_up: threading.Event
) -> None:
    """Put the pieces of a download into a queue, then None, or the error that ended it."""

    def pass_on(piece: bytes | Exception | None) -> None:
        while not given_up.is_set():
            with suppress(Full):
                pieces.put(piece, timeout=_LOOK)
                return

    try:
        import requests  # takes a while, and nothing else needs a network

        # 'identity': a server that declares .gz an encoding would have it unpacked on the way.
        headers = {"Accept-Encoding": "identity"}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            response.raise_for_status()
            for piece in response.iter_content(_CHUNK):
                pass_on(piece)
                if given_up.is_set():
                    return
        pass_on(None)
    except Exception as error:  # whatever it is, the caller is waiting for it
        pass_on(error)


def _reason(error: Exception, begun: bool) -> str:
    """Reason for passing over a mirror, in a few words; ``begun`` if it has sent something."""
    import requests

    match error:
        case requests.HTTPError():
            return f"HTTP {'error' if error.response is None else error.response.status_code}"
        case requests.Timeout():
            return "no answer in time"
        case requests.exceptions.ChunkedEncodingError():
            return "connection lost"
        case requests.ConnectionError():
            return "connection lost" if begun else "no connection"
        case requests.RequestException() | ValueError():
            return f"not a usable answer ({type(error).__name__})"
    raise error


def _check(info: DatasetInfo, file: Download, staged: Path) -> None:
    """Check a downloaded file; raise _BadMirrorError if it is not the published one."""
    size = staged.stat().st_size
    if file.sha256 is not None and size < file.size:
        raise _BadMirrorError(f"it ended after {size:,} of {file.size:,} bytes")
    try:
        if not file.check(staged):
            info.check(staged)
    except DataError as exc:
        raise _BadMirrorError(f"another file ({str(exc).removeprefix(f'{staged}: ')})") from exc
