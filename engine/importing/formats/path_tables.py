"""Tables with a column of image files and a column of labels."""

from engine.errors import DataError
from engine.importing.folders import DiskFile
from engine.importing.formats import labels as labels_of
from engine.importing.formats.headers import Header, Rows
from engine.importing.image_files import ImagePart, shape_of
from engine.importing.source import ImportOptions, Source, Watch

_EVERY = 1000  # rows between two looks at the watch


def read_paths(
    header: Header, column: int, rows: Rows, options: ImportOptions, watch: Watch
) -> Source:
    """Read a table of image files, which may lie anywhere.

    Args:
        header: of the table.
        column: of the paths, which are relative to the table's folder.
        rows: all that there are.
        options: of the import.
        watch: sees the progress, and may cancel.

    Raises:
        DataError: a row is not as it should be, or no image can be read.
        ConfigError: an option does not fit, or the images have several sizes.
        Cancelled: the watch cancelled.
    """
    label = header.label_column(options.label, beside=column)
    files: list[DiskFile] = []
    labels: list[str] = []
    lines: list[int] = []
    for line, row in rows:
        header.check(line, row)
        if len(lines) % _EVERY == 0:
            watch.check()
        if not row[column].strip() or "\0" in row[column]:
            raise DataError(f"{header.path}: line {line}: the path of the image is missing")
        files.append(DiskFile(str(header.path.parent), row[column].strip()))
        labels.append(row[label].strip())
        lines.append(line)
    classes, indices = labels_of.from_text(
        labels, options.classes, lambda i: f"{header.path}: line {lines[i]}"
    )
    shape = shape_of(files, options, watch)
    part = ImagePart(files, indices, shape, options.preparation, watch)
    return Source("table of image files", classes, shape, {"train": part})
