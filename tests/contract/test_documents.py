"""A restored folder of documents: what it promises as a database, and what it can be asked besides; on a machine."""

from __future__ import annotations

import hashlib
import hmac
import io
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from documents import LETTER, PHOTOGRAPH, WHOLE, WHOLE_TEXTS, tarred, zipped
from fake_engine import FakeEngine
from fakes import restored
from needs import absent

from restore_lab.checks.crossing import Crossing
from restore_lab.checks.documents import DocumentsOpen
from restore_lab.controls import spoil
from restore_lab.engines.base import HEAD_BYTES, Database, Dump, Load
from restore_lab.engines.documents import Documents
from restore_lab.engines.files.engine import Files
from restore_lab.engines.files.inside.child import NAME_BYTES
from restore_lab.errors import EngineFailed, QueryRefused
from restore_lab.evidence import RestoreRecord
from restore_lab.findings import Code
from restore_lab.sandboxes.base import Machine, Need
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.local.driver import Local
from restore_lab.unpack import UnpackFault, peel

ENGINE, SANDBOX = Files(), Local()
FILES = {name: data for name, (_, data) in {**WHOLE, **WHOLE_TEXTS}.items()}
ARCHIVES = {"tar": tarred(FILES), "zip": zipped(FILES)}


@pytest.fixture
def machine() -> Iterator[Machine]:
    server = ENGINE.offered()[0]
    if lacking := SANDBOX.lacks(server):
        absent(lacking)
    need = Need(
        lab_id="contract-documents",
        drill_id="documents",
        restore_id="r1",
        server=server,
        backup_bytes=1024**2,
        memory_bytes=1024**3,
        expires_at=datetime.now(UTC) + timedelta(minutes=10),
    )
    with SANDBOX.machine(need) as live:
        yield live


def loaded(machine: Machine, data: bytes) -> tuple[Database, Load]:
    pieces = (data[start : start + 100_000] for start in range(0, len(data), 100_000))
    peeled = peel(pieces, head_bytes=HEAD_BYTES, most_bytes=1024**3, keep=ENGINE.archives)
    dump = ENGINE.recognise(peeled.head)
    assert dump is not None
    database = ENGINE.start(machine, ENGINE.offered()[0])
    return database, database.load(dump, peeled.chunks)


def asked(database: Database) -> Documents:
    assert isinstance(database, Documents)
    return database


@pytest.mark.parametrize("layer", ARCHIVES)
def test_every_document_of_an_archive_comes_back_and_opens(layer: str, machine: Machine) -> None:
    database, load = loaded(machine, ARCHIVES[layer])

    assert (load.problems, load.findings) == ((), ())
    kinds = [kind for kind, _ in {**WHOLE, **WHOLE_TEXTS}.values()]
    assert database.inventory().tables == ()
    assert {one.kind: one.count for one in database.inventory().objects} == {kind: kinds.count(kind) for kind in kinds}
    assert (database.integrity().asked, database.integrity().problems) == (len(FILES), ())
    seen = asked(database).examine(known_endings=(), timeout_seconds=60)
    assert sum(one.unreadable for one in seen.documents) == 0
    assert sum(one.size_bytes for one in seen.documents) == sum(len(data) for data in FILES.values())
    assert seen.signs == {}


def test_a_file_that_changed_on_the_machine_is_an_integrity_problem(machine: Machine) -> None:
    database, _ = loaded(machine, ARCHIVES["tar"])
    machine.run(("sh", "-c", 'printf x >>"$1/documents/0/3"', "x", machine.scratch), timeout_seconds=30)

    assert len(database.integrity().problems) == 1


def test_no_statement_is_answered(machine: Machine) -> None:
    database, _ = loaded(machine, ARCHIVES["tar"])

    with pytest.raises(QueryRefused) as caught:
        database.query("SELECT 1")
    assert caught.value.code == "NO_SQL"
    assert (database.references().keys, database.views().asked) == ((), 0)


def test_the_largest_class_is_spoilt_unless_one_is_named(machine: Machine) -> None:
    files = {f"{number}.pdf": LETTER for number in range(5)} | {f"{number}.jpg": PHOTOGRAPH for number in range(3)}
    database, _ = loaded(machine, tarred(files | {f"._{number}": b"x" for number in range(9)}))

    assert database.spoil("").table == "pdf"
    assert {one.kind: one.count for one in database.inventory().objects} == {"jpeg": 3, "system": 9}
    assert database.spoil("jpeg").table == "jpeg"
    assert {one.kind: one.count for one in database.inventory().objects} == {"system": 9}


