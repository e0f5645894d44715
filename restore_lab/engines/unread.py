"""What phpMyAdmin could not read and went on without: views whose stand-ins it drops, tables it only names; bounded.

It drops the table that stands in for a view, then makes the view. Where its account may not see how the view is made
(SHOW VIEW), or the view is broken, it writes a comment in its place and goes on; without comments, it goes on. Of a
table that the server does not open, or whose rows it does not give, a comment is all there is.
Source: phpMyAdmin's ExportSql.php (`exportStructure`, `getTableDef`, `exportData`); compared with what its release
5.2.1 wrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from restore_lab.engines.naming import text_of

#: So many names are kept.
_MOST_NAMES: Final = 20_000
#: In place of what cannot be read: words in the operator's language, the database and the name as they are, then the
#: server's error. Releases before 4.5 have « in use(#1142 - » there, without a name.
_REFUSED: Final = re.compile(rb"-- (?:[^#]{1,200}?[^\s.#]{1,64}\.([^#:]{1,128}?) ?: |[^#.]{1,80}\()#(\d{1,4}) - ")
#: ER_VIEW_INVALID; a right that only views want.
_OF_VIEWS: Final = (b"1356", b"SHOW VIEW")


@dataclass(kw_only=True, slots=True)
class Unread:
    """Give it what is dropped, altered and said in comments; `views` and `tables` are those that never came.

    `open` is what the dump has begun, as (what, name): a stand-in that is dropped for good is taken out of it.
    """

    open: dict[tuple[str, str], None]
    views: dict[str, None] = field(default_factory=dict)
    tables: dict[str, None] = field(default_factory=dict)
    _dropped: str = ""
    _has_comments: bool = False

    @property
    def doubtful(self) -> str:
        """The view whose stand-in was dropped last, "" when what followed tells: in a dump with comments one does."""
        return "" if self._has_comments else self._dropped

    def drop(self, name: str) -> None:
        """A name is dropped; another one than the last stand-in's tells that the tool has gone on."""
        if name != self._dropped:
            self.go_on()
        if ("stand-in", name) in self.open:
            self._dropped = name

    def hear(self, line: bytes) -> None:
        """Read a comment; an error in place of what was to come tells that it did not."""
        self._has_comments = True
        found = _REFUSED.match(line)
        if found is None:
            return
        name = text_of(found[1] or b"")
        if self._dropped and name in {self._dropped, ""}:
            self.go_on()
            return
        kept = self.views if found[2] == _OF_VIEWS[0] or _OF_VIEWS[1] in line else self.tables
        if len(kept) < _MOST_NAMES:
            kept[name] = None

    def go_on(self) -> None:
        """What follows is not the view."""
        if ("stand-in", self._dropped) in self.open:
            del self.open["stand-in", self._dropped]
            self.views[self._dropped] = None
        self._dropped = ""
