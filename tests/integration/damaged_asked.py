"""Backups that are sound in themselves and not what their scenario asks for; and wrappings beyond what is undone."""

from __future__ import annotations

from typing import Final

from integration import damaged_doing as doing
from integration.damaged import IDENTITY, INCONCLUSIVE, PASSED, RESERVED, Row
from integration.damaged_making import Backup

from restore_lab.findings import Code

_WHOLE: Final = Backup(engine="sqlite")
_LETTERS_LOST: Final = Backup(engine="sqlite", change="DELETE FROM courrier WHERE id > 100;\n")
_VIEW_LOST: Final = Backup(engine="sqlite", change="DROP VIEW dernieres;\n")
_FIVE: Final = (doing.gzipped,) * 5
_LETTERS: Final = "at_least = { courrier = 130 }"
_VIEWS: Final = '[[restore.check]]\nkind = "objects"\ntitle = "vues"\nat_least = { view = 1 }'
_QUESTION: Final = (
    '[[restore.check]]\nkind = "sql"\ntitle = "lettres"\nsql = "SELECT max(id) FROM courrier"\nat_least = 200'
)

ROWS: Final = (
    Row(
        name="sqlite-letters-lost",
        backup=_LETTERS_LOST,
        counts=_LETTERS,
        done="letters deleted from the live database, at the first test: fewer than the scenario's minimum",
        weighing=frozenset({Code.ROWS_BELOW_MINIMUM}),
    ),
    Row(
        name="sqlite-letters-enough",
        backup=_WHOLE,
        counts=_LETTERS,
        done="as many letters as the scenario's minimum, and more",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="sqlite-view-lost",
        backup=_VIEW_LOST,
        counts=_VIEWS,
        done="a view dropped from the live database, where the scenario asks for one at least",
        weighing=frozenset({Code.OBJECTS_BELOW_MINIMUM}),
    ),
    Row(
        name="sqlite-view-there",
        backup=_WHOLE,
        counts=_VIEWS,
        done="one view, where the scenario asks for one at least",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="sqlite-answer-unmet",
        backup=_LETTERS_LOST,
        counts=_QUESTION,
        done="the newest letters deleted, which a question of the scenario's own asks for",
        weighing=frozenset({Code.SQL_EXPECTATION_UNMET}),
    ),
    Row(
        name="sqlite-answer-met",
        backup=_WHOLE,
        counts=_QUESTION,
        done="the newest letters there, which a question of the scenario's own asks for",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="sqlite-enrolled",
        backup=_WHOLE,
        options=IDENTITY,
        done="the first backup of a practice whose scenario asks who it is",
        verdict=PASSED,
        notes=frozenset({Code.IDENTITY_ENROLLED}),
        healthy=True,
    ),
    Row(
        name="slower-than-hoped",
        backup=_WHOLE,
        options="objective_rto_seconds = 0",
        done="nothing, and the practice hoped to have it back at once",
        verdict=RESERVED,
        weighing=frozenset({Code.RESTORE_TIME_OVER_OBJECTIVE}),
        healthy=True,
    ),
    Row(
        name="within-the-hour",
        backup=_WHOLE,
        options="objective_rto_seconds = 3600",
        done="nothing, and the practice hopes to have it back within an hour",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="zip",
        backup=_WHOLE,
        damage=(doing.zipped(),),
        done="in a zip",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="zip-bzip2",
        backup=_WHOLE,
        damage=(doing.zipped("-Z", "bzip2"),),
        done="in a zip packed by a method that is not undone here (`zip -Z bzip2`)",
        verdict=INCONCLUSIVE,
        weighing=frozenset({Code.ARCHIVE_FORM_UNKNOWN}),
    ),
    *(
        Row(
            name=name,
            backup=_WHOLE,
            damage=damage,
            done=done,
            verdict=INCONCLUSIVE,
            weighing=frozenset({code}),
        )
        for name, damage, done, code in (
            (
                "gpg",
                (doing.gpg(b"\x8c\x0d\x04\x09\x03\x02"),),
                "encrypted by gpg with a passphrase",
                Code.ARCHIVE_ENCRYPTED,
            ),
            (
                "gpg-letters",
                (doing.gpg(b"-----BEGIN PGP MESSAGE-----\n\n", "--armor"),),
                "the same as letters (`--armor`)",
                Code.ARCHIVE_ENCRYPTED,
            ),
            (
                "openssl-gzip",
                (doing.openssl, doing.gzipped),
                "encrypted by `openssl enc`, in a gzip",
                Code.ARCHIVE_ENCRYPTED,
            ),
            ("age", (doing.age,), "encrypted by age", Code.ARCHIVE_ENCRYPTED),
            ("zstd", (doing.zstd,), "packed with zstd", Code.ARCHIVE_FORM_UNKNOWN),
            ("zstd-tar", (doing.zstd, doing.tarred("a.zst")), "packed with zstd, in a tar", Code.ARCHIVE_FORM_UNKNOWN),
            ("lz4", (doing.lz4,), "packed with lz4", Code.ARCHIVE_FORM_UNKNOWN),
            ("7z", (doing.seven_zip,), "packed with 7-Zip", Code.ARCHIVE_FORM_UNKNOWN),
            (
                "xbstream",
                (doing.xbstream, doing.gzipped),
                "a server's own file, as mariadb-backup streams it (`--stream=xbstream`), in a gzip",
                Code.BACKUP_OF_ANOTHER_KIND,
            ),
            (
                "pgdata-tar",
                (doing.tarred("16384", "pg_control"),),
                "a tar of files that are called as those of a server of PostgreSQL",
                Code.BACKUP_OF_ANOTHER_KIND,
            ),
        )
    ),
    Row(
        name="lzma",
        backup=_WHOLE,
        damage=(doing.lzma_alone,),
        done="packed with `xz --format=lzma`",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="gzip-five",
        backup=_WHOLE,
        damage=_FIVE,
        done="packed with gzip five times over",
        verdict=PASSED,
        healthy=True,
    ),
    Row(
        name="gzip-six",
        backup=_WHOLE,
        damage=(*_FIVE, doing.gzipped),
        done="packed with gzip six times over: more layers than any backup has",
        verdict=INCONCLUSIVE,
        weighing=frozenset({Code.ARCHIVE_TOO_LARGE}),
    ),
    Row(
        name="unplugged",
        backup=_WHOLE,
        place=doing.unplugged,
        done="the folder of backups is not there: a disk nobody plugged in",
        verdict=INCONCLUSIVE,
        weighing=frozenset({Code.SOURCE_NOT_PLUGGED_IN}),
    ),
    Row(
        name="unlistable",
        backup=_WHOLE,
        place=doing.a_file_in_its_place,
        done="a file where the folder of backups was, which cannot be listed",
        verdict=INCONCLUSIVE,
        weighing=frozenset({Code.SOURCE_UNREADABLE}),
    ),
)
