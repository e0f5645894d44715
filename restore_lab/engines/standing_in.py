"""Views whose stand-in tables a dump of MariaDB drops, without making the view then: the tool left them out; bounded.

phpMyAdmin drops the table that stands in for a view, then makes the view. Where its account may not see how the view is
made (SHOW VIEW), or the view is broken, it writes a comment in its place and goes on; without comments, it goes on.
Source: phpMyAdmin's ExportSql.php (`exportStructure`, `getTableDef`); compared with what its release 5.2.1 wrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from restore_lab.engines.naming import text_of

#: In place of a view: words in the operator's language, the database and the name as they are, the server's error.
#: Releases before 4.5: « in use(#1142 - ».
_REFUSED: Final = re.compile(rb"-- [^#]{1,400}#\d{4} - ")


@dataclass(kw_only=True, slots=True)
class StandIns:
    """Which stand-in was dropped last, while its view is still to come; `left_out` are the views that never came."""

    open: dict[tuple[str, str], None]
    left_out: dict[str, None] = field(default_factory=dict)
    _dropped: str = ""

    def drop(self, name: str) -> None:
        """A name is dropped; another one than the last stand-in's tells that the tool has gone on."""
        if name != self._dropped:
            self.go_on()
        if ("stand-in", name) in self.open:
            self._dropped = name

    def hear(self, line: bytes) -> None:
        """Read a comment; an error in place of the view tells that there is none. One about a table is no such."""
        if self._dropped and (found := _REFUSED.match(line)) and self._is_silent_or_names(found[0]):
            self.go_on()

    def go_on(self) -> None:
        """What follows is not the view."""
        if ("stand-in", self._dropped) in self.open:
            del self.open["stand-in", self._dropped]
            self.left_out[self._dropped] = None
        self._dropped = ""

    def _is_silent_or_names(self, words: bytes) -> bool:
        text = text_of(words)
        return "." not in text or f".{self._dropped}" in text
