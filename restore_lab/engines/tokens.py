"""How SQL is written by those that dump it: whose strings, quotes and comments these are; pure.

A group that is repeated possessively ends, here as elsewhere, in an alternative that fails at once, `(?!)`: Python
before 3.11.5, that of Debian 12 among them, otherwise goes on where the last alternative failed, and not where the last
match ended (CPython's gh-106052). Sources: MariaDB's client/mysql.cc (`add_line`), PostgreSQL's
src/fe_utils/psqlscan.l, SQLite's shell.c.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final


class Dialect(Enum):
    """How strings, quotes and comments are written: whose dump it is."""

    MARIADB = "mariadb"
    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


def escaped(quote: bytes) -> bytes:
    """Give the pattern of what may stand between two such quotes where a backslash takes the next byte along."""
    return rb"(?:[^\\%b]++|\\.|(?!))*+" % quote


_STRING: Final = re.compile(b"'" + escaped(b"'") + b"'", re.DOTALL)


def run_of(dialect: Dialect, delimiter: bytes) -> re.Pattern[bytes]:
    """Give what a statement may be read over in one go: whole strings and names, and what begins nothing else."""
    special = rb"'\"`/\-" + (b"#" if dialect is Dialect.MARIADB else b"$")
    plain = rb"[^" + special + re.escape(delimiter[:1]) + rb"]++"
    if dialect is Dialect.MARIADB:
        strings = b"|".join(quote + escaped(quote) + quote for quote in (b"'", b'"'))
    else:
        strings = rb"(?<![Ee])'[^']*+'|\"[^\"]*+\""
    harmless = {b"-": rb"-(?=[^-])", b"/": rb"/(?=[^*])", b"`": rb"`[^`]*+`"}
    others = [pattern for first, pattern in harmless.items() if first != delimiter[:1]]
    return re.compile(rb"(?:" + b"|".join((plain, strings, *others)) + rb"|(?!))*+", re.DOTALL)


def is_plain(head: bytes) -> bool:
    """Whether a statement of rows has no quote but around its values, as tools write it."""
    names, values, rows = head.partition(b"VALUES")
    if not values:
        names, values, rows = head.partition(b"values")
    if b"'" in names or not values:
        return False
    return b'"' not in _STRING.sub(b"", rows).split(b"'", 1)[0]
