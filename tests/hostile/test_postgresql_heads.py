"""The first bytes of what may be a PostgreSQL backup, and of what only says so: never an exception, never a guess."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from restore_lab.engines.base import HEAD_BYTES, Dump
from restore_lab.engines.postgresql.engine import Postgresql
from restore_lab.engines.postgresql.heads import series_of

recognise = Postgresql().recognise


def number(value: int, size: int = 4) -> bytes:
    return bytes([value < 0]) + abs(value).to_bytes(size, "little")


def text(value: str, size: int = 4) -> bytes:
    return number(len(value), size) + value.encode()


def archive(
    layout: tuple[int, int] = (1, 14),
    *,
    form: int = 1,
    size: int = 4,
    server: str = "15.3 (Debian)",
    tool: str = "16.1",
) -> bytes:
    compression = b"\x01" if layout >= (1, 15) else number(-1, size)
    date = b"".join(number(part, size) for part in (1, 2, 3, 4, 5, 126, 0))
    head = b"PGDMP" + bytes([*layout, 0, size, 8, form]) + compression + date
    return head + text("cabinet", size) + text(server, size) + text(tool, size) + b"rest" * 100


def dump(form: str, version: str, series: str, tool: str, compression: str = "") -> Dump:
    return Dump(
        engine="postgresql",
        format=form,
        vendor="postgresql",
        version=version,
        series=series,
        tool=tool,
        compression=compression,
    )


CUSTOM = dump("custom", "15.3", "15", "pg_dump 16.1", "gzip")
UNSAID = dump("custom", "", "", "pg_dump")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (archive(), CUSTOM),
        (archive((1, 16)), CUSTOM),
        (archive((1, 12), size=8), CUSTOM),
        (archive(server="9.2.4", tool="9.2.4"), dump("custom", "9.2.4", "9.2", "pg_dump 9.2.4", "gzip")),
        (
            b"toc.dat".ljust(257, b"\0") + b"ustar".ljust(255, b"\0") + archive(form=3),
            dump("tar", "15.3", "15", "pg_dump 16.1"),
        ),
    ],
)
def test_an_archive_says_which_server_it_came_from(head: bytes, expected: Dump) -> None:
    assert recognise(head) == expected


@pytest.mark.parametrize(
    ("length", "compression"), [(5, ""), (6, ""), (8, ""), (11, ""), (30, "gzip"), (60, "gzip"), (75, "gzip")]
)
def test_a_header_that_breaks_off_says_no_version(length: int, compression: str) -> None:
    assert recognise(archive()[:length]) == replace(UNSAID, compression=compression)


@pytest.mark.parametrize(
    "head",
    [
        b"PGDMP" + b"\xff" * 1000,
        archive()[:8] + b"\xff" + archive()[9:],
        archive()[:8] + b"\x00" + archive()[9:],
        archive().replace(number(13), b"\0\xff\xff\xff\x7f"),
        archive().replace(number(13), number(-13)),
        archive(server="nonsense", tool="; rm -rf /"),
        archive().replace(b"\n", b"\r\n").replace(b"\0", b"\r\n"),
    ],
    ids=[
        "all ones",
        "huge integers",
        "no integers",
        "huge text",
        "negative text",
        "no figures",
        "through a text editor",
    ],
)
def test_a_ruined_header_says_no_version(head: bytes) -> None:
    found = recognise(head)

    assert found is not None
    assert (found.format, found.version) == ("custom", "")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            (
                "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n"
                "-- Dumped from database version 15.3 (Debian 15.3-1)\n-- Dumped by pg_dump version 17.2\n"
            ),
            dump("plain", "15.3", "15", "pg_dump 17.2"),
        ),
        (
            "--\r\n-- PostgreSQL database dump\r\n--\r\n\r\n-- Dumped from database version 9.6.24\r\n",
            dump("plain", "9.6.24", "9.6", "pg_dump"),
        ),
        ("--\n-- PostgreSQL database cluster dump\n--\n", dump("plain-cluster", "", "", "pg_dumpall")),
        ("pg_dump: warning: circular\n--\n-- PostgreSQL database dump\n--\n", dump("plain", "", "", "pg_dump")),
        ("SET statement_timeout = 0;\nCREATE TABLE t(id int);\n", dump("plain", "", "", "")),
        ("CREATE TABLE t (id int);\nCOPY t (id) FROM stdin;\n1\n\\.\n", dump("plain", "", "", "")),
        ("/* a script */\nCREATE DATABASE chinook;\n\n\\c chinook;\n", dump("plain", "", "", "")),
        ("CREATE TABLE t (id BIGSERIAL PRIMARY KEY);\n", dump("plain", "", "", "")),
    ],
)
def test_a_script_is_told_by_what_only_postgresql_reads(script: str, expected: Dump) -> None:
    assert recognise(script.encode()) == expected
    assert recognise(b"\xef\xbb\xbf" + script.encode()) == expected
    assert recognise(("\ufeff" + script).encode("utf-16-le")) == expected


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\0" * HEAD_BYTES,
        b"SQLite format 3\0" + b"COPY t FROM stdin;" * 10,
        b"-- MariaDB dump 10.19\nCREATE TABLE `t` (`id` int);\n-- PostgreSQL database dump\n",
        b"CREATE TABLE `t` (`id` int AUTO_INCREMENT) ENGINE=InnoDB;\nINSERT INTO `t` VALUES ('pg_catalog.x');\n",
        b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(d timestamp without time zone);\n",
        b"CREATE TABLE t (id int);\nINSERT INTO t VALUES (1);\n",
        b"USE [practice]\nGO\nCREATE TABLE [dbo].[t] (id int)\nGO\n",
        b"dump/toc.dat".ljust(257, b"\0") + b"ustar".ljust(255, b"\0") + b"-- PostgreSQL database dump\n",
        b"PGDM",
        b"\xff\xfe",
    ],
)
def test_what_is_not_clearly_postgresql_is_not_recognised(head: bytes) -> None:
    assert recognise(head) is None


def test_no_bytes_make_it_raise_or_dawdle() -> None:
    rng = random.Random(7)  # noqa: S311 - a seed, so that a failure can be had again
    bases = [archive(), archive((1, 16)), b"-- PostgreSQL database dump\n" * 50, b"ALTER " * 10_000, b"COPY (" * 10_000]
    for _ in range(500):
        head = bytearray(rng.choice(bases))
        for _ in range(rng.randrange(1, 40)):
            head[rng.randrange(len(head))] = rng.randrange(256)
        recognise(bytes(head[: rng.randrange(len(head))]))
    recognise(rng.randbytes(HEAD_BYTES))


@pytest.mark.parametrize(
    ("version", "series"), [("15.18", "15"), ("10.1", "10"), ("9.2.4", "9.2"), ("8.4", "8.4"), ("18", "18"), ("", "")]
)
def test_a_series_has_two_figures_before_10(version: str, series: str) -> None:
    assert series_of(version) == series


@pytest.mark.parametrize(
    ("head", "series", "own"),
    [
        (archive(server="15.3", tool="15.3"), ["15", "16", "17", "18"], [True, False, False, False]),
        (archive(server="15.3", tool="17.1"), ["17", "18"], [False, False]),
        (archive(server="9.2.4", tool="9.2.4"), ["13", "14", "15", "16", "17", "18"], [False] * 6),
        (
            b"-- PostgreSQL database dump\n-- Dumped from database version 15.3\n-- Dumped by pg_dump version 17.1\n",
            ["15", "16", "17", "18", "14", "13"],
            [True] + [False] * 5,
        ),
        (b"SET statement_timeout = 0;\n", ["13", "14", "15", "16", "17", "18"], [False] * 6),
    ],
)
def test_servers_come_best_first(head: bytes, series: list[str], own: list[bool]) -> None:
    engine = Postgresql()
    found = engine.recognise(head)

    assert found is not None
    servers = engine.servers(found)
    assert [server.series for server in servers] == series
    assert [server.own_series for server in servers] == own
    assert [server.image for server in servers] == [f"restore-lab/postgresql:{one}" for one in series]
    assert engine.own_series(found, "15.20") is (found.series == "15")
