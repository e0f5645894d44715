"""What the first bytes of a PostgreSQL backup say: archives of pg_dump, plain dumps, scripts. Never raises.

Sources: PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c (`ReadHead`, `ReadInt`, `ReadStr`), pg_backup_tar.c,
pg_dump.c and pg_dumpall.c (the comments they write).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from restore_lab.engines.base import Dump

_MAGIC: Final = b"PGDMP"
_TAR_BLOCK: Final = 512
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_LONGEST_TEXT: Final = 1024
_LARGEST_INTEGER: Final = 32
#: The archive layouts that are one file: pg_backup.h, `ArchiveFormat`.
_FORMATS: Final = {1: "custom", 3: "tar"}
#: From archive 1.15 on (PostgreSQL 16) the compression is one byte, an algorithm; before, an integer.
_COMPRESSION_IS_A_BYTE: Final = (1, 15)
_VERSIONS_ARE_SAID: Final = (1, 10)
#: pg_backup.h, `pg_compress_algorithm`; before it, an integer was the level of gzip, 0 for none.
_COMPRESSIONS: Final = ("none", "gzip", "lz4", "zstd")
#: Second, minute, hour, day, month, year, summer time.
_DATE_INTEGERS: Final = 7

_VERSION = re.compile(r"(\d{1,3}(?:\.\d{1,4}){0,3})")
_TITLE = re.compile(r"^-- PostgreSQL database (cluster )?dump\s*$", re.MULTILINE)
_FROM_SERVER = re.compile(r"^-- Dumped from database version (.{1,200})$", re.MULTILINE)
_BY_TOOL = re.compile(r"^-- Dumped by pg_dump version (.{1,200})$", re.MULTILINE)
#: What only PostgreSQL's scripts hold, at the start of a line or as words no other engine knows.
_OURS = re.compile(
    r"^\\(?:connect|c|restrict|encoding)\b"
    r"|^SET (?:statement_timeout|check_function_bodies|standard_conforming_strings|default_tablespace)\b"
    r"|^COPY [^;\n]{1,500} FROM stdin\b"
    r"|\bpg_catalog\.|\bnextval\('|'::regclass|\bLANGUAGE '?plpgsql\b|^ALTER [^;\n]{1,300} OWNER TO "
    r"|\bCREATE EXTENSION\b|\b(?:BIG)?SERIAL PRIMARY KEY\b|\btimestamp with(?:out)? time zone\b",
    re.MULTILINE | re.IGNORECASE,
)
#: What PostgreSQL cannot read, so that a script holding it is another engine's.
_FOREIGN = re.compile(
    r"^-- (?:MySQL|MariaDB) dump|^/\*!\d{5}|^/\*M?!999999|\) ENGINE ?=|\bAUTO_INCREMENT\b|\bAUTOINCREMENT\b"
    r"|^PRAGMA |^USE [`\[\w]|^SET (?:ANSI_NULLS|SQL DIALECT|NAMES utf8mb)|^GO\s*$"
    r"|\bCREATE TABLE (?:IF NOT EXISTS )?[`\[]",
    re.MULTILINE | re.IGNORECASE,
)


def recognise(head: bytes) -> Dump | None:
    """Tell from a dump's first bytes whether and how PostgreSQL made it; see `Engine.recognise`."""
    if head.startswith(_MAGIC):
        return _archive(head)
    if head.startswith(b"toc.dat\0") and head[257:262] == b"ustar":
        return _archive(head[_TAR_BLOCK:])
    if b"\0" in head[:_TAR_BLOCK] and head[:2] not in _UTF_16:
        return None
    return _plain(_text(head))


def series_of(version: str) -> str:
    """Give the major series of a version: `15` of 15.18, `9.2` of 9.2.4 (two figures before 10), "" of nothing."""
    parts = version.split(".")
    return parts[0] if not parts[0] or int(parts[0]) >= 10 else ".".join(parts[:2])


def _archive(data: bytes) -> Dump | None:
    """Read an archive's header; one that breaks off or lies is still an archive, of a version it does not say."""
    reading = _Header(data=data, at=len(_MAGIC))
    try:
        said = _versions(reading)
    except _HeaderBroken:
        said = ("", "")
    layout = _FORMATS.get(reading.format, "custom")
    server, tool = (_first_version(text) for text in said)
    if not data.startswith(_MAGIC):
        return None
    made = _dump(layout, server, f"pg_dump {tool}".rstrip())
    return replace(made, compression=reading.compression) if layout == "custom" else made


class _HeaderBroken(Exception):
    """The header ends early or holds what pg_dump never writes."""


@dataclass(slots=True)
class _Header:
    """A bounded reading of an archive's header."""

    data: bytes
    at: int
    integer_bytes: int = 4
    format: int = 0
    compression: str = ""

    def byte(self) -> int:
        if self.at >= len(self.data):
            raise _HeaderBroken
        self.at += 1
        return self.data[self.at - 1]

    def integer(self) -> int:
        negative = self.byte()
        value = sum(self.byte() << (8 * position) for position in range(self.integer_bytes))
        return -value if negative else value

    def text(self) -> str:
        length = self.integer()
        if length < 0:
            return ""
        if length > _LONGEST_TEXT or self.at + length > len(self.data):
            raise _HeaderBroken
        self.at += length
        return self.data[self.at - length : self.at].decode("utf-8", "replace")


def _versions(reading: _Header) -> tuple[str, str]:
    """Versions of the server dumped and of the pg_dump that did it."""
    layout = (reading.byte(), reading.byte())
    reading.byte()
    reading.integer_bytes = reading.byte()
    reading.byte()
    reading.format = reading.byte()
    if layout < _VERSIONS_ARE_SAID or not 0 < reading.integer_bytes <= _LARGEST_INTEGER:
        raise _HeaderBroken
    algorithm = reading.byte() if layout >= _COMPRESSION_IS_A_BYTE else int(reading.integer() != 0)
    reading.compression = _COMPRESSIONS[algorithm] if algorithm < len(_COMPRESSIONS) else ""
    for _ in range(_DATE_INTEGERS):
        reading.integer()
    reading.text()
    return reading.text(), reading.text()


def _text(head: bytes) -> str:
    """Read a script's beginning; PowerShell's `>` writes UTF-16, which psql will refuse but a reader must know."""
    if head[:2] in _UTF_16:
        return head.decode("utf-16", "replace").replace("\r\n", "\n")
    return head.removeprefix(b"\xef\xbb\xbf").decode("latin-1").replace("\r\n", "\n")


def _plain(text: str) -> Dump | None:
    foreign = _FOREIGN.search(text)
    if (title := _TITLE.search(text)) and not (foreign and foreign.start() < title.start()):
        server = _first_version(found.group(1) if (found := _FROM_SERVER.search(text)) else "")
        tool = _first_version(found.group(1) if (found := _BY_TOOL.search(text)) else "")
        if title.group(1):
            return _dump("plain-cluster", server, f"pg_dumpall {tool}".rstrip())
        return _dump("plain", server, f"pg_dump {tool}".rstrip())
    return _dump("plain", "", "") if _OURS.search(text) and not foreign else None


def _first_version(text: str) -> str:
    found = _VERSION.match(text.strip())
    return found.group(1) if found else ""


def _dump(layout: str, version: str, tool: str) -> Dump:
    return Dump(
        engine="postgresql", format=layout, vendor="postgresql", version=version, series=series_of(version), tool=tool
    )
