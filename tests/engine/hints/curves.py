"""The recorded curves: writing them anew, and reading them.

    python -m tests.engine.hints.curves

trains every case again, in some minutes, and writes ``curves.json`` beside this file. It needs
MNIST and CIFAR-10 in the folder that ``$CNN_TUI_DATA`` names.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from engine.config import Config, loads
from engine.data import Dataset
from engine.events import EpochEnded, Event
from engine.hints import Evidence, LayerStats, Look, holding
from engine.train import factory
from engine.train.session import TrainingSession
from tests.engine.hints.cases import CASES, DATA, NETS, Case

FILE = Path(__file__).with_name("curves.json")
CLASSES = tuple("0123456789")
COLUMNS = ("loss", "acc", "val_loss", "val_acc", "lr", "grad_norm")
_LAYER = ("grad_rms", "update_ratio", "dead")


def config_of(case: Case, folder: str = "runs", fix: Sequence[str] = ()) -> Config:
    """The config of a case, with a fix or without."""
    places = [f"runs_dir={folder}/runs", f"reports_dir={folder}/reports"]
    text = f"dataset: {case.dataset}\nseed: {case.seed}\n{NETS[case.net]}\n"
    return loads(text, "case.yaml", [*case.overrides, *fix, *places])


def record(case: Case) -> dict[str, Any]:
    """Train a case; its curves as JSON, with four significant digits, its layers with two."""
    looks: list[Look] = []
    load = factory.load_dataset

    def other_data(config: Config, **more: Any) -> Dataset:
        return DATA[case.data](load(config, **more))

    def on_event(event: Event) -> None:
        if isinstance(event, EpochEnded):
            look = session.state.looks[-1]
            told = tuple(
                layer for layer in look.layers if layer != LayerStats(layer.name, layer.kind)
            )
            looks.append(Look(look.epoch, told))

    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(factory, "load_dataset", other_data),
    ):
        session = TrainingSession(config_of(case, folder), on_event=on_event)
        ended = session.run()
    evidence = session.hinting.evidence()
    assert [look.epoch for look in looks] == list(range(1, len(evidence.history) + 1))
    layers = [(layer.name, layer.kind) for layer in looks[0].layers] if looks else []
    return {
        "history": [[_short(logs[name]) for name in COLUMNS] for logs in evidence.history],
        "counts": evidence.counts,
        "inputs": [_short(number) for number in evidence.inputs or ()],
        "diverged": ended.reason if ended.status == "diverged" else "",
        "layers": layers,
        "looks": [
            [[_short(asdict(layer)[key], 2) for key in _LAYER] for layer in look.layers]
            for look in looks
        ],
    }


def _short(number: float | None, digits: int = 4) -> float | None:
    return None if number is None else float(f"{number:.{digits}g}")


def recorded() -> dict[str, dict[str, Any]]:
    """All recorded curves by the names of their cases."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def evidence_of(case: Case, curve: dict[str, Any]) -> Evidence:
    """What the rules saw at the end of a training."""
    looks = [
        Look(
            epoch,
            tuple(
                LayerStats(*name, **dict(zip(_LAYER, layer, strict=True)))
                for name, layer in zip(curve["layers"], look, strict=True)
            ),
        )
        for epoch, look in enumerate(curve["looks"], 1)
    ]
    return Evidence(
        config=config_of(case),
        history=[dict(zip(COLUMNS, row, strict=True)) for row in curve["history"]],
        counts=curve["counts"],
        classes=CLASSES,
        looks=looks,
        inputs=tuple(curve["inputs"]),
        diverged=curve["diverged"],
    )


def alarms(evidence: Evidence) -> set[str]:
    """The rules that held after any epoch, or at the end."""
    return {hint.rule for moment in _moments(evidence) for hint in holding(moment)}


def _moments(evidence: Evidence) -> Iterator[Evidence]:
    """What the rules saw after every epoch, and at the end."""
    for done in range(len(evidence.history) + 1):
        looks = [look for look in evidence.looks if look.epoch <= done]
        yield replace(evidence, history=evidence.history[:done], looks=looks, diverged="")
    yield evidence


def main() -> None:
    """Record all cases, or those that are named."""
    found = recorded() if FILE.exists() else {}
    names = sys.argv[1:] or [case.name for case in CASES]
    for case in CASES:
        if case.name in names:
            found[case.name] = record(case)
            print(case.name, file=sys.stderr)
    lines = [
        f"{json.dumps(case.name)}:{json.dumps(found[case.name], separators=(',', ':'))}"
        for case in CASES
        if case.name in found
    ]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
