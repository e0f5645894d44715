"""How statements and comments of SQL dumps name objects, whatever tool wrote them: patterns, bounded; pure.

Sources: MySQL's and MariaDB's client/mysqldump.c, PostgreSQL's src/bin/pg_dump/pg_dump.c and pg_backup_archiver.c,
SQLite's shell.c; phpMyAdmin's ExportSql.php, HeidiSQL's tabletools.pas, Adminer's adminer.inc.php, mysqldump-php's
Mysqldump.php, `mysqldump` of npm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_NAME_BYTES: Final = 256

_PART: Final = (
    rb"(?:`(?:[^`]|``|(?!)){1,256}+`|\"(?:[^\"]|\"\"|(?!)){1,256}+\"|\[[^\]]{1,256}\]"
    rb"|'(?:[^']|''|(?!)){1,256}+'|[\w$\x80-\xff]{1,256})"
)
_NAME: Final = rb"(" + _PART + rb"(?:\s?\.\s?" + _PART + rb"){0,2})"
_IF: Final = rb"(?:IF (?:NOT )?EXISTS )?"
_ACCOUNT: Final = rb"DEFINER ?= ?(?:" + _PART + rb"(?: ?@ ?" + _PART + rb")?|CURRENT_USER(?:\(\))?) "
CREATE: Final = re.compile(
    rb"CREATE (?:OR REPLACE )?(?:ALGORITHM ?= ?\w+ )?(?:" + _ACCOUNT + rb")?(?:SQL SECURITY \w+ )?"
    rb"((?:(?:GLOBAL|LOCAL|TEMPORARY|TEMP|UNLOGGED|FOREIGN|MATERIALIZED|RECURSIVE|CONSTRAINT|EVENT|AGGREGATE|VIRTUAL) )"
    rb"{0,3})(TABLE|VIEW|TRIGGER|FUNCTION|PROCEDURE|EVENT|SEQUENCE|DATABASE|SCHEMA|RULE)\b ?" + _IF + _NAME,
    re.IGNORECASE,
)
DROP: Final = re.compile(rb"DROP (?:MATERIALIZED |FOREIGN )?(\w{1,20}) " + _IF + _NAME + rb" ?(,)?", re.IGNORECASE)
#: The table that stands in for a view until all tables are there: no server begins the columns of a table so.
STAND_IN: Final = re.compile(
    rb"CREATE TABLE (?:IF NOT EXISTS )?(?:" + _PART + rb"\.)?" + _PART + rb" ?\((?:\r?\n\t?)?[`\"]", re.IGNORECASE
)
CONDITIONAL: Final = re.compile(rb"/\*M?!\d{0,6}|\*/")
USE: Final = re.compile(rb"USE " + _NAME, re.IGNORECASE)
SEARCH_PATH: Final = re.compile(rb"SET search_path (?:=|TO) (" + _PART + rb")", re.IGNORECASE)
SAVES: Final = re.compile(rb"@OLD_(\w{1,64}) ?:?= ?@@", re.IGNORECASE)
PUTS_BACK: Final = re.compile(rb"@OLD_(\w{1,64})(?! ?:?= ?@@)\b", re.IGNORECASE)
SETVAL: Final = re.compile(rb"SELECT pg_catalog\.setval\('((?:[^']|''){1,300})'", re.IGNORECASE)
INTO: Final = re.compile(rb"(?:INSERT|REPLACE) (?:IGNORE )?INTO " + _NAME, re.IGNORECASE)
COPY: Final = re.compile(rb"COPY " + _NAME, re.IGNORECASE)
LOCK: Final = re.compile(rb"LOCK TABLES? " + _NAME, re.IGNORECASE)
#: What PostgreSQL's tools write that needs a tablespace to be there.
TABLESPACE: Final = re.compile(
    rb"(?:CREATE TABLESPACE|SET default_tablespace (?:=|TO)|CREATE DATABASE .{1,1000} TABLESPACE(?: ?=)?"
    rb"|ALTER (?:DATABASE|TABLE|INDEX|MATERIALIZED VIEW) [^']{1,400} SET TABLESPACE) ?(?!DEFAULT\b)(" + _PART + rb")",
    re.IGNORECASE,
)
PARTITIONED: Final = re.compile(rb"\n\)?\s*PARTITION BY ", re.IGNORECASE)
IDENTITY: Final = re.compile(rb"ADD GENERATED (?:ALWAYS|BY DEFAULT) AS IDENTITY \( SEQUENCE NAME " + _NAME)

TABLE_COMMENT: Final = re.compile(rb"-- (?:Table structure for table|Structure de la table) " + _NAME)
VIEW_STAND_IN: Final = re.compile(
    rb"-- (?:Temporary (?:table|view) structure for view|Stand-[Ii]n structure for view"
    rb"|Doublure de structure pour la vue) " + _NAME
)
VIEW_FINAL: Final = re.compile(
    rb"-- (?:Final view structure for view|Structure for view|View structure for view|Structure de la vue) " + _NAME
)
DATA_COMMENT: Final = re.compile(rb"-- Data for Name: (.{1,256}); Type: TABLE DATA; Schema: (.{1,256}); Owner: ")

#: What tools write that makes, drops or renames nothing.
PLAIN_WORDS: Final = frozenset(
    b"ALTER ANALYZE BEGIN COMMENT COMMIT COPY CREATE DELETE DROP END FLUSH GRANT INSERT LOCK PRAGMA REASSIGN REFRESH"
    b" REPLACE REVOKE SECURITY SET START UNLOCK UPDATE USE".split()
)
PLAIN_QUESTION: Final = re.compile(
    rb"(?:SELECT|DO) (?:pg_catalog\.)?(?:setval|set_config|lo\w{0,12}|lowrite)\(", re.IGNORECASE
)
PLACES: Final = frozenset({b"DATABASE", b"SCHEMA"})
#: What is made and not there any more after the load, or not held against it.
PASSING: Final = frozenset({b"TEMPORARY", b"TEMP", b"EVENT"})
KINDS: Final = {b"PROCEDURE": "routine", b"FUNCTION": "routine"}
RENAMES: Final = re.compile(rb"ALTER .{1,400} (?:RENAME|SET SCHEMA)\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, order=True, slots=True)
class Named:
    """An object by its database or schema, "" when the dump leaves it open, and its name."""

    place: str
    name: str


def named_by(name: bytes, *, lowers: bool = False) -> Named:
    """Read a name as it is written, with its database or schema; the last two parts count."""
    parts = [_unquoted(part, lowers=lowers) for part in re.findall(_PART, name[: 3 * _NAME_BYTES])][-2:]
    return Named(parts[0] if len(parts) > 1 else "", parts[-1] if parts else "")


def _unquoted(part: bytes, *, lowers: bool) -> str:
    quote = part[:1]
    if quote in {b"`", b'"', b"'"}:
        return text_of(part[1:-1].replace(quote * 2, quote))
    if quote == b"[":
        return text_of(part[1:-1])
    text = text_of(part)
    return text.lower() if lowers else text


def text_of(name: bytes) -> str:
    """Read the letters of a name; what is not UTF-8 becomes U+FFFD."""
    return name[:_NAME_BYTES].decode("utf-8", "replace")
