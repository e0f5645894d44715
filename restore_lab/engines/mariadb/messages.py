"""What the `mariadb` client says while it loads, line by line: how bad it is and what schema object it is about; pure.

Source: https://mariadb.com/kb/en/mariadb-error-code-reference/. Numbers decide, never the text: a server may be set to
another language. The text only gives identifiers, each taken from a place where no value can stand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from restore_lab.findings import Problem, reduce_message

#: The client's and the server's messages are shorter (MYSQL_ERRMSG_SIZE is 512); a longer line is cut here.
LINE_BYTES: Final = 4096


class Cause(Enum):
    """Why a statement failed, as far as its number tells."""

    BACKUP = "backup"
    HARMLESS = "harmless"
    COLLATION = "collation"
    EXTENSION = "extension"
    SETTING = "setting"
    OUTDATED = "outdated"
    MEMORY = "memory"
    DISK = "disk"
    SERVER_GONE = "server gone"
    CLIENT_STOPPED = "client stopped"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One error, reduced; `name` is the collation, the extension or the setting that `cause` is about."""

    problem: Problem
    cause: Cause
    name: str = ""

    @property
    def missing_table(self) -> str:
        """The table that a statement wanted and did not find, as `database.table`; "" for any other error."""
        return self.problem.subject if self.problem.code == _NO_SUCH_TABLE else ""

    @property
    def missing(self) -> str:
        """The table or the database that a statement wanted and did not find; "" for any other error."""
        return self.problem.subject if self.problem.code in {_NO_SUCH_TABLE, _NO_SUCH_DATABASE} else ""

    @property
    def refuses_to_create(self) -> bool:
        """Whether a lack of this machine may have refused a CREATE, so that what follows finds no table either."""
        return self.cause in {Cause.COLLATION, Cause.EXTENSION}


_NO_SUCH_TABLE: Final = "1146"
_NO_SUCH_DATABASE: Final = "1049"
_ERROR: Final = re.compile(rb"ERROR(?: (\d{1,5}) \([0-9A-Z]{5}\))?(?: at line (\d{1,18}))?: (.*)", re.DOTALL)

#: Where in a message the schema's own word stands; each is anchored behind every value the message may quote.
_SUBJECTS: Final[dict[str, re.Pattern[str]]] = {
    code: re.compile(pattern)
    for codes, pattern in (
        ("1062", r"Duplicate entry '.*' for key '([^']+)'$"),
        ("1292 1366", r".* for column `[^`]*`\.(`[^`]+`\.`[^`]+`) at row \d+$"),
        ("1264 1265 1406", r"(?:Data too long|Data truncated|Out of range value) for column '([^']+)' at row \d+$"),
        ("1048", r"Column '([^']+)' cannot be null$"),
        ("1364", r"Field '([^']+)' doesn't have a default value$"),
        ("1067", r"Invalid default value for '([^']+)'$"),
        ("1146", r"Table '([^']+)' doesn't exist$"),
        ("1050", r"Table '([^']+)' already exists$"),
        ("1051", r"Unknown table '([^']+)'$"),
        ("1049", r"Unknown database '([^']+)'$"),
        ("1007", r"Can't create database '([^']+)'; database exists$"),
        ("1005", r"Can't create table (`[^`]*`\.`[^`]+`) \(errno: \d+ "),
        (
            "1451 1452",
            r"Cannot (?:add or update a child|delete or update a parent) row: [^`]* fails \(`[^`]*`\.(`[^`]+`),",
        ),
        ("1061", r"Duplicate key name '([^']+)'$"),
        ("1273", r"Unknown collation: '(\w+)'$"),
        ("1115", r"Unknown character set: '(\w+)'$"),
        ("1286", r"Unknown storage engine '(\w+)'$"),
        ("1193", r"Unknown system variable '(\w+)'$"),
        ("1231", r"Variable '(\w+)' can't be set to the value of "),
        ("1227", r"Access denied; you need \(at least one of\) the ([A-Z_ ,]+) privilege"),
    )
    for code in codes.split()
}
#: What a message may name that neither a dump nor the catalogue does.
#: Source: https://mariadb.com/kb/en/grant/#global-privileges
PRIVILEGES: Final = (
    *("FILE", "SUPER", "EVENT", "PROCESS", "RELOAD", "SHUTDOWN", "SET USER", "READ_ONLY ADMIN", "CONNECTION ADMIN"),
    *("BINLOG ADMIN", "BINLOG MONITOR", "BINLOG REPLAY", "FEDERATED ADMIN", "REPLICATION SLAVE", "SHOW DATABASES"),
    *("REPLICATION SLAVE ADMIN", "REPLICATION MASTER ADMIN", "REPLICA MONITOR"),
)
_CAUSES: Final[dict[str, Cause]] = {
    code: cause
    for cause, codes in (
        # accounts, what was to be dropped and is not there, variables another vendor has: no row depends on them
        (Cause.HARMLESS, "1007 1008 1051 1091 1133 1141 1193 1228 1229 1238 1269 1360 1396 1524"),
        (Cause.COLLATION, "1115 1273"),
        (Cause.EXTENSION, "1286"),
        (Cause.MEMORY, "5 1037 1038 1041 1135 2008"),
        (Cause.DISK, "3 20 1021 1114"),
        (Cause.SERVER_GONE, "1053 1927 2002 2006 2013 2055"),
    )
    for code in codes.split()
}
#: What strict `sql_mode` refuses and a lenient server takes with a warning.
#: Source: https://mariadb.com/kb/en/sql-mode/#strict-mode
STRICTNESS: Final = frozenset(map(str, (1055, 1067, 1101, 1264, 1265, 1292, 1364, 1365, 1366, 1406, 1411, 1441)))
#: How tables name their engine in dumps of MySQL 4.0, or by `--compatible=mysql40`; no server since MySQL 5.5 takes it.
#: Source: MySQL 5.5 reference manual, CREATE TABLE (« TYPE »).
_OUTDATED: Final = re.compile(r"[^']*'(TYPE) ?= ?(?:MyISAM|InnoDB|HEAP|MEMORY|ISAM|BDB|BerkeleyDB|MERGE|MRG_MyISAM)\b")
#: InnoDB, which cannot extend a file, gives a « generic error » (168) in place of the system's.
_NO_SPACE: Final = re.compile(r"\((?:errno|Errcode): (?:27|28|122) |Got error (?:28|122|168) \"")
_NO_MEMORY: Final = re.compile(r"\((?:errno|Errcode): 12 ")


