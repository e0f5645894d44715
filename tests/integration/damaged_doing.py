"""What can be done to a backup once it is made: each a function on its bytes, by real tools where there is one."""

from __future__ import annotations

import io
import lzma
import re
import shutil
import struct
import subprocess
import tarfile
import tempfile
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from integration.damaged import Damage, Place, name_of, put
from integration.damaged_making import Backup, made
from needs import program

MARIADB_END: Final = b"-- Dump completed on 2026-03-12  3:00:01\n"
POSTGRESQL_END: Final = b"--\n-- PostgreSQL database dump complete\n--\n\n"


def cut(part: float) -> Damage:
    """Keep the first part of the bytes."""
    return lambda content: content[: int(len(content) * part)]


def cut_before(mark: bytes) -> Damage:
    """Keep what stands before the first of these words."""

    def damage(content: bytes) -> bytes:
        assert mark in content, mark
        return content.partition(mark)[0]

    return damage


def cut_within(mark: bytes, further: int) -> Damage:
    """Cut so many bytes behind the first of these words."""

    def damage(content: bytes) -> bytes:
        return content[: content.index(mark) + further]

    return damage


def ends_with(end: bytes) -> Damage:
    """Write the line that a tool writes last."""
    return lambda content: content.rstrip(b"\n") + b"\n\n" + end


def replaced(old: bytes, new: bytes, times: int = -1) -> Damage:
    """Write other bytes in place of some that are there."""

    def damage(content: bytes) -> bytes:
        assert old in content, old
        return content.replace(old, new, times)

    return damage


def without_line(start: bytes) -> Damage:
    """Leave out each line that begins so."""
    return lambda content: b"".join(line for line in content.splitlines(True) if not line.startswith(start))


def before_all(text: bytes) -> Damage:
    """Write a line before everything else."""
    return lambda content: text + content


def behind(first: Backup) -> Damage:
    """Write it behind another backup, into the same file."""
    return lambda content: made(first) + content


