"""What a plain SQL dump announces as it passes: objects by name, and things begun that want an end.

Names are kept up to a bound, and whole ones only; what is beyond is counted. Nothing of a row is kept.
Sources: as of `engines/naming.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from restore_lab.engines import naming
from restore_lab.engines.contents import Contents
from restore_lab.engines.filling import Filling
from restore_lab.engines.naming import Named, named_by
from restore_lab.engines.statements import Statement, Statements
from restore_lab.engines.tokens import Dialect
from restore_lab.engines.unread import Unread
from restore_lab.engines.vocabulary import Vocabulary
from restore_lab.engines.zeros import Zeros

#: So many names are kept in all.
MOST_NAMES: Final = 20_000
#: How much of a statement's beginning is looked at for a name.
_NAMED_WITHIN: Final = 2048

#: What was begun under its name, and an object of that kind ends.
_ENDS: Final = {"table": ("table", "stand-in"), "view": ("table", "stand-in", "final view")}
#: Of one namespace: which of them a dump makes at first may not be what it is in the end.
_RELATIONS: Final = frozenset({"table", "view", "sequence"})


@dataclass(kw_only=True, slots=True)
class Outline:
    """What was announced so far; give every chunk to `look`, then `close`.

    `made` are objects by kind; `open` what was begun and not ended yet, as (what, name); `puts_back` is whether any
    setting that was saved came back. `not_made` are databases that the dump uses and does not make, `tablespaces`
    those that it wants, `silences` whether it has a say in warnings. `judgeable` is False once the dump does what no
    dump does, or names more than is kept. `contents` are those of a pg_dump's tables and sequences. `words` are those
    of a dump of MariaDB outside its rows, `filling` what its comments say of the rows, `zeros` the dates of zero in
    them, `unread` what the tool could not read.
    """

    dialect: Dialect
    one_line_rows: bool = False
    made: dict[str, dict[Named, None]] = field(default_factory=dict)
    open: dict[tuple[str, str], None] = field(default_factory=dict)
    puts_back: bool = False
    not_made: dict[str, None] = field(default_factory=dict)
    tablespaces: dict[str, None] = field(default_factory=dict)
    silences: bool = False
    judgeable: bool = True
    has_system_tables: bool = False
    contents: Contents = field(default_factory=Contents)
    words: Vocabulary = field(default_factory=Vocabulary)
    filling: Filling = field(default_factory=Filling)
    zeros: Zeros = field(default_factory=Zeros)
    unread: Unread = field(init=False)
    _place: str = ""
    _into: str = ""
    _locked: str = ""
    _databases: set[str] = field(default_factory=set)
    _names: int = 0
    _statements: Statements = field(init=False)

    def __post_init__(self) -> None:
        """Begin to read."""
        self.unread = Unread(open=self.open)
        self._statements = Statements(
            dialect=self.dialect, one_line_rows=self.one_line_rows, comment=self._comment, statement=self._statement
        )

    @property
    def lost(self) -> bool:
        """Whether the reading ended inside a statement: then what it saw proves nothing."""
        return self._statements.in_text

    @property
    def unread_bytes(self) -> int:
        """How much of what was given is not read yet: more must be there first, or the end."""
        return self._statements.unread_bytes

    def look(self, chunk: bytes) -> None:
        """Read on."""
        before = self._into
        self._statements.look(chunk)
        if self.dialect is Dialect.MARIADB:
            self.zeros.look(chunk, before)

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Hand the chunks on, read; close at their end."""
        for chunk in chunks:
            self.look(chunk)
            yield chunk
        self.close()

    def close(self) -> None:
        """The dump has ended."""
        self._statements.close()
        if self._statements.copying:
            self._begin("rows", self._into)

    def _comment(self, line: bytes) -> None:
        if line.startswith(b"\\"):
            self._backslash(line)
        elif found := naming.TABLE_COMMENT.match(line):
            self._begin("table", named_by(found[1]).name)
        elif found := naming.VIEW_STAND_IN.match(line):
            self._begin("view", named_by(found[1]).name)
        elif found := naming.VIEW_FINAL.match(line):
            name = named_by(found[1]).name
            if self.open.pop(("view", name), 1) is None:
                self._begin("final view", name)
        elif not self.contents.hear(line) and self.dialect is Dialect.MARIADB:
            self.filling.hear(line)
            self.unread.hear(line)

    def _backslash(self, line: bytes) -> None:
        """Follow psql from database to database; what it is restricted to, it is to be released from."""
        if self.dialect is not Dialect.POSTGRESQL:
            self.silences |= line.startswith(b"\\w")
            return
        if line.startswith(b"\\restrict "):
            self._begin("restriction", "")
        elif line.startswith(b"\\unrestrict ") and ("restriction", "") in self.open:
            del self.open["restriction", ""]
            self.contents.end()
        elif line.startswith((b"\\connect ", b"\\c ")):
            self.contents.begin_anew()
            self._place = ""

    def _statement(self, statement: Statement) -> None:
        if not statement.whole:
            return
        raw = statement.text
        if b"/*" in raw[:256]:
            raw = naming.CONDITIONAL.sub(b" ", raw[:_NAMED_WITHIN])
        text = b" ".join(raw[:_NAMED_WITHIN].split(None, 200))
        word = text.partition(b" ")[0].rstrip(b";").upper()
        if self.dialect is Dialect.MARIADB:
            self.words.hear(word, text, statement)
        elif (found := naming.TABLESPACE.match(text)) and len(self.tablespaces) < MOST_NAMES:
            self.tablespaces[named_by(found[1], lowers=True).name] = None
        if word == b"CREATE":
            self._create(text, statement)
        elif word in {b"INSERT", b"REPLACE", b"COPY"}:
            self._rows(text)
        elif word == b"SET":
            self._set(text)
        elif word in {b"SELECT", b"DO"}:
            self._select(text)
        else:
            self._other(word, text)
        self.contents.pass_by(word)

    def _create(self, text: bytes, statement: Statement) -> None:
        found = naming.CREATE.match(text)
        if found is None:
            return
        modifiers, kind = found[1].upper().split(), found[2].upper()
        named = self._placed(found[3])
        if kind == b"RULE":
            # how pg_dump before 10 makes a view that others of it refer to: a table first
            if text.startswith(b'CREATE RULE "_RETURN"'):
                self.judgeable = False
        elif kind in naming.PLACES:
            if len(self._databases) < MOST_NAMES:
                self._databases.add(named.name)
        elif not {kind, *modifiers} & naming.PASSING:
            self._object(naming.KINDS.get(kind, kind.decode().lower()), named, modifiers, statement)

    def _object(self, what: str, named: Named, modifiers: list[bytes], statement: Statement) -> None:
        for relation in _RELATIONS if what in _RELATIONS else ():
            self.made.get(relation, {}).pop(named, None)
        on_a_table = what == "trigger" and self.dialect is Dialect.POSTGRESQL
        self._keep(what, Named("", named.name) if on_a_table else named)
        for begun in _ENDS.get(what, ("table",)):
            self.open.pop((begun, named.name), None)
        if naming.STAND_IN.match(statement.text[:_NAMED_WITHIN]):
            self._begin("stand-in", named.name)
        ordinary = what == "table" and not {b"FOREIGN", b"UNLOGGED"} & set(modifiers)
        if (ordinary and not naming.PARTITIONED.search(statement.tail)) or (
            what == "sequence" and b"UNLOGGED" not in modifiers
        ):
            self._want(named, what)

    def _rows(self, text: bytes) -> None:
        if found := (naming.INTO.match(text) or naming.COPY.match(text)):
            self._into = named_by(found[1]).name
            if text[:1] in b"Cc":
                self.contents.copies = True
                self.contents.give(self._placed(found[1]))

    def _set(self, text: bytes) -> None:
        for found in naming.SAVES.finditer(text):
            self._begin("setting", found[1].decode().upper())
        for found in naming.PUTS_BACK.finditer(text):
            self.puts_back = True
            self.open.pop(("setting", found[1].decode().upper()), None)
        self.zeros.warned |= b"NO_ZERO_DATE" in text.upper()
        self.silences |= b"MAX_ERROR_COUNT" in text.upper()
        if path := naming.SEARCH_PATH.match(text):
            self._place = named_by(path[1]).name

    def _select(self, text: bytes) -> None:
        if found := naming.SETVAL.match(text):
            self.contents.give(self._placed(found[1].replace(b"''", b"'")))
        elif b"set_config('search_path', ''" in text:
            self._place = ""
        elif not naming.PLAIN_QUESTION.match(text):
            self.judgeable = False

    def _other(self, word: bytes, text: bytes) -> None:
        match word:
            case b"USE":
                self._use(text)
            case b"LOCK" | b"UNLOCK":
                self._lock(text)
            case b"NOWARNING":
                self.silences = True
            case b"BEGIN" | b"START":
                self._begin("transaction", "")
            case b"COMMIT" | b"ROLLBACK":
                self.open.pop(("transaction", ""), None)
            case b"DROP":
                self._drop(text)
            case b"ALTER":
                self.unread.go_on()
                if found := naming.IDENTITY.search(text):
                    self._want(self._placed(found[1]), "sequence")
                self.judgeable &= naming.RENAMES.match(text) is None
            case _:
                self.judgeable &= word in naming.PLAIN_WORDS

    def _use(self, text: bytes) -> None:
        if found := naming.USE.match(text):
            self._place = named_by(found[1]).name
            self.has_system_tables |= self._place == "mysql"
            if self._place not in self._databases and len(self.not_made) < MOST_NAMES:
                self.not_made[self._place] = None

    def _lock(self, text: bytes) -> None:
        self.open.pop(("lock", self._locked), None)
        if found := naming.LOCK.match(text):
            self._into = self._locked = named_by(found[1]).name
            self._begin("lock", self._locked)

    def _drop(self, text: bytes) -> None:
        """Take a name back; what goes with it, or is dropped with it, cannot be told: then nothing is."""
        found = naming.DROP.match(text)
        if found is None or found[3]:
            self.judgeable &= not any(self.made.values())
            return
        kind, named = found[1].decode().lower(), self._placed(found[2])
        self.unread.drop(named.name)
        if kind in {"database", "schema", "owned"}:
            self._drop_place(named.name)
            return
        kinds = _RELATIONS if kind in _RELATIONS else {naming.KINDS.get(found[1].upper(), kind)}
        for one in kinds:
            if named in self.made.get(one, {}):
                del self.made[one][named]
                stands_in = ("stand-in", named.name) in self.open
                self.judgeable &= one != "table" or stands_in or not self.made.get("trigger")

    def _drop_place(self, place: str) -> None:
        made = [names for names in self.made.values() if names]
        if self.dialect is not Dialect.MARIADB or not place:
            self.judgeable &= not made
        for names in made:
            for named in [one for one in names if one.place == place]:
                del names[named]

    def _placed(self, name: bytes) -> Named:
        named = named_by(name, lowers=self.dialect is Dialect.POSTGRESQL)
        return named if named.place else Named(self._place, named.name)

    def _keep(self, what: str, named: Named) -> None:
        names = self.made.setdefault(what, {})
        if self._names < MOST_NAMES:
            self._names += 1
            names[named] = None
        else:
            self.judgeable = False

    def _want(self, named: Named, what: str) -> None:
        if self.dialect is Dialect.POSTGRESQL:
            self.contents.want(named, what)

    def _begin(self, what: str, name: str) -> None:
        if len(self.open) < MOST_NAMES:
            self.open[what, name] = None
