"""Words that a dump's own definitions use: what a message may name when a value could imitate the message.

Strings are left out, and so are rows: what is learned is the schema's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from restore_lab.engines import naming
from restore_lab.engines.naming import text_of
from restore_lab.engines.statements import Statement

#: So many are kept; a name beyond is not known.
MOST_WORDS: Final = 100_000
_STRING: Final = re.compile(rb"'(?:[^'\\]++|\\.|''|(?!))*+(?:'|\Z)", re.DOTALL)
#: Statements that hold no value of a row.
_DEFINES: Final = frozenset({b"CREATE", b"ALTER", b"DROP", b"SET", b"USE", b"LOCK"})
_BETWEEN: Final = re.compile(r"\.|, ")
_WORD: Final = re.compile(rb"`((?:[^`]|``){1,64})`|\"([^\"]{1,64})\"|[\w$\x80-\xff]{2,64}")


@dataclass(kw_only=True, slots=True)
class Vocabulary:
    """The words learned so far, without case."""

    words: set[str] = field(default_factory=set)

    def hear(self, word: bytes, text: bytes, statement: Statement) -> None:
        """Keep the words of a statement that begins with `word`; of rows only where they go."""
        if found := naming.INTO.match(text):
            self._learn(found[1])
        elif word in _DEFINES:
            self._learn(statement.text)
            self._learn(statement.tail)

    def _learn(self, text: bytes) -> None:
        for found in _WORD.finditer(_STRING.sub(b" ", text)):
            if len(self.words) < MOST_WORDS:
                self.words.add(text_of((found[1] or found[2] or found[0]).replace(b"``", b"`")).casefold())

    def add(self, names: Iterable[str]) -> None:
        """Keep names that the catalogue gives."""
        self.words.update(name.casefold() for name in names)

    def knows(self, subject: str) -> bool:
        """Whether it is made of known names, with points or commas between them."""
        folded = subject.casefold()
        return folded in self.words or all(part in self.words for part in _BETWEEN.split(folded))
