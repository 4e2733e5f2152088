"""Which images of a tree of folders are of which class and part."""

from collections.abc import Mapping

import numpy as np

from engine.data.imported import MAX_CLASSES
from engine.errors import ConfigError
from engine.images.reading import SUFFIXES
from engine.importing.image_files import ImagePart, shape_of
from engine.importing.source import ImportOptions, Source, Unreadable, Watch
from engine.importing.tree import Folder, natural, shown
from engine.sanitize import printable

_TRAIN = ("train", "training")
_TEST = ("test", "testing")
_VALIDATION = ("val", "valid", "validation")
_PARTS = (*_TRAIN, *_TEST, *_VALIDATION)
_LONGEST = 200  # characters of a class's name


def source_of_folders(
    top: Folder,
    name: str,
    kind: str,
    options: ImportOptions,
    watch: Watch,
    unreadable: list[Unreadable],
) -> Source:
    """A source of images in a folder a class.

    Above the folders of the classes there may be the parts: ``train``, and ``test`` or ``val``, by
    any of their usual names. Where there is no ``test``, ``val`` is the test part; where there are
    both, the images of ``val`` are trained on. Folders below a class belong to it. A class is named
    as its folder, and classes and images are in the natural order of their names. A single folder
    around all is passed over.

    Args:
        top: what there is.
        name: of the source, for messages.
        kind: of the source, for people.
        options: how it is imported. Of ``classes``, each is to be a folder, and other folders are
            left out.
        watch: sees the progress, and may cancel.
        unreadable: what was found to be so already.

    Raises:
        ConfigError: the folders are arranged in another way.
        DataError: no image can be read.
        Cancelled: the watch cancelled.
    """
    if options.label is not None:
        raise ConfigError(f"--label: {name} has no columns; a class is named as its folder")
    folders = {part: _merged(some) for part, some in _parts(_unwrapped(top), name).items()}
    classes = _classes(folders, options, name)
    files, labels = {}, {}
    for part, by_name in folders.items():
        found = [
            [image for one in by_name.get(key, ()) for image in one.images_below()]
            for key in classes.values()
        ]
        files[part] = [image for some in found for image in some]
        labels[part] = np.repeat(np.arange(len(found)), [len(some) for some in found])
    taken = [file for some in files.values() for file in some]
    if not taken:
        suffixes = ", ".join(SUFFIXES)
        raise ConfigError(f"{name}: no images in its folders; their names end with {suffixes}")
    shape = shape_of(taken, options, watch)
    return Source(
        kind=kind,
        classes=tuple(classes),
        image_shape=shape,
        parts={
            part: ImagePart(files[part], labels[part], shape, options.preparation, watch)
            for part in files
        },
        facts={"left_out": top.others_below() + sum(1 for _ in top.images_below()) - len(taken)},
        unreadable=tuple(unreadable),
    )


def _unwrapped(top: Folder) -> Folder:
    """The folder that has several folders, or one with files."""
    while len(top.folders) == 1:
        (only,) = top.folders.values()
        if not only.folders or only.images:
            break
        top = only
    return top


def _parts(top: Folder, name: str) -> dict[str, list[Folder]]:
    """The folders that hold those of the classes, by part."""
    found = sorted(top.folders, key=natural)
    if not all(one.lower() in _PARTS for one in found):
        return {"train": [top]}

    def among(names: tuple[str, ...]) -> list[Folder]:
        return [top.folders[one] for one in found if one.lower() in names]

    train, test, validation = map(among, (_TRAIN, _TEST, _VALIDATION))
    if not train:
        return {"train": [top]}
    if not any(folder.folders for folder in train):
        raise ConfigError(f"{name}: expected a folder a class in its folder train, found none")
    if not test:
        test, validation = validation, []
    return {"train": train + validation} | ({"test": test} if test else {})


def _merged(folders: list[Folder]) -> dict[str, list[Folder]]:
    """The folders in some folders, by name."""
    merged: dict[str, list[Folder]] = {}
    for folder in folders:
        for name, one in folder.folders.items():
            merged.setdefault(name, []).append(one)
    return merged


def _classes(
    folders: Mapping[str, Mapping[str, list[Folder]]], options: ImportOptions, name: str
) -> dict[str, str]:
    """Names of the classes, in the order of their labels, and of their folders."""
    known = sorted({one for some in folders.values() for one in some}, key=natural)
    if not known:
        raise ConfigError(f"{name}: expected a folder a class, found no folder with images")
    if options.classes is not None:
        for one in options.classes:
            if one not in known:
                listed = shown(", ".join(known))
                raise ConfigError(f"--classes: {shown(one)} is no folder of {name} ({listed})")
        known = list(options.classes)
    if len(known) > MAX_CLASSES:
        raise ConfigError(f"{name}: it has {len(known):,} folders; at most {MAX_CLASSES:,} classes")
    classes: dict[str, str] = {}
    for folder in known:
        clean = printable(folder, None).strip()
        if not 0 < len(clean) <= _LONGEST:
            raise ConfigError(
                f"{name}: {shown(folder) or 'a folder'}: the name of a class has 1 to {_LONGEST} "
                "printable characters; rename the folder"
            )
        if clean in classes:
            raise ConfigError(f"{name}: two folders are called {shown(clean)}; rename one")
        classes[clean] = folder
    return classes
