"""A job of ranks that trains small configs: ``mpiexec -n 2 python -m tests.mpi.job FOLDER``.

The folder has ``cases.json``, a list of objects:

* ``text`` and ``overrides`` of a config;
* ``resume``: the folder of a run, or null;
* ``stop``: epoch and batch after which it is to be stopped, or null.
"""

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from engine.numbers import null_for_nan
from engine.parallel.mpi import Connection, connect
from engine.parallel.ranks import Leader
from engine.train import ranks
from tests.support.small_runs import Run, Stop, make_config, train


def main() -> None:
    folder = Path(sys.argv[1])
    connection = connect()
    try:
        _train_all(folder, connection)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        connection.abort(1)  # the others wait for orders


def _train_all(folder: Path, connection: Connection) -> None:
    results = []
    for case in json.loads((folder / "cases.json").read_text()):
        if connection.rank > 0:
            ranks.follow(connection, None, None)
        else:
            results.append(outcome(_lead(folder, case, connection)))
    if connection.rank == 0:
        (folder / "results.json").write_text(json.dumps(results))


def _lead(folder: Path, case: dict[str, Any], connection: Connection) -> Run:
    leader = Leader(connection)
    done = train_case(folder, case, leader)
    leader.dismiss(0)
    return done


def train_case(folder: Path, case: dict[str, Any], leader: Leader | None = None) -> Run:
    """Train a case, on ranks or in this process alone."""
    stop, resume = case.get("stop"), case.get("resume")
    return train(
        make_config(folder, case["text"], *case.get("overrides", ())),
        resume=None if resume is None else Path(resume),
        stop=None if stop is None else Stop(tuple(stop)),
        leader=leader,
    )


def outcome(run: Run) -> dict[str, Any]:
    """What has to be the same however many ranks there are, and the run's folder and record."""
    record = json.loads((run.path / "run.json").read_text())
    return {
        "status": run.ended.status,
        "final": run.session.state.provenance.final,
        "weights": run.session.state.provenance.weights,
        "metrics": null_for_nan(run.history),
        "test": null_for_nan(run.ended.test),
        "path": str(run.path),
        "ranks": record.get("ranks"),
    }


if __name__ == "__main__":
    main()