def flip(part: float, bit: int = 3) -> Damage:
    """Flip one bit, so far into the bytes."""

    def damage(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[int(len(changed) * part)] ^= 1 << bit
        return bytes(changed)

    return damage


def tool(*argv: str) -> Damage:
    """Send the bytes through a command."""

    def damage(content: bytes) -> bytes:
        return subprocess.run(
            (program(argv[0]), *argv[1:]), input=content, stdout=subprocess.PIPE, check=True, timeout=60
        ).stdout

    return damage


gzipped: Final = tool("gzip", "--stdout", "--no-name")
utf16: Final = tool("sh", "-c", "printf '\\377\\376'; sed 's/$/\\r/' | iconv -f UTF-8 -t UTF-16LE")
as_mysqldump_9: Final = tool(
    "sed",
    "-e/sandbox mode/d",
    "-es/^-- MariaDB dump .*/-- MySQL dump 9.11/",
    "-es/^-- Server version.*/-- Server version\t4.0.24-standard/",
    "-e/^-- Dump completed/d",
)
crlf: Final = tool("sed", "s/$/\\r/")
#: A text editor takes each byte for a letter of Windows' western set, and saves the file as UTF-8.
reencoded: Final = tool("iconv", "-f", "LATIN1", "-t", "UTF-8")


#: As a program that knows no UTF-8 writes its texts, or an editor saves the dump.
as_windows_letters: Final = tool("iconv", "-f", "UTF-8", "-t", "CP1252")


def as_sqlite_350(content: bytes) -> bytes:
    """Write texts of several lines as sqlite3 does since 3.50; this host's may do it by itself."""
    old = re.compile(rb"replace\(('(?:[^']|'')*'),'\\n',char\(10\)\)")
    changed = old.sub(lambda found: b"unistr(" + found[1].replace(b"\\n", b"\\u000a") + b")", content)
    assert b"\\u000a" in changed
    return changed


def text_mode(content: bytes) -> bytes:
    """Every line feed becomes a carriage return and a line feed, as a copy in text mode does to any file."""
    return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def tarred(*names: str) -> Damage:
    """Put the bytes into a tar, under each of these names, by tar itself."""

    def damage(content: bytes) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                (Path(folder) / name).write_bytes(content)
            return subprocess.run(
                ("tar", "--create", "--file=-", f"--directory={folder}", *names),
                stdout=subprocess.PIPE,
                check=True,
                timeout=60,
            ).stdout

    return damage


def tar_cut(content: bytes) -> bytes:
    """Cut a tar in the middle of its file."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert archive.getnames()
    return content[: len(content) // 2]


def zipped(*options: str) -> Damage:
    """Put the bytes into a zip, by zip itself."""

    def damage(content: bytes) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "dump.sql").write_bytes(content)
            argv = (program("zip"), "--quiet", *options, "dump.zip", "dump.sql")
            subprocess.run(argv, cwd=folder, check=True, timeout=60)
            return (Path(folder) / "dump.zip").read_bytes()

    return damage


#: In a zip with a password.
locked_zip: Final = zipped("--password", "essai")


def xz(content: bytes) -> bytes:
    """Pack with xz."""
    return lzma.compress(content)


lzma_alone: Final = tool("xz", "--format=lzma", "--stdout")
openssl: Final = tool("openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-pass", "pass:essai")


def tool_or_beginning(first: bytes, *argv: str) -> Damage:
    """Send the bytes through a command; where it is absent, write what it begins with, and other bytes behind."""

    def damage(content: bytes) -> bytes:
        return tool(*argv)(content) if shutil.which(argv[0]) else first + content[::-1]

    return damage


zstd: Final = tool_or_beginning(b"\x28\xb5\x2f\xfd\x04\x58", "zstd", "--stdout", "--quiet")
lz4: Final = tool_or_beginning(b"\x04\x22\x4d\x18\x64\x40\xa7", "lz4", "-c", "-q")


def beginning(magic: bytes) -> Damage:
    """Write what a program writes first, and other bytes behind."""
    return lambda content: magic + content[::-1]


seven_zip: Final = beginning(b"7z\xbc\xaf\x27\x1c\0\x04")
age: Final = beginning(b"age-encryption.org/v1\n-> X25519 " + b"A" * 43 + b"\n--- " + b"A" * 43 + b"\n")


def gpg(first: bytes, *options: str) -> Damage:
    """Encrypt with a passphrase, by gpg itself with a home of its own."""

    def damage(content: bytes) -> bytes:
        with tempfile.TemporaryDirectory() as home:
            usual = ("--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "essai")
            return tool_or_beginning(first, "gpg", *usual, "--symmetric", *options)(content)

    return damage


def xbstream(content: bytes) -> bytes:
    """Write one file as mariadb-backup streams it, with a mark behind it (its xbstream.h and xbstream_write.c)."""
    path = b"ibdata1"
    name = struct.pack("<I", len(path)) + path
    written = struct.pack("<2QI", len(content), 0, zlib.crc32(content)) + content
    return b"XBSTCK01\0P" + name + written + b"XBSTCK01\0E" + name


def nothing(_content: bytes) -> bytes:
    """Leave no byte."""
    return b""


def a_page(_content: bytes) -> bytes:
    """Write what a web server says instead of the backup."""
    return b"<!DOCTYPE html>\n<html><head><title>401</title></head><body>Authentification requise</body></html>\n"


def named(ending: str) -> Place:
    """Give the backup another ending than its form has."""

    def place(folder: Path, content: bytes) -> None:
        put(folder, name_of(ending=ending), content)

    return place


def beside_partial(hours: int) -> Place:
    """Put a newer, unfinished file beside the backup, last written to so many hours ago."""

    def place(folder: Path, content: bytes) -> None:
        put(folder, name_of(), content)
        changed = datetime.now(UTC) - timedelta(hours=hours)
        put(folder, name_of(1) + ".partial", content[: len(content) // 3], changed=changed)

    return place


def older_changed_last(folder: Path, content: bytes) -> None:
    """An older backup, and worthless, was copied later: only its name tells its date."""
    put(folder, name_of(), content)
    put(folder, name_of(-7), content[: len(content) // 3], changed=datetime.now(UTC) - timedelta(hours=2))


def newest_is_empty(folder: Path, content: bytes) -> None:
    """The newest backup is empty; a good one of the day before was changed after it."""
    put(folder, name_of(), b"")
    put(folder, name_of(-1), content, changed=datetime.now(UTC) - timedelta(hours=2))


def of_the_future(folder: Path, content: bytes) -> None:
    """The clock of the machine that makes backups is years ahead."""
    put(folder, "cabinet_2099-01-01.dump", content)


def twice_the_same_day(folder: Path, content: bytes) -> None:
    """Two backups of one day."""
    for ending in ("dump", "copy"):
        put(folder, name_of(ending=ending), content)


def elsewhere(folder: Path, content: bytes) -> None:
    """The job writes under another name than the one it is looked for by."""
    put(folder, f"sauvegarde-{name_of()}", content)


def unplugged(folder: Path, _content: bytes) -> None:
    """The folder of backups is not there."""
    folder.rmdir()


def a_file_in_its_place(folder: Path, content: bytes) -> None:
    """What should be the folder of backups is a file."""
    folder.rmdir()
    folder.write_bytes(content)
