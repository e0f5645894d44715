"""What a plain dump of PostgreSQL announces of the contents of its tables and sequences, and what of it came; bounded.

Sources: PostgreSQL's src/bin/pg_dump/pg_dump.c and pg_backup_archiver.c.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from restore_lab.engines import naming
from restore_lab.engines.naming import Named, text_of

#: So many names are kept of each sort.
_MOST_NAMES: Final = 20_000
#: What a pg_dump writes only behind the contents of its tables, once it has given all of them.
_BEHIND_DATA: Final = frozenset({b"CREATE", b"ALTER", b"REFRESH", b"GRANT", b"REVOKE", b"COMMENT"})


@dataclass(kw_only=True, slots=True)
class Contents:
    """`wanted` are the tables and sequences, with their kind, `headed` those whose contents a comment announces.

    `given` are those whose contents came, `copies` is whether they come by COPY, `past_data` whether anything but
    contents came after the last of them.
    """

    wanted: dict[Named, str] = field(default_factory=dict)
    headed: set[Named] = field(default_factory=set)
    given: set[Named] = field(default_factory=set)
    copies: bool = False
    past_data: bool = False

    def hear(self, line: bytes) -> bool:
        """Read a comment, and tell whether it announces contents."""
        found = naming.DATA_COMMENT.match(line)
        if found is None:
            return False
        self.past_data = False
        if len(self.headed) < _MOST_NAMES:
            self.headed.add(Named(text_of(found[2]), text_of(found[1])))
        return True

    def pass_by(self, word: bytes) -> None:
        """A statement has come that begins with `word`; with some, all contents have come before."""
        self.past_data = self.past_data or word in _BEHIND_DATA

    def want(self, named: Named, what: str) -> None:
        """What was made is to have contents."""
        if len(self.wanted) < _MOST_NAMES:
            self.wanted[named] = what

    def give(self, named: Named) -> None:
        """The contents come."""
        self.past_data = False
        if len(self.given) < _MOST_NAMES:
            self.given.add(named)

    def end(self) -> None:
        """The tool has come to its end: what did not come was left out."""
        self.past_data = True

    def begin_anew(self) -> None:
        """Another database begins; whether contents come by COPY is the tool's way with all of them."""
        self.wanted.clear()
        self.headed.clear()
        self.given.clear()
        self.past_data = False
