"""Run the notebooks from top to bottom, and write their outputs anew: ``python -m docs.notebooks``.

Each runs in an empty folder, so that nothing of this machine gets into its outputs.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
NOTEBOOKS = tuple(sorted((ROOT / "notebooks").glob("*.ipynb")))
LIMIT = 600
"""Seconds for one cell: a kernel that hangs is an error."""


def executed(path: Path, folder: Path) -> Any:
    """A notebook with the outputs of all its cells.

    Args:
        path: the notebook.
        folder: an empty one, to run it in; the project's, as far as the notebook can see.

    Raises:
        CellExecutionError: a cell failed.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    here = folder / "notebooks"
    here.mkdir()
    resources = {"metadata": {"path": str(here)}}
    NotebookClient(notebook, timeout=LIMIT, resources=resources, record_timing=False).execute()
    notebook.metadata.language_info = {"name": "python"}  # the version is that of this machine
    return notebook


def main() -> None:
    """Write all notebooks with new outputs."""
    import nbformat

    for path in NOTEBOOKS:
        with TemporaryDirectory() as folder:
            nbformat.write(executed(path, Path(folder)), path)


if __name__ == "__main__":
    main()
