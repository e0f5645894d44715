"""What one message of psql or pg_restore means for a restore; pure. `docs/verdicts.md` says what it weighs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from restore_lab.engines.remarks import without_remarks

#: syntax_error and feature_not_supported: appendix A of the manual.
_SYNTAX_ERROR: Final = "42601"
_NOT_SUPPORTED: Final = "0A000"
#: invalid_parameter_value, object_not_in_prerequisite_state.
_INVALID_VALUE: Final = "22023"
_NOT_EMPTY: Final = "55000"
#: What a function raises may say anything.
RAISED: Final = "P0"
#: Code of what a client says of itself: there is no SQLSTATE in it.
CLIENT: Final = "CLIENT"


class Meaning(Enum):
    """What a message means for the restore."""

    SILENT = auto()
    HARMLESS = auto()
    ROLE_ABSENT = auto()
    EXTENSION_ABSENT = auto()
    COLLATION_ABSENT = auto()
    TABLESPACE_ABSENT = auto()
    HARMFUL = auto()
    SERVER_LOST = auto()
    NO_ROOM = auto()
    NO_MEMORY = auto()
    CLIENT_LACKS = auto()
    ARCHIVE_VERSION = auto()
    ARCHIVE_DAMAGED = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message, still raw: it lives until it is counted.

    `is_cut` is whether `statement` is only a beginning, `by_archive_reader` whether pg_restore speaks for itself.
    """

    code: str
    text: str
    statement: str = ""
    line: int | None = None
    is_cut: bool = False
    by_archive_reader: bool = False


_BY_CODE: Final = {
    "53100": Meaning.NO_ROOM,
    "53200": Meaning.NO_MEMORY,
    "57P01": Meaning.SERVER_LOST,
    "57P02": Meaning.SERVER_LOST,
    "57P03": Meaning.SERVER_LOST,
}
#: Success, warnings and « no data »: appendix A, classes 00 to 02.
_SILENT_CLASSES: Final = ("00", "01", "02")
#: A thing to be dropped that is not there, or that the server itself needs.
_NOTHING_TO_DROP: Final = frozenset({"42P01", "42704", "42883", "42703", "3F000", "3D000", "55006", "2BP01", "42809"})
#: Undefined, duplicate or misspelt objects, and a client that lost its way among them.
_DEPENDENT: Final = ("42", "3D", "3F", "0A", "25", CLIENT)

_LOST = re.compile(
    r"server closed the connection|connection to (?:the )?server|could not connect|no connection to the server"
)
_LACKS = re.compile(r"build does not support|ompression (?:is )?not supported")
_REPLAYED = re.compile(r"(?:ALTER|GRANT|REVOKE|CREATE POLICY)\b", re.IGNORECASE)
_BECOMES_ROLE = re.compile(r"SET (?:SESSION AUTHORIZATION|ROLE)\b", re.IGNORECASE)
_DROPS = re.compile(
    r"DROP\b|SELECT pg_catalog\.lo_unlink\b|ALTER (?:TABLE|DOMAIN)\b[^;]{1,500}\bDROP CONSTRAINT\b", re.IGNORECASE
)
_SETS = re.compile(r"SET\b|SELECT pg_catalog\.set_config\b", re.IGNORECASE)
#: Where `postgres` was not the first superuser, a dump may take that from it; from 16 on the server keeps it.
_BOOTSTRAP = re.compile(r"ALTER ROLE postgres (?:WITH )?NOSUPERUSER\b")
#: What a dump begins with, and does as well without: no row is read otherwise for it.
_SPARED = re.compile(
    r"(?:SET (?:statement_timeout|lock_timeout|idle_in_transaction_session_timeout|transaction_timeout"
    r"|client_min_messages|default_transaction_read_only) = \w+|SET client_encoding = 'UTF8');?"
)
_MEMBERSHIP = re.compile(r"GRANT (?:(?! ON )[^;]){1,500} TO \S", re.IGNORECASE)
#: Where tables lie is the server's own matter: they come back wherever that is. What says so has no statement where
#: pg_restore sets it.
_TABLESPACE = re.compile(r'invalid value for parameter "default_tablespace": "')
_MAKES_TABLESPACE = re.compile(r"CREATE TABLESPACE\b", re.IGNORECASE)
_BUILT_IN = re.compile(
    r'(?:schema "public"|(?:language|extension) "plpgsql"|role "postgres"|database "(?:postgres|template1)")'
    r" already exists"
)
_COLLATION = re.compile(
    r'collation ".*" (?:for encoding ".*" )?does not exist|invalid (?:LC_\w+ )?locale name|could not create locale'
)
_EXTENSION = re.compile(
    r'extension ".*" (?:is not available|has no (?:installation|update))'
    r"|could not (?:open extension control|access) file"
)
_ABSENT: Final = ((_COLLATION, Meaning.COLLATION_ABSENT), (_EXTENSION, Meaning.EXTENSION_ABSENT))
#: pg_dump has written them since August 2025; an older psql does not know them and needs them not.
_CONFINED_TO_CLIENT: Final = ("invalid command \\restrict", "invalid command \\unrestrict")


