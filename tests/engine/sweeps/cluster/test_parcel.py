"""Parcels: a run arrives as it was sent, or not at all."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import RunError
from engine.sweeps.cluster.parcel import Marks, Parcel, pack, place, unpack

RUN = "20260102-030405-tiny-001-3fa2"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "there" / RUN
    (folder / "checkpoints").mkdir(parents=True)
    for name, data in {
        "checkpoints/step-00000002.npz": b"two",
        "run.json": b"{}",
        "metrics.csv": b"epoch\n1\n",
        ".lock": b"1",
        ".cnn-tui-1-00000000.tmp": b"half",
    }.items():
        (folder / name).write_bytes(data)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {str(name): path.read_bytes() for name, path in found.items()}


def parcel_of(run: Path, sent: Marks) -> Parcel:
    found = pack(run, sent)
    assert found is not None
    return found


def test_what_has_changed_arrives_and_what_is_gone_goes(run: Path, tmp_path: Path) -> None:
    here = tmp_path / "here" / RUN
    sent: Marks = {}
    first = parcel_of(run, sent)
    assert list(unpack(first)) == ["checkpoints/step-00000002.npz", "metrics.csv", "run.json"]
    place(unpack(first), first.names, here)
    (here / ".lock").write_bytes(b"2")
    assert pack(run, sent) is None
    (run / "checkpoints/step-00000002.npz").unlink()
    (run / "checkpoints/step-00000004.npz").write_bytes(b"four")
    second = parcel_of(run, sent)
    assert list(unpack(second)) == ["checkpoints/step-00000004.npz"]
    place(unpack(second), second.names, here)
    assert files(here) == {
        "checkpoints/step-00000004.npz": b"four",
        "run.json": b"{}",
        "metrics.csv": b"epoch\n1\n",
        ".lock": b"2",
    }


def test_a_checkpoint_that_is_replaced_meanwhile_is_not_missed(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = run / "checkpoints/step-00000002.npz", run / "checkpoints/step-00000004.npz"
    read = Path.read_bytes

    def replaced(path: Path) -> bytes:
        if path == old and not new.exists():
            new.write_bytes(b"four")
            old.unlink()
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", replaced)
    assert "checkpoints/step-00000004.npz" in unpack(parcel_of(run, {}))


def test_a_parcel_that_was_changed_on_its_way_is_refused(run: Path) -> None:
    parcel = parcel_of(run, {})
    content = bytearray(parcel.content)
    content[600] ^= 1
    with pytest.raises(RunError, match="changed on their way"):
        unpack(replace(parcel, content=bytes(content)))


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", ""])
def test_a_parcel_writes_nowhere_else(run: Path, name: str) -> None:
    parcel = parcel_of(run, {})
    for change in ({"run": name}, {"names": (name,)}):
        with pytest.raises(RunError, match="refused"):
            unpack(replace(parcel, **change))
