"""The configs: all there are, the open ones, and the chosen one."""

import os
from pathlib import Path

from engine.config import list_configs
from engine.data import processed_folder
from engine.data.imported import MANIFEST
from engine.errors import DataError
from engine.paths import real_path
from engine.services.configs import DEFAULT, resolve
from tui.state.disk_file import Stamp, stamp_of
from tui.state.document import ConfigDocument, News


class Workspace:
    """Which configs there are.

    Attributes:
        paths: of all configs, quickstart first.
        document: the chosen one.
        version: grows whenever one of their files, or an imported data set, is new, another one,
            or gone.
    """

    def __init__(self, paths: list[Path], chosen: Path) -> None:
        self._folder = real_path(Path())  # it may be removed later; files keep their names
        self._extra = [chosen]
        self._open: dict[Path, ConfigDocument] = {}
        self._stamps: dict[Path, Stamp | None] = {}
        self._imports = _imports()
        self.version = 0
        self.paths = paths
        self.rescan()
        self.document = self.choose(chosen)

    @classmethod
    def opened(cls, config: Path | None = None, last: str = "") -> "Workspace":
        """All configs that are found.

        Args:
            config: which one to choose.
            last: else the path of this one, if it still is there and belongs here; else quickstart.
        """
        if config is None and last and os.path.isfile(last) and _belongs_here(Path(last)):
            config = Path(last)
        return cls([], config or resolve(DEFAULT))

    def rescan(self) -> None:
        """List the files again."""
        found = {self._key(path): path for path in list_configs()}
        unsaved = [document.path for document in self.dirty if document.path is not None]
        for path in [*self._extra, *unsaved]:
            found.setdefault(self._key(path), path)
        first = self._key(resolve(DEFAULT))
        self.paths = sorted(found.values(), key=lambda path: self._key(path) != first)
        self._stamps = {key: stamp_of(key) for key in found}
        self.version += 1

    def look(self) -> list[tuple[ConfigDocument, News]]:
        """Check all files; open configs without changes of their own follow them.

        Returns:
            The open configs about which there is something to say.
        """
        news, dropped = [], False
        for key, document in list(self._open.items()):
            changed_here = document.dirty
            if (what := document.look()) is None:
                continue
            if what == "removed" and not changed_here and document is not self.document:
                del self._open[key]  # nothing is lost
                dropped = True
            else:
                news.append((document, what))
        there = {self._key(path) for path in list_configs()}
        changed = any(stamp_of(key) != stamp for key, stamp in self._stamps.items())
        if dropped or changed or not there <= self._stamps.keys():
            self._extra = [path for path in self._extra if self._key(path) in self._open]
            self.rescan()
        if self._imports != (there_now := _imports()):
            self._imports = there_now
            for document in self._open.values():
                document.check_again()
            self.version += 1
        return news

    def forget(self, document: ConfigDocument) -> None:
        """A config whose file is gone is not wanted any more."""
        self._open = {k: d for k, d in self._open.items() if d is not document}
        self._extra = [path for path in self._extra if path != document.path]
        self.rescan()
        self.choose(self.paths[0])

    def choose(self, path: Path) -> ConfigDocument:
        """Open a config; one that is open already keeps its unsaved changes."""
        key = self._key(path)
        if key not in self._open:
            self._open[key] = ConfigDocument.open(path)
        self.document = self._open[key]
        return self.document

    def saved_as(self, document: ConfigDocument) -> None:
        """A document has another file now."""
        assert document.path is not None
        self._open = {k: d for k, d in self._open.items() if d is not document}
        self._open[self._key(document.path)] = document
        self._extra.append(document.path)
        self.rescan()

    def opened_document(self, path: Path) -> ConfigDocument | None:
        """A config with its unsaved changes; None if it was not opened yet."""
        return self._open.get(self._key(path))

    def _key(self, path: Path) -> Path:
        """The key of a file, however its path is written."""
        return real_path(self._folder / path)

    @property
    def dirty(self) -> list[ConfigDocument]:
        """All that have unsaved changes."""
        return [document for document in self._open.values() if document.dirty]


def _belongs_here(config: Path) -> bool:
    """Whether the last session's config is to be opened: with errors only in its own folder.

    What it names, an imported data set say, may only be there.
    """
    if real_path(config).is_relative_to(real_path(Path())):
        return True
    return ConfigDocument.open(config).config is not None


def _imports() -> dict[str, Stamp]:
    """Names of the imported data sets, which configs are checked against, and their stamps."""
    try:
        folder = processed_folder()
        stamps = {name: stamp_of(folder / name / MANIFEST) for name in os.listdir(folder)}
    except (DataError, OSError):  # $CNN_TUI_DATA is no path, or nothing was imported
        return {}
    return {name: stamp for name, stamp in stamps.items() if stamp is not None}