def read_message(raw: bytes) -> Message | None:
    """Reduce one line of the client's stderr; a line that is no error gives None."""
    found = _ERROR.match(raw)
    if found is None:
        return None
    code, text = found[1].decode() if found[1] else "", found[3].decode("utf-8", "replace").rstrip("\n")
    line = int(found[2]) if found[2] else None
    if not code:
        return _said_by_client(raw, text, line)
    subject = _subject(code, text)
    cause, name = _judged(code, text, subject)
    return Message(problem=reduce_message(raw, code=code, subject=subject, line=line), cause=cause, name=name)


def _subject(code: str, text: str) -> str:
    pattern = _SUBJECTS.get(code)
    found = pattern.match(text) if pattern else None
    return found[1].replace("`", "") if found else ""


def _judged(code: str, text: str, subject: str) -> tuple[Cause, str]:
    if _NO_SPACE.search(text):
        return Cause.DISK, ""
    if _NO_MEMORY.search(text):
        return Cause.MEMORY, ""
    if setting := _setting(code, text):
        return Cause.SETTING, setting
    if code == "1231" and text.endswith("'NULL'"):
        return Cause.HARMLESS, ""  # a saved value put back that was never saved
    if code == "1064" and (outdated := _OUTDATED.match(text)):
        return Cause.OUTDATED, outdated[1]
    cause = _CAUSES.get(code, Cause.BACKUP)
    return cause, subject if cause in {Cause.COLLATION, Cause.EXTENSION} else ""


def _setting(code: str, text: str) -> str:
    """Name the server setting that decides on this error, "" when none does."""
    if code in STRICTNESS:
        return "sql_mode"
    match code:
        case "1118":  # the row that InnoDB cannot hold, or the one whose characters take more bytes than at home
            return "character_set_server" if "65535" in text else "innodb_strict_mode"
        case "1071":
            return "innodb_default_row_format" if " 767 " in text else "character_set_server"
        case "1153" | "2020":
            return "max_allowed_packet"
        case _:
            return ""


def _said_by_client(raw: bytes, text: str, line: int | None) -> Message:
    if text.startswith(r"Unknown command '\-'"):
        return Message(problem=reduce_message(raw, code="CLIENT", line=line), cause=Cause.HARMLESS)
    if text.startswith("ASCII"):
        return Message(problem=reduce_message(raw, code="NUL", line=line), cause=Cause.CLIENT_STOPPED)
    return Message(problem=reduce_message(raw, code="CLIENT", line=line), cause=Cause.BACKUP)
