"""Downloading a data set from its publisher or a mirror, checked against pinned checksums."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from engine.data.dataset import Cancelled, DatasetInfo, Download, Progress
from engine.errors import DataError

_TIMEOUT = 15.0
_CHUNK = 1 << 16
_STAGING = ".fetch-"
_STALE_SECONDS = 24 * 3600.0


class FetchCancelledError(DataError):
    """A download was given up because the caller asked for it."""


class _BadMirrorError(Exception):
    """A mirror gave nothing usable; the message says why in a few words."""


def download(
    info: DatasetInfo,
    root: Path,
    *,
    mirrors: Sequence[str] | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Path:
    """Make sure that a data set is there and whole; download what is not.

    Every file is downloaded under a temporary name, checked, and then renamed, so that there is
    never a half-written file under the right name. A mirror that is dead, or whose file is not
    the published one, is passed over for the next.

    Args:
        info: the data set.
        root: the folder of the data sets.
        mirrors: addresses of folders, in place of those that are known.
        progress: told how far every file is.
        cancelled: asked after every piece of about 64 KB.

    Returns:
        Where the set is, as ``info.locate`` finds it.

    Raises:
        DataError: no mirror has a file, or it cannot be written.
        FetchCancelledError: ``cancelled`` returned true.
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
    """Remove what downloads that were killed have left behind."""
    for path in folder.glob(f"{_STAGING}*"):
        if time.time() - path.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


class _Sink:
    """Where a download is written to: counts, reports, and stops what is too long or unwanted."""

    def __init__(
        self,
        out: BinaryIO,
        file: Download,
        progress: Progress | None,
        cancelled: Cancelled | None,
    ) -> None:
        self._out = out
        self._file = file
        self._progress = progress
        self._cancelled = cancelled
        self.done = 0

    def write(self, data: bytes) -> None:
        if self._cancelled is not None and self._cancelled():
            raise FetchCancelledError(f"{self._file.name}: the download was cancelled")
        self.done += len(data)
        if self.done > self._file.size:
            raise _BadMirrorError("it sends more than was published")
        self._out.write(data)
        if self._progress is not None:
            self._progress(self._file.name, self.done, self._file.size)

    def flush(self) -> None:
        self._out.flush()


def _from_any(
    info: DatasetInfo,
    root: Path,
    file: Download,
    mirrors: Sequence[str],
    staged: Path,
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> None:
    """Download a file to ``staged`` from the first mirror that has the right one."""
    reasons = []
    for mirror in mirrors:
        if cancelled is not None and cancelled():
            raise FetchCancelledError(f"{file.name}: the download was cancelled")
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
    """Send what is at an address to a sink, or raise _BadMirrorError."""
    # Imported here because they take a while, and nothing else needs a network.
    import requests
    from pooch import HTTPDownloader

    # 'identity': a server that declares .gz an encoding would have it unpacked on the way.
    get = HTTPDownloader(
        chunk_size=_CHUNK, timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"}
    )
    try:
        get(url, sink, None)
    except requests.HTTPError as exc:
        status = "error" if exc.response is None else exc.response.status_code
        raise _BadMirrorError(f"HTTP {status}") from exc
    except requests.Timeout as exc:
        raise _BadMirrorError("no answer in time") from exc
    except requests.ConnectionError as exc:
        raise _BadMirrorError("connection lost" if sink.done else "no connection") from exc
    except requests.exceptions.ChunkedEncodingError as exc:
        raise _BadMirrorError("connection lost") from exc
    except (requests.RequestException, ValueError) as exc:
        raise _BadMirrorError(f"not a usable answer ({type(exc).__name__})") from exc


def _check(info: DatasetInfo, file: Download, staged: Path) -> None:
    """Raise _BadMirrorError for a file that is not the published one."""
    from pooch import file_hash

    if file.sha256 is not None:
        size = staged.stat().st_size
        if size < file.size:
            raise _BadMirrorError(f"it ended after {size:,} of {file.size:,} bytes")
        digest = file_hash(str(staged))
        if digest != file.sha256:
            raise _BadMirrorError(f"another file (SHA-256 {digest[:12]}…)")
        return
    try:
        info.check(staged)
    except DataError as exc:
        raise _BadMirrorError(f"another file ({str(exc).removeprefix(f'{staged}: ')})") from exc
