"""What comments of a dump of MariaDB say of the rows of its tables, one table after the other; bounded.

Sources: mysqldump-php's Mysqldump.php (`prepareListValues`, `endListValues`), `getDataDump` of npm's mysqldump.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from restore_lab.engines.naming import text_of

#: So many names are kept; beyond, nothing is told.
MOST_NAMES: Final = 20_000
_BEGINS: Final = re.compile(rb"-- Dumping data for table `(.{1,256})`\Z")
_ENDS: Final = re.compile(rb"-- Dumped table `(.{1,256})` with \d{1,20} row")
_HEAD: Final = re.compile(rb"# DATA DUMP FOR TABLE: (.{1,256}?)(?: \(locked\))?\Z")


@dataclass(kw_only=True, slots=True)
class Filling:
    """Give every line of a comment to `hear`; `begun` is the table whose rows were begun and not ended yet.

    `ends` is whether the tool tells of an end at all; `headed` are tables whose rows have a comment of their own, be
    there rows or not.
    """

    begun: str = ""
    ends: bool = False
    headed: dict[str, None] = field(default_factory=dict)

    def hear(self, line: bytes) -> None:
        """Read on."""
        if found := _BEGINS.match(line):
            self.begun = _name(found)
        elif _ENDS.match(line):
            self.ends, self.begun = True, ""
        elif (found := _HEAD.match(line)) and len(self.headed) < MOST_NAMES:
            self.headed[_name(found)] = None

    def unended(self) -> Iterator[str]:
        """Name the table whose rows were not ended, where others' were."""
        if self.ends and self.begun:
            yield self.begun

    def unheaded(self, tables: Collection[str], views: Collection[str]) -> Iterator[str]:
        """Name the tables without a comment on their rows, where others have one and each is a name of the dump's."""
        if self.headed and len(self.headed) < MOST_NAMES and self.headed.keys() <= {*tables, *views}:
            yield from (name for name in tables if name not in self.headed)


def _name(found: re.Match[bytes]) -> str:
    """Read a name as the outline does, to whom any white space is one space."""
    return text_of(b" ".join(found[1].split()))