def test_the_test_of_the_test_sees_a_lost_class_and_takes_no_name_from_it(machine: Machine) -> None:
    files = {f"{number}.pdf": LETTER for number in range(5)} | {f"{number}.jpg": PHOTOGRAPH for number in range(3)}
    database, _ = loaded(machine, tarred(files))
    crossing, check = Crossing(), DocumentsOpen(may_shrink=("pdf",))
    around = replace(
        restored(FakeEngine(), now=datetime.now(UTC)),
        machine=machine,
        engine=ENGINE,
        database=database,
        inventory=database.inventory(),
        crossing=crossing,
    )
    answer = check.ask(around)
    there = crossing._there
    record = RestoreRecord(restore_id="r1", place="p", objects=around.inventory.objects, documents=answer.documents)

    control = spoil((check,), around, record)

    assert control is not None
    assert (control.silent, "DOCUMENTS_BELOW_PREVIOUS" in control.raised) == (False, True)
    assert crossing._there == there
    assert there is not None
    assert len(there) == 8 * NAME_BYTES


@pytest.mark.parametrize("layer", ARCHIVES)
def test_a_cut_archive_is_a_finding(layer: str, machine: Machine) -> None:
    _, load = loaded(machine, ARCHIVES[layer][: len(ARCHIVES[layer]) // 2])

    assert [one.code for one in load.findings] == [Code.ARCHIVE_DAMAGED]
    assert load.findings[0].params == (("layer", layer),)


def test_an_archive_that_is_not_taken_apart_is_a_fault_of_that_layer(machine: Machine) -> None:
    data = bytearray(zipped({"a.pdf": LETTER}))
    data[data.index(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(UnpackFault) as caught:
        loaded(machine, bytes(data))
    assert (caught.value.code, caught.value.layer) == (Code.ARCHIVE_ENCRYPTED, "zip")


def test_it_is_reached_again_from_another_process(machine: Machine) -> None:
    loaded(machine, ARCHIVES["tar"])

    again = ENGINE.attach(SANDBOX.attach(machine.handle), ENGINE.offered()[0])

    assert again.integrity().asked == len(FILES)


def test_names_leave_as_keyed_digests_alone(machine: Machine) -> None:
    names = ["a/Courrier_É.PDF", "b/photo.jpg"]
    database, _ = loaded(machine, tarred(dict.fromkeys(names, LETTER)))
    pieces: list[bytes] = []

    asked(database).name_digests(b"key", pieces.append, timeout_seconds=60)

    plain = ("courrier_é.pdf", "photo.jpg")
    assert b"".join(pieces) == b"".join(hmac.digest(b"key", one.encode(), hashlib.sha256)[:NAME_BYTES] for one in plain)


def test_a_child_that_dies_is_no_answer(machine: Machine) -> None:
    database, _ = loaded(machine, ARCHIVES["tar"])
    machine.run(("sh", "-c", 'rm "$1/index"', "x", machine.scratch), timeout_seconds=30)

    with pytest.raises(EngineFailed):
        database.inventory()


def test_an_archive_is_recognised_and_nothing_else() -> None:
    for layer, data in ARCHIVES.items():
        dump = ENGINE.recognise(data[:HEAD_BYTES])
        assert dump is not None
        assert (dump.format, [one.series for one in ENGINE.servers(dump)]) == (layer, ["3"])
    for hostile in (b"", b"\0" * HEAD_BYTES, b"\xff" * 100, b"PK\x03\x04", b"PK\x03\x04" + bytes(60), LETTER):
        assert ENGINE.recognise(hostile) is None


def test_it_runs_where_a_python_is_and_a_container_says_that_it_has_none() -> None:
    (server,) = ENGINE.offered()

    assert SANDBOX.lacks(server) is None
    assert Container().lacks(server) == "no image is made for files: it runs locally"
    assert ENGINE.own_series(Dump(engine="files", format="tar", vendor="", version="", series="", tool=""), "3.11.7")


def test_the_layers_it_takes_are_left_on_with_what_is_within() -> None:
    for data in (ARCHIVES["tar"], ARCHIVES["zip"]):
        peeled = peel(iter([data]), head_bytes=HEAD_BYTES, most_bytes=1024**3, keep=ENGINE.archives)
        assert (peeled.layers, b"".join(peeled.chunks)) == ((), data)
    with pytest.raises(UnpackFault) as caught:
        b"".join(peel(iter([ARCHIVES["tar"]]), head_bytes=HEAD_BYTES, most_bytes=1024**3).chunks)
    assert caught.value.code is Code.ARCHIVE_HOLDS_SEVERAL


@pytest.mark.parametrize("how", ["gz", "bz2", "xz"])
def test_a_compressed_tar_is_decompressed_outside_and_taken_apart_inside(how: str, machine: Machine) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=f"w:{how}") as archive:  # type: ignore[call-overload]
        member = tarfile.TarInfo("a.pdf")
        member.size = len(LETTER)
        archive.addfile(member, io.BytesIO(LETTER))

    database, load = loaded(machine, held.getvalue())

    assert load.findings == ()
    assert [(one.kind, one.count) for one in database.inventory().objects] == [("pdf", 1)]
