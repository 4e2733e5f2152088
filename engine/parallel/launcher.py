"""How a launcher of MPI says that it started this process as one rank of several.

Only environment variables are read: a process that was started by itself imports no MPI.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

_LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE"),  # MPICH, Intel MPI; srun --mpi=pmi2
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),  # Open MPI
    ("PMIX_RANK", "SLURM_STEP_NUM_TASKS"),  # srun --mpi=pmix; without PMIX_RANK, Slurm says nothing
)


@dataclass(frozen=True)
class Launched:
    """The place of this process among those that a launcher started together.

    Attributes:
        rank: its number, from 0.
        size: how many there are, at least 2.
    """

    rank: int
    size: int


def launched_ranks(variables: Mapping[str, str] = os.environ) -> Launched | None:
    """The place of this process in an MPI job; None if it is not one of several ranks."""
    for rank, size in _LAUNCHERS:
        found = variables.get(rank, ""), variables.get(size, "")
        if all(text.isascii() and text.isdigit() for text in found) and int(found[1]) > 1:
            return Launched(int(found[0]), int(found[1]))
    return None
