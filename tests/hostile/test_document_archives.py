"""Archives of documents made to hurt: links, devices, paths that climb, bombs, names; no name is written under."""

from __future__ import annotations

import io
import json
import random
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from documents import LETTER, examined, put, tarred, zipped

from restore_lab.engines.files.inside import unpacking
from restore_lab.engines.files.inside.child import QUESTIONS
from restore_lab.engines.files.inside.unpacking import Refused, documents, left_out, unpack

MIB = 1024 * 1024
NAMES = [
    "nul\0byte.pdf", "\x1b[2J\x1b]0;x\x07.pdf", "\u202efdp.exe", "é" * 90 + ".pdf", "e\u0301.pdf", "\udcff.pdf",
    "a" * 9000 + ".pdf",
    "CON", "x\ny.pdf", " ", "index", "left_out", "child.zip", "documents", "%s%n.pdf", "$(touch x).pdf", "-rf",
]  # fmt: skip


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size
    return made


def archived(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
        for one, data in members:
            archive.addfile(one, io.BytesIO(data))
    return held.getvalue()


def unpacked(data: bytes, folder: Path, layer: str = "tar") -> bool:
    folder.mkdir(exist_ok=True)
    return bool(unpack(layer, io.BytesIO(data), folder)["damaged"])


def written(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def test_only_regular_files_within_the_folder_are_written_and_the_rest_is_counted(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    refused = [
        *(
            member(name, size=3)
            for name in ("/etc/passwd", "../up.pdf", "a/../../b.pdf", "a\\..\\b", "C:\\x.pdf", "\\x")
        ),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("hard", tarfile.LNKTYPE, "kept.pdf"),
        *(member("device", kind) for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)),
    ]
    data = archived((member("kept.pdf", size=len(LETTER)), LETTER), *((one, b"abc"[: one.size]) for one in refused))

    assert not unpacked(data, inside)
    assert left_out(inside) == {"outside_path": 6, "symbolic_link": 1, "hard_link": 1, "special_file": 3}
    assert written(inside) == {"documents/0/1", "index", "left_out"}
    assert written(tmp_path) == {f"inside/{name}" for name in written(inside)}


def test_a_file_behind_a_symbolic_link_of_its_folder_stays_within(tmp_path: Path) -> None:
    target = tmp_path / "outside"
    target.mkdir()
    data = archived((member("folder", tarfile.SYMTYPE, str(target)), b""), (member("folder/x.pdf", size=3), b"abc"))

    unpacked(data, tmp_path / "inside")

    assert list(target.iterdir()) == []
    assert [one.name for one in documents(tmp_path / "inside")] == ["folder/x.pdf"]


def test_names_are_kept_in_the_index_alone_and_steer_nothing(tmp_path: Path) -> None:
    data = archived(*((member(name, size=len(LETTER)), LETTER) for name in NAMES))
    folder = tmp_path / "x"

    assert not unpacked(data, folder)
    found = list(documents(folder))
    assert len(found) == len(NAMES)
    assert all(path.name.isdigit() for path in (folder / "documents").rglob("*"))
    assert all(len(one.name) <= unpacking.MOST_NAME for one in found)
    assert (folder / "index").read_bytes().isascii()
    answer = json.dumps([QUESTIONS["inventory"](folder, ""), QUESTIONS["examine"](folder, "[]")])
    assert not any(name in answer for name in NAMES if len(name) > 9)


@pytest.mark.parametrize("layer", ["tar", "zip"])
def test_of_two_members_of_one_name_the_later_stands(layer: str, tmp_path: Path) -> None:
    held = io.BytesIO()
    if layer == "zip":
        with zipfile.ZipFile(held, "w") as archive:
            archive.writestr("a.pdf", b"old")
            with pytest.warns(UserWarning, match="Duplicate"):
                archive.writestr("a.pdf", LETTER)
    data = held.getvalue() or archived((member("a.pdf", size=3), b"old"), (member("./a.pdf", size=len(LETTER)), LETTER))

    assert not unpacked(data, tmp_path / "x", layer)
    assert [(one.number, one.size) for one in documents(tmp_path / "x")] == [(2, len(LETTER))]


@pytest.mark.parametrize("tenth", range(1, 11))
def test_a_cut_tar_is_damaged_and_keeps_what_came_whole(tenth: int, tmp_path: Path) -> None:
    files = {f"letter{number}.pdf": LETTER for number in range(20)}
    whole = tarred(files)
    ends = whole.rindex(b"letter19.pdf") + 512 + -(-len(LETTER) // 512) * 512
    cut = whole[: ends * tenth // 10]

    assert unpacked(cut, tmp_path / "x")
    kinds, _ = examined(tmp_path / "x")
    assert all(unreadable == 0 for _, _, unreadable in kinds.values())
    assert sum(count for count, _, _ in kinds.values()) == min(20, len(cut) // (ends // 20))


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_cut_zip_is_damaged(tenth: int, tmp_path: Path) -> None:
    whole = zipped({f"letter{number}.pdf": LETTER for number in range(20)})

    assert unpacked(whole[: len(whole) * tenth // 10], tmp_path / "x", "zip")
    assert written(tmp_path / "x") == {"index", "left_out"}


def test_a_ruined_header_and_a_ruined_member_are_damage(tmp_path: Path) -> None:
    tar = bytearray(tarred({f"letter{number}.pdf": LETTER for number in range(3)}))
    tar[tar.index(b"letter1.pdf") + 150] ^= 0xFF
    assert unpacked(bytes(tar), tmp_path / "tar")
    packed = bytearray(zipped({f"letter{number}.pdf": LETTER for number in range(3)}))
    packed[packed.index(b"letter1.pdf") + 60] ^= 0xFF
    assert unpacked(bytes(packed), tmp_path / "zip", "zip")
    assert len(list(documents(tmp_path / "zip"))) == 2


def test_noise_is_damage_and_nothing_else(tmp_path: Path) -> None:
    draw = random.Random(3)  # noqa: S311 - the same noise each time
    whole = {"tar": tarred({"a/letter.pdf": LETTER, "b": b"x" * 3000}), "zip": zipped({"a": LETTER, "b": b"x" * 3000})}
    for number in range(150):
        for layer, data in whole.items():
            noisy = bytearray(data)
            for _ in range(draw.randrange(1, 12)):
                noisy[draw.randrange(len(noisy))] = draw.randrange(256)
            folder = tmp_path / f"{layer}{number}"
            with suppress(Refused):
                unpacked(bytes(noisy), folder, layer)
            names = {name for name in written(folder) if not name.startswith("documents/0/")}
            assert names <= {"index", "left_out"}


def sparse(size: int) -> bytes:
    """A GNU sparse file that is one hole (GNU tar manual, "Storing Sparse Files", version 1.0 of pax)."""
    held = member("GNUSparseFile.0/a.pdf", size=512)
    held.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(size)}
    held.pax_headers["GNU.sparse.name"] = "a.pdf"
    return archived((held, f"1\n{size}\n0\n".encode().ljust(512, b"\0")))


def test_one_huge_sparse_file_is_not_unfolded(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="TOO_LARGE"):
        unpacked(sparse(2**50), tmp_path / "x")
    assert not any(name.startswith("documents/") for name in written(tmp_path / "x"))
    unpacked(sparse(10 * MIB), tmp_path / "small")
    assert [one.size for one in documents(tmp_path / "small")] in ([10 * MIB], [])


def bomb() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(12):
            with archive.open(f"{number}.pdf", "w") as target:
                for _ in range(100):
                    target.write(bytes(MIB))
    return held.getvalue()


def too_many(monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(unpacking, "MOST_FILES", 10)
    return tarred({str(number): b"x" for number in range(11)})


def large_attribute(_: pytest.MonkeyPatch) -> bytes:
    held = member("a.pdf")
    held.pax_headers = {"comment": "x" * (2 * MIB)}
    return archived((held, b""))


@pytest.mark.parametrize("make", [too_many, large_attribute])
def test_what_would_fill_the_machine_is_refused(
    make: Callable[[pytest.MonkeyPatch], bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match="TOO_LARGE"):
        unpacked(make(monkeypatch), tmp_path / "x")


def test_a_zip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "LEAST_EXPANDED_BYTES", 64 * MIB)
    with pytest.raises(Refused, match="TOO_LARGE"):
        unpacked(bomb(), tmp_path / "x", "zip")


def test_an_encrypted_zip_is_refused_as_one(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.pdf": LETTER}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(Refused, match="ENCRYPTED"):
        unpacked(bytes(data), tmp_path / "x", "zip")


def test_forty_thousand_tiny_files_are_counted_in_little_memory(tmp_path: Path) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for number in range(40_000):
            archive.addfile(member(f"{number % 100}/{number}.txt", size=2), io.BytesIO(b"ok"))
    data, folder = held.getvalue(), tmp_path / "x"
    tracemalloc.start()
    try:
        assert not unpacked(data, folder)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 16 * MIB
    assert QUESTIONS["inventory"](folder, "") == {"kinds": {"text": 40_000}}


def test_a_bomb_within_a_document_is_bounded(tmp_path: Path) -> None:
    inner = zipped({"[Content_Types].xml": b"", "word/a": bytes(200 * MIB)})
    tracemalloc.start()
    try:
        kinds, _ = examined(put(tmp_path / "x", {"a.docx": inner}))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kinds["office"][0] == 1
    assert peak < 32 * MIB