def meaning(message: Message) -> Meaning:
    """Judge a message by its code, its first line and the statement it answers."""
    code, text, statement = message.code, message.text, message.statement.lstrip()
    if code in _BY_CODE or code.startswith(_SILENT_CLASSES):
        return _BY_CODE.get(code, Meaning.SILENT)
    if code == CLIENT:
        return _of_client(message)
    if not code.startswith(RAISED) and text.startswith('role "') and text.endswith('" does not exist'):
        return _of_role(statement)
    for absent, meant in _ABSENT:
        if absent.match(text):
            return meant
    if _MAKES_TABLESPACE.match(statement) or _keeps_default(code, text, statement):
        return Meaning.TABLESPACE_ABSENT
    return Meaning.HARMLESS if _is_harmless(code, text, statement) else Meaning.HARMFUL


def may_follow_from_absence(code: str) -> bool:
    """Tell whether an error of this code can be a mere consequence of an extension or collation that is not there."""
    return code.startswith(_DEPENDENT)


def can_be_replayed(statement: str) -> bool:
    """Tell whether a statement that named an absent role may simply be given again once the role is there."""
    return _REPLAYED.match(statement.lstrip()) is not None


def _of_client(message: Message) -> Meaning:
    if _LOST.search(message.text):
        return Meaning.SERVER_LOST
    if message.by_archive_reader and _LACKS.search(message.text):
        return Meaning.CLIENT_LACKS
    if message.by_archive_reader:
        return Meaning.ARCHIVE_VERSION if message.text.startswith("unsupported version") else Meaning.ARCHIVE_DAMAGED
    return Meaning.HARMLESS if message.text.startswith(_CONFINED_TO_CLIENT) else Meaning.HARMFUL


def _of_role(statement: str) -> Meaning:
    if _DROPS.match(statement):
        return Meaning.HARMLESS
    replaceable = _REPLAYED.match(statement) or _BECOMES_ROLE.match(statement)
    return Meaning.ROLE_ABSENT if replaceable else Meaning.HARMFUL


def _keeps_default(code: str, text: str, statement: str) -> bool:
    says = code == _INVALID_VALUE and _TABLESPACE.match(text) is not None
    return says and (not statement or _SETS.match(statement) is not None)


def _is_harmless(code: str, text: str, statement: str) -> bool:
    return bool(
        _BUILT_IN.match(text)
        or (_DROPS.match(statement) and code in _NOTHING_TO_DROP)
        or (statement.startswith("DROP TABLESPACE") and code == _NOT_EMPTY)
        or (_SETS.match(statement) and text.startswith("unrecognized configuration parameter"))
        or (statement.startswith("COMMENT ON EXTENSION") and code == "42501")
        or (_MEMBERSHIP.match(statement) and code in ("42501", "0LP01"))
        or (code == _SYNTAX_ERROR and _is_spared(statement))
        or (code == _NOT_SUPPORTED and _BOOTSTRAP.match(statement))
    )


def _is_spared(statement: str) -> bool:
    """Tell whether a message of pg_dump, written into the dump, swallowed nothing that a restore needs."""
    swallowed = without_remarks(statement)
    return swallowed is not None and (not swallowed or _SPARED.fullmatch(swallowed) is not None)
