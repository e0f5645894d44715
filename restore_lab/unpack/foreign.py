"""Honest backups of what no engine here restores, told by their first bytes, or by the names in them.

It only ever says that nothing is known of a backup; what no line here names is not recognised. Sources: mariabackup's
xbstream.h; Microsoft Tape Format 1.00a (what SQL Server and NTBackup write); the signature of a compressed backup of
SQL Server; mdbtools' HACKING (Jet, ACE); Firebird's src/jrd/ods.h and src/burp/mvol.cpp; file(1)'s magic (Oracle's exp,
VMDK, QCOW); Oracle's DBMS_DATAPUMP (names of its jobs); mongo-tools' archive format; MS-VHDX and the VHD and WIM
specifications; dBASE's header of a table; PostgreSQL, "Database File Layout"; MariaDB, "Files Created by Mariabackup".
"""

from __future__ import annotations

import re
import struct

_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"XBSTCK01", "mariadb-backup, XtraBackup (xbstream)"),
    (b"\xfebin", "MariaDB, MySQL (binlog)"),
    (b"MSSQLBAK", "SQL Server"),
    (b"\x00\x01\x00\x00Standard Jet DB\0", "Microsoft Access"),
    (b"\x00\x01\x00\x00Standard ACE DB\0", "Microsoft Access"),
    (b"\x6d\xe2\x99\x81", "MongoDB (mongodump)"),
    (b"vhdxfile", "VHDX"),
    (b"conectix", "VHD"),
    (b"KDMV", "VMDK"),
    (b"QFI\xfb\0\0\0", "QCOW2"),
    (b"MSWIM\0\0\0", "WIM"),
)
#: What the files are called that a server or a program keeps its data in: one of them tells what a set of files is.
_OWN_FILES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"PG_VERSION|pg_control|backup_label|000000[0-9A-F]{18}"), "PostgreSQL (PGDATA)"),
    (
        re.compile(
            r"ibdata\d{1,3}|(?:xtra|mariadb_)backup_checkpoints|xtrabackup_info|aria_log_control|.{1,255}\.(?:ibd|frm|MYD)"
        ),
        "MariaDB, MySQL (ibdata, .ibd)",
    ),
    (re.compile(r".{1,255}\.fic", re.IGNORECASE), "HFSQL"),
)
#: What a backup in one file may be called; among other files such a one may be anybody's document.
_ONE_FILE: tuple[tuple[re.Pattern[str], str], ...] = (
    *_OWN_FILES,
    (re.compile(r".{1,255}\.(?:mdf|ldf)", re.IGNORECASE), "SQL Server"),
    (re.compile(r".{1,255}\.(?:fdb|fbk|gdb|gbk)", re.IGNORECASE), "Firebird"),
    (re.compile(r".{1,255}\.(?:mdb|accdb)", re.IGNORECASE), "Microsoft Access"),
    (re.compile(r".{1,255}\.dbf", re.IGNORECASE), "dBASE"),
)
_PACKED = re.compile(r"\.(?:gz|bz2|xz|lzma|zip)\Z", re.IGNORECASE)
#: The first block of a tape: its type, then 48 bytes of numbers, most of them zero.
_TAPE, _TAPE_HEADER_BYTES = b"TAPE", 52
#: gbak's first record: the version of its format, a number of four bytes.
_GBAK = re.compile(rb"\x00\x02\x04[\x01-\x20]\x00\x00\x00")
#: A header page, its size at byte 16, the version of its structure at byte 18, with a flag since Firebird 2.
_FIREBIRD_VERSIONS, _FIREBIRD_PAGES, _FIREBIRD_FLAG = range(8, 20), {1 << power for power in range(10, 16)}, 0x8000
_WAL_HEADER_BYTES, _WAL_MAGIC = 40, {0xD0, 0xD1}
_WAL_SEGMENTS, _WAL_PAGES = {1 << power for power in range(20, 31)}, {1 << power for power in range(10, 17)}
_EXP = re.compile(rb"\x03..EXPORT:V", re.DOTALL)
_DATA_PUMP, _DATA_PUMP_BYTES = b"SYS_EXPORT_", 4096
#: dBASE III to 7, Visual FoxPro; with notes, with SQL tables.
_DBASE_VERSIONS = frozenset({0x03, 0x04, 0x30, 0x31, 0x32, 0x43, 0x63, 0x83, 0x8B, 0x8C, 0xCB, 0xF5})
_DBASE_COLUMN_BYTES = 32


def kind_of(head: bytes) -> str:
    """Name what a backup that begins so is of, "" where it is nothing listed here."""
    name = next((name for magic, name in _BEGINNINGS if head.startswith(magic)), "")
    if name:
        return name
    known = (
        (head.startswith(_TAPE) and b"\0\0" in head[:_TAPE_HEADER_BYTES], "SQL Server, NTBackup (MTF)"),
        (bool(_GBAK.match(head)), "Firebird (gbak)"),
        (_is_firebird(head), "Firebird"),
        (_is_wal(head), "PostgreSQL (WAL)"),
        (bool(_EXP.match(head)), "Oracle (exp)"),
        (b"\0" in head[:64] and _DATA_PUMP in head[:_DATA_PUMP_BYTES], "Oracle (expdp)"),
        (_is_dbase(head), "dBASE"),
    )
    return next((name for is_it, name in known if is_it), "")


def kind_among(path: str) -> str:
    """Name what a set of files is of, one of which has this path; "" where it tells nothing."""
    name = path.replace("\\", "/").rpartition("/")[2]
    return next((kind for pattern, kind in _OWN_FILES if pattern.fullmatch(name)), "")


def kind_named(name: str) -> str:
    """Name what a backup in one file of this name is of, however it is packed; "" of any other."""
    bare = _PACKED.sub("", name)
    return next((kind for pattern, kind in _ONE_FILE if pattern.fullmatch(bare)), "")


def _is_firebird(head: bytes) -> bool:
    if len(head) < 20 or head[0] != 1:
        return False
    page_bytes, version = struct.unpack_from("<2H", head, 16)
    return page_bytes in _FIREBIRD_PAGES and version & ~_FIREBIRD_FLAG in _FIREBIRD_VERSIONS


def _is_wal(head: bytes) -> bool:
    """Tell a segment of the write-ahead log by its long header: sizes of a segment and of a page (xlog_internal.h)."""
    if len(head) < _WAL_HEADER_BYTES or head[1] not in _WAL_MAGIC or not head[2] & 2:
        return False
    segment_bytes, page_bytes = struct.unpack_from("<2I", head, 32)
    return segment_bytes in _WAL_SEGMENTS and page_bytes in _WAL_PAGES


def _is_dbase(head: bytes) -> bool:
    """Tell a table by its version, the day of its last change, and the mark behind its list of columns."""
    if len(head) < _DBASE_COLUMN_BYTES * 2 or head[0] not in _DBASE_VERSIONS:
        return False
    month, day = head[2], head[3]
    header_bytes, row_bytes = struct.unpack_from("<2H", head, 8)
    if not (month in range(1, 13) and day in range(1, 32) and row_bytes > 1):
        return False
    ends = range(_DBASE_COLUMN_BYTES * 2, min(header_bytes, len(head)), _DBASE_COLUMN_BYTES)
    return any(head[at] == ord("\r") for at in ends)
