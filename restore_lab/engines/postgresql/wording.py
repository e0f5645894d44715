"""Which identifier a PostgreSQL message is about, and which SQLSTATE stands behind a wording that comes without one.

Only the forms listed here give a subject, each matched from the message's first character, and only where PostgreSQL
puts an identifier of the schema: `invalid input syntax for type date: "..."` gives the type, never what follows the
colon, and `column "..." does not exist` gives nothing, because a script that quotes its strings wrongly puts values
there.
Source: PostgreSQL manual, appendix A "PostgreSQL Error Codes", and the server's own sources for the wordings.
"""

from __future__ import annotations

import re
from typing import Final

from restore_lab.engines.postgresql.meaning import RAISED

_NAME: Final = r'"([^"\n:]{1,130})"'
_THING: Final = (
    r"(?:relation|table|view|materialized view|index|sequence|type|schema|extension|language|collation|database|role"
    r"|function|trigger|constraint|policy|publication|server|tablespace|operator class|operator family|access method"
    r"|event trigger|foreign-data wrapper|text search (?:configuration|dictionary|parser|template))"
)

_SOME: Final = r'"[^"\n]{1,130}"'
_VIOLATES: Final = "violates (?:foreign key|check) constraint"

#: In order of precision; the first form that matches gives the subject.
_SUBJECTS: Final = tuple(
    re.compile(form)
    for form in (
        rf"duplicate key value violates unique constraint {_NAME}",
        rf"could not create (?:unique|exclusion) (?:index|constraint) {_NAME}",
        rf"(?:insert or update on|update or delete on|new row for) (?:table|relation) {_SOME} {_VIOLATES} {_NAME}",
        rf"check constraint {_NAME} (?:of relation|for relation|is violated)",
        rf"null value in column {_SOME} of relation {_NAME} violates",
        rf"column {_SOME} of relation {_NAME} ",
        rf"(?:trigger|rule|policy|constraint) {_SOME} for (?:relation|table) {_NAME} ",
        rf"extension {_NAME} (?:is not available|has no )",
        r'could not open extension control file "(?:[^"\n]*/)?([\w.-]{1,64})\.control"',
        r'could not access file "(?:[^"\n]*/)?([\w.$-]{1,64})"',
        rf"unrecognized configuration parameter {_NAME}",
        rf"(?:invalid (?:LC_\w+ )?locale name:?|could not create locale) {_NAME}",
        r"invalid input syntax for (?:type )?([a-z][a-z ]{1,40}):?(?: \"|$)",
        r"invalid input value for enum ([\w.\"]{1,130}):",
        rf"permission denied (?:for|to \w+) (?:{_THING} )?([\w.]{{1,63}})$",
        rf"must be owner of (?:{_THING} )?([\w.]{{1,63}})$",
        r"(?:function|procedure|aggregate|operator) ([\w.]{1,130})\(",
        rf"{_THING} {_NAME}(?: for encoding \"\w+\")? (?:already exists|does not exist|is not )",
    )
)
#: Fields that `VERBOSITY=verbose` adds, and the place of a COPY: identifiers by definition.
_FIELDS: Final = tuple(
    re.compile(form, re.MULTILINE)
    for form in (
        rb"^CONSTRAINT NAME:  ([^\n]{1,130})$",
        rb"^TABLE NAME:  ([^\n]{1,130})$",
        rb"^DATATYPE NAME:  ([^\n]{1,130})$",
        rb'^pg_restore: (?:error: |\[.*?\] )?COPY failed for table "([^"\n]{1,130})": ',
        rb"^CONTEXT:  COPY ([^,:\n]{1,130}), line \d+",
    )
)
#: amcheck's own messages name the index, or the table it belongs to.
_DAMAGED = re.compile(rf'[^"\n]{{1,200}}\b(?:index|table) {_NAME}')
#: Classes whose message speaks of a value, so that the place says more than the first line does.
_ABOUT_VALUES: Final = ("22", "23", "P0")

_CODES: Final = tuple(
    (re.compile(form), code)
    for form, code in (
        (r"duplicate key value|could not create unique index", "23505"),
        (r".{1,300}violates foreign key constraint", "23503"),
        (r"null value in column", "23502"),
        (r".{1,300}violates check constraint|check constraint .{1,200} is violated", "23514"),
        (r'(?:relation|table|view|materialized view|index|sequence) ".*" already exists', "42P07"),
        (r'schema ".*" already exists', "42P06"),
        (r'database ".*" already exists', "42P04"),
        (r"(?:function|procedure) .* already exists", "42723"),
        (r".{1,300} already exists", "42710"),
        (r'(?:relation|table|view|materialized view|index|sequence) ".*" does not exist', "42P01"),
        (r'schema ".*" does not exist', "3F000"),
        (r'database ".*" does not exist', "3D000"),
        (r"column .* does not exist", "42703"),
        (r"(?:function|procedure|aggregate|operator) .* does not exist", "42883"),
        (r'extension ".*" is not available', "0A000"),
        (r"could not open extension control file|could not access file", "58P01"),
        (r"unrecognized configuration parameter|.{1,300} does not exist", "42704"),
        (r"syntax error", "42601"),
        (r"invalid value for parameter", "22023"),
        (r"invalid input (?:syntax|value)", "22P02"),
        (r"invalid byte sequence|character with byte sequence", "22021"),
        (r"missing data for column|extra data after last expected column|unquoted|literal", "22P04"),
        (r"value too long", "22001"),
        (r"permission denied|must be (?:owner|superuser)", "42501"),
        (r"cannot execute .* in a read-only transaction", "25006"),
        (r"current transaction is aborted", "25P02"),
        (r"could not (?:write|extend)|.*No space left on device", "53100"),
        (r"out of memory", "53200"),
        (r"terminating connection", "57P01"),
        (r"canceling statement", "57014"),
    )
)
#: Internal error: PostgreSQL's own code for what has no other.
_UNKNOWN: Final = "XX000"


def code_by_wording(text: str) -> str:
    """Give the SQLSTATE of a message that came without it, `XX000` for a wording not known here."""
    return next((code for form, code in _CODES if form.match(text)), _UNKNOWN)


def named_by(code: str, text: str) -> str:
    """Give the identifier that a message's first line is about, "" when none is certain."""
    if code in ("XX001", "XX002") and (damaged := _DAMAGED.match(text)):
        return damaged.group(1)
    if code.startswith(RAISED):
        return ""
    return next((found.group(1) for form in _SUBJECTS if (found := form.match(text))), "")


def placed_by(code: str, text: str, raw: bytes) -> str:
    """Give the identifier in a message's further lines where it says more than the first one; `raw` has them all.

    A value quoted in an earlier line may imitate it: whoever asks has to know the name.
    """
    if not code.startswith(_ABOUT_VALUES) and named_by(code, text):
        return ""
    places = (field.group(1).decode("utf-8", "replace") for form in _FIELDS if (field := form.search(raw)))
    return next(places, "")
