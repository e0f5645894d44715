"""Honest backups of what nothing here restores: named, and never called bad."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from unit.wrapping import DUMP, WRAPPERS, fault, peeled, tarred, zipped

from restore_lab.engines import ENGINES
from restore_lab.engines.arriving import unrecognised
from restore_lab.findings import Code, finding
from restore_lab.unpack.foreign import kind_named, kind_of

KNOWN = {kind: engine() for kind, engine in ENGINES.items()}
_PAGE = struct.pack("<BB14x2H", 1, 0, 8192, 0x800C)
_TABLE = struct.pack("<4BIHH20x", 3, 126, 11, 21, 2, 97, 30) + b"NOM".ljust(32, b"\0") * 2 + b"\r" + b" DUPONT"
#: As their tools' sources or specifications have it.
BEGINNINGS = {
    "xbstream": b"XBSTCK01\0P\x07\0\0\0ibdata1",
    "sqlserver": b"TAPE\0\0\3\0\x8c\0\x0e\1" + bytes(40),
    "sqlserver, compressed": b"MSSQLBAK\2\0\0\0",
    "access": b"\0\1\0\0Standard Jet DB\0\1",
    "access, 2007": b"\0\1\0\0Standard ACE DB\0\2",
    "firebird": _PAGE,
    "gbak": b"\0\2\4\x0a\0\0\0\6\4",
    "exp": b"\3\0\x1fEXPORT:V11.02.00\n",
    "expdp": b"\4\1\0\0\0\x0b" + bytes(40) + b'"CABINET"."SYS_EXPORT_SCHEMA_01"' + bytes(40),
    "dbase": _TABLE,
    "wal": b"\x10\xd1\2\0\1\0\0\0" + bytes(16) + b"\x9a" * 8 + struct.pack("<2I", 1 << 24, 8192),
    "binlog": b"\xfebin\x8f\xd2",
    "mongodump": b"\x6d\xe2\x99\x81\x6f\0\0\0",
    "vhd": b"conectix\0\0\0\2",
}
#: A file whose name tells what it is, and a second one beside it.
NAMES = {
    "./base/5/PG_VERSION": "PostgreSQL (PGDATA)",
    "backup_label": "PostgreSQL (PGDATA)",
    "global/pg_control": "PostgreSQL (PGDATA)",
    "pg_wal/000000010000000000000003": "PostgreSQL (PGDATA)",
    "data/ibdata1": "MariaDB, MySQL (ibdata, .ibd)",
    "xtrabackup_checkpoints": "MariaDB, MySQL (ibdata, .ibd)",
    "cabinet/patient.ibd": "MariaDB, MySQL (ibdata, .ibd)",
    "cabinet/patient.MYD": "MariaDB, MySQL (ibdata, .ibd)",
    "CABINET\\PATIENT.FIC": "HFSQL",
}


@pytest.mark.parametrize("kind", BEGINNINGS)
def test_a_backup_of_another_kind_is_named_within_any_layer_and_is_not_bad(kind: str) -> None:
    data = BEGINNINGS[kind] + DUMP
    said = (Code.BACKUP_OF_ANOTHER_KIND, kind_of(data))

    assert said[1]
    assert fault(data) == said
    assert {fault(wrap(data)) for wrap in WRAPPERS.values()} == {said}


def test_a_damaged_layer_around_one_is_damage() -> None:
    assert fault(WRAPPERS["gzip"](BEGINNINGS["xbstream"] + DUMP)[:-9]) == (Code.ARCHIVE_DAMAGED, "gzip")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrap", [tarred, zipped])
def test_an_archive_of_a_servers_own_files_is_named(wrap: Callable[[dict[str, bytes]], bytes], name: str) -> None:
    said = (Code.BACKUP_OF_ANOTHER_KIND, NAMES[name])

    assert fault(wrap({name: DUMP, "other": DUMP})) == said
    assert fault(wrap({"other": b"", "another": DUMP, name: DUMP})) == said


@pytest.mark.parametrize(
    "data",
    [
        b"TAPE no. 3 of the practice\n" * 9,
        b"\3\2\1" + bytes(400),
        b"\1" + bytes(400),
        b"SYS_EXPORT_SCHEMA_01 is a word\n",
        b"-- MariaDB dump 10.19\n-- XBSTCK01\n",
        b"XBSTCK02",
        *(head[:4] for head in BEGINNINGS.values() if not head.startswith((b"\x6d", b"\xfe"))),
        DUMP,
    ],
)
def test_what_is_only_like_one_comes_as_it_is(data: bytes) -> None:
    assert peeled(data) == ((), data)


@pytest.mark.parametrize("name", ["dump.sql", "2026-11-21.bak", "fic", "PG_VERSION.txt", "ibdata.sql", ""])
def test_any_other_name_tells_nothing(name: str) -> None:
    assert kind_named(name) == ""


@pytest.mark.parametrize("name", ["cabinet.fdb", "patient.dbf", "courrier.mdb"])
def test_a_file_among_others_may_be_a_document(name: str) -> None:
    assert kind_named(name)
    assert fault(tarred({name: DUMP, "dump.sql": DUMP})) == (Code.ARCHIVE_HOLDS_SEVERAL, "tar")


def test_where_bytes_tell_nothing_the_files_own_name_may() -> None:
    def said(head: bytes, name: str) -> Code:
        (one,) = unrecognised(head, (KNOWN["mariadb"],), KNOWN, name=name)
        return one.code

    assert said(b"\1\2\0\3", "PATIENT.FIC.gz") is Code.BACKUP_OF_ANOTHER_KIND
    assert said(b"<html>an error</html>", "PATIENT.FIC") is Code.DUMP_NOT_RECOGNISED
    assert said(b"\1\2\0\3", "cabinet.sql.gz") is Code.DUMP_NOT_RECOGNISED
    head = b"SQLite format 3\0" + bytes(100)
    assert tuple(unrecognised(head, (KNOWN["mariadb"],), KNOWN, name="cabinet.fdb")) == (
        finding(Code.DUMP_OF_ANOTHER_ENGINE, found="sqlite", wanted="mariadb"),
    )
