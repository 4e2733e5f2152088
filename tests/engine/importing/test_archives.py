"""Archives: they give what their folder gives, and do no harm."""

import io
import os
import shutil
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.data import processed_folder
from engine.errors import ConfigError, DataError
from engine.images import reading
from engine.importing import Imported, archives, import_data_set, open_source
from tests.support.image_folders import as_pets, make_folder

FORMS = {"zip": "zip", "tar": "tar", "gztar": "tar.gz", "bztar": "tar.bz2", "xztar": "tar.xz"}


def imported(source: Path, **options: object) -> Imported:
    return import_data_set(source, as_pets(**options), source.parent / "data")


def content(source: Path) -> dict[str, bytes]:
    folder = processed_folder(source.parent / "data") / "pets"
    return {path.name: path.read_bytes() for path in folder.glob("*.npy")}


def bytes_of_images(folder: Path) -> dict[str, bytes]:
    make_folder(folder)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.png")}


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, members: Mapping[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(data, bytes):
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
            else:
                data.name = name
                archive.addfile(data)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_gives_what_its_folder_gives(tmp_path: Path, form: str) -> None:
    folder = make_folder(tmp_path / "in" / "photos", ("cat", "a dog"))
    archive = shutil.make_archive(str(tmp_path / "in" / "packed"), form, folder.parent, "photos")
    path = Path(archive).rename(tmp_path / "in" / "no suffix")  # its bytes show what it is
    imported(folder)
    expected = content(folder)
    made = imported(path, replace=True)
    assert made.source["kind"] == f"{form[-3:]} of images"
    assert content(path) == expected


def test_members_that_lead_elsewhere_or_are_too_deep_are_unreadable(tmp_path: Path) -> None:
    images = bytes_of_images(tmp_path / "photos")
    odd = {"../out.png": b"x", "/etc/x.png": b"x", f"cat/{'a/' * 40}x.png": b"x"}
    for path in (
        zipped(tmp_path / "a.zip", images | odd),
        tarred(tmp_path / "a.tar", images | odd),
    ):
        with pytest.raises(DataError, match=r"^\.\./out.png: its path leads out of the archive"):
            imported(path, replace=True)
        made = imported(path, unreadable="skip", replace=True)
        assert (made.unreadable.count, sum(map(sum, made.counts.values()))) == (3, 10)
    assert not (tmp_path.parent / "out.png").exists()


def test_an_encrypted_or_damaged_member_of_a_zip_is_unreadable(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", bytes_of_images(tmp_path / "photos"))
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 8] |= 1  # of the first member, as the directory has it
    damaged = data.index(b"IDAT", data.index(b"cat/4.png")) + 8
    data[damaged] ^= 0xFF
    path.write_bytes(data)
    made = imported(path, unreadable="skip")
    reasons = sorted(one.reason for one in made.unreadable.first)
    assert reasons == ["it is damaged: Bad CRC-32 for file 'cat/4.png'", "it is encrypted"]


def test_links_and_devices_in_a_tar_are_unreadable(tmp_path: Path) -> None:
    link, device = tarfile.TarInfo(), tarfile.TarInfo()
    link.type, link.linkname, device.type = tarfile.SYMTYPE, "/etc/passwd", tarfile.CHRTYPE
    members = bytes_of_images(tmp_path / "photos") | {"cat/l.png": link, "cat/d.png": device}
    made = imported(tarred(tmp_path / "a.tar", members), unreadable="skip")
    reason = "a link or a device in an archive is not read"
    assert {(one.where, one.reason) for one in made.unreadable.first} == {
        ("cat/l.png", reason), ("cat/d.png", reason),
    }  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("left", [0.3, 0.6])
def test_an_archive_that_is_cut_short_is_one_line(tmp_path: Path, form: str, left: float) -> None:
    folder = make_folder(tmp_path / "photos", shape=(3, 40, 40))
    path = Path(shutil.make_archive(str(tmp_path / "photos"), form, folder))
    os.truncate(path, int(path.stat().st_size * left))
    with pytest.raises(DataError, match=r"photos\.[\w.]+: it is damaged: ") as caught:
        imported(path)
    assert str(caught.value).isprintable()
    assert not list(tmp_path.glob("data/**/*.npy"))


@pytest.mark.parametrize("size", [-1, -512])
def test_a_tar_whose_member_has_a_negative_size_is_refused(tmp_path: Path, size: int) -> None:
    # Its next member would be itself, or its content all that is left of the archive.
    first, second = (tarfile.TarInfo(f"cat/{i}.png") for i in range(2))
    second.size = size
    headers = [one.tobuf(tarfile.GNU_FORMAT) for one in (first, second)]
    path = tmp_path / "photos.tar"
    path.write_bytes(b"".join(headers) + bytes(10 << 10))
    with pytest.raises(DataError, match=r"photos\.tar: it is damaged: cat/1\.png has -"):
        imported(path)


@pytest.mark.parametrize("form", ["zip", "gztar"])
def test_bombs_are_refused(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path / "photos")
    (folder / "cat" / "bomb.png").write_bytes(bytes(1 << 20))
    path = Path(shutil.make_archive(str(tmp_path / "photos"), form, folder))
    with monkeypatch.context() as limits:
        for module in (archives, reading):
            limits.setattr(module, "MAX_FILE_BYTES", 100_000)
        made = imported(path, unreadable="skip")
        assert made.unreadable.first[0].where.endswith("cat/bomb.png")
        assert "more than the limit" in made.unreadable.first[0].reason
    for name, limit in (("MAX_TOTAL_BYTES", 1 << 20), ("MAX_MEMBERS", 9)):
        with monkeypatch.context() as limits:
            limits.setattr(archives, name, limit)
            if form == "gztar" and name == "MAX_TOTAL_BYTES":
                limits.setattr(archives, "_members", None)  # it is noticed while it is unpacked
            with pytest.raises(DataError, match="unpack it, and import the folder"):
                imported(path, replace=True)


def test_no_room_to_unpack_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    path = Path(shutil.make_archive(str(tmp_path / "a"), "gztar", make_folder(tmp_path / "photos")))
    monkeypatch.setattr(archives.tempfile, "TemporaryFile", Full)
    with pytest.raises(DataError, match=r"no room to unpack .*No space left.*TMPDIR"):
        imported(path)


def test_files_are_closed_whatever_happens(tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    folder = make_folder(tmp_path / "photos", ("cat",))
    for form in ("zip", "tar", "gztar"):
        path = Path(shutil.make_archive(str(tmp_path / "photos"), form, folder))
        with pytest.raises(ConfigError):
            imported(path)
        with open_source(path, as_pets()):
            pass
    assert len(os.listdir("/dev/fd")) == before


def test_a_file_of_no_known_form_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "notes.zip"
    path.write_text("no archive")
    with pytest.raises(ConfigError, match=r"notes.zip: not a form that can be imported; expected"):
        imported(path)


def test_a_header_that_makes_the_reader_fail_is_one_line(tmp_path: Path) -> None:
    record = b"99999999999999999999 path=x\n"  # an extended header, as long as no number can be
    extended = tarfile.TarInfo("x")
    extended.type, extended.size = tarfile.XHDTYPE, len(record)
    block = extended.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0")
    path = tmp_path / "a.tar"
    path.write_bytes(block + bytes(1024))
    with pytest.raises(DataError, match=r"a.tar: it is damaged: "):
        imported(path)


def test_test_images_may_be_in_an_archive(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "tests", count=2, seed=1)
    path = Path(shutil.make_archive(str(tmp_path / "tests"), "gztar", folder))
    made = imported(make_folder(tmp_path / "photos"), test_source=path)
    assert made.counts == {"train": (5, 5), "test": (2, 2)}
