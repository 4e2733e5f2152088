"""Runs on disk, made by hand: the same bytes every time, without training."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from engine.checkpoints import checkpoint
from engine.config import dump, loads
from engine.films import film
from engine.films.film import FilmWriter
from engine.runs.metrics_csv import append
from engine.runs.record import weights_meta
from engine.train import factory

CONV = """\
dataset: mnist_mini
layers:
  - Conv2D: {out_channels: 4, kernel_size: 5, stride: 2}
  - ReLU
  - MaxPool2D: {kernel_size: 2}
  - Conv2D: {out_channels: 6, kernel_size: 3}
  - ReLU
  - Flatten
  - Dense: {out_features: 10}
seed: 1
data: {limit: 400}
train: {epochs: 3, batch_size: 64, lr: 0.05}
"""


def make_run(
    root: Path,
    run_id: str = "20260102-030405-conv-00aa",
    *,
    config: str = CONV,
    status: str = "finished",
    accuracies: tuple[float, ...] = (0.5, 0.75, 0.875),
    weights: bool = True,
    overrides: tuple[str, ...] = (),
    **record: Any,
) -> Path:
    """A run directory, with metrics, finished weights and a checkpoint of its best epoch."""
    run = root / run_id
    (run / "checkpoints").mkdir(parents=True)
    parsed = loads(config, "config.yaml", list(overrides))
    (run / "config.yaml").write_text(dump(parsed))
    history = [
        {
            "loss": 1.0 - accuracy,
            "acc": accuracy,
            "val_loss": 1.1 - accuracy,
            "val_acc": accuracy,
            "lr": 0.05,
            "seconds": 1.0,
        }
        for accuracy in accuracies
    ]
    for epoch, logs in enumerate(history, 1):
        append(run / "metrics.csv", {"epoch": epoch, **logs})
    known = {
        "status": status,
        "name": run_id.split("-")[2],
        "dataset": parsed.dataset,
        "model": parsed.model or "custom",
        "parameters": 1234,
        "seed": parsed.seed,
        "epochs": len(history),
        "seconds": 12.5,
        "best": {"epoch": len(history), "val_acc": max(accuracies, default=0.0)},
        "test": {"test_acc": 0.8125, "test_loss": 0.5} if status == "finished" else {},
    }
    (run / "run.json").write_text(json.dumps(known | record))
    if weights:
        model = factory.make_model(parsed)
        arrays = {f"model/{name}": array for name, array in model.state_dict().items()}
        meta = weights_meta(parsed, model)
        progress = {"epoch": len(history), "global_step": 6 * len(history)}
        checkpoint.save(
            run / "checkpoints" / "best.npz",
            arrays,
            meta | {"kind": "run", "progress": progress, "history": history},
        )
        if status == "finished":
            checkpoint.save(run / "weights.npz", arrays, meta)
    return run


def add_film(run: Path, *, epochs: int = 2, config: str = CONV) -> list[Path]:
    """A film for a run: fresh weights, then weights that are larger at every moment."""
    parsed = loads(config, "config.yaml")
    model = factory.make_model(parsed)
    arrays = {f"model/{name}": array for name, array in model.state_dict().items()}
    writer = FilmWriter(run, arrays, 6)
    moments = [film.Moment(0, 0, 0, {}), film.Moment(0, 1, 1, {"loss": 2.25, "acc": 0.125})]
    moments += [
        film.Moment(epoch, 0, 6 * epoch, {"val_acc": 0.5 + epoch / 8})
        for epoch in range(1, epochs + 1)
    ]
    for grown, moment in enumerate(moments, 1):
        larger = {name: array * np.float32(grown) for name, array in arrays.items()}
        writer.add(moment, larger, weights_meta(parsed, model))
    return film.frames(run)
