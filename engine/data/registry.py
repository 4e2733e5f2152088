"""Registry of data sets."""

from typing import TypeVar

from engine.data.dataset import DatasetInfo

DATASETS: dict[str, DatasetInfo] = {}
"""Every data set by its name in configs, smallest download first: the order of every list."""

Info = TypeVar("Info", bound=DatasetInfo)


def register(info: Info) -> Info:
    """Register a data set under its name.

    Raises:
        ValueError: the name is taken.
    """
    if info.name in DATASETS:
        raise ValueError(f"there are two data sets named {info.name}")
    DATASETS[info.name] = info
    for name in sorted(DATASETS, key=_bytes_to_download):
        DATASETS[name] = DATASETS.pop(name)
    return info


def _bytes_to_download(name: str) -> int:
    return sum(file.size for file in DATASETS[name].downloads)
