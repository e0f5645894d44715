"""What a dump announced, held against its own end and against what is there after the load; pure.

Nothing is said where the outline may be wrong: a cut nobody sees here still shows in counts, a false one is an alarm.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from restore_lab.engines.base import Dump
from restore_lab.engines.contents import Contents
from restore_lab.engines.naming import Named
from restore_lab.engines.outline import Outline
from restore_lab.engines.tokens import Dialect
from restore_lab.findings import Code, Finding, finding

#: They put every setting back that they saved, unlock what they lock, and make what a comment of theirs announces.
_MYSQLDUMP: Final = ("mysqldump ", "mariadb-dump")
#: Their comments, and what they do under locks, are those of mysqldump.
_LIKE_MYSQLDUMP: Final = (*_MYSQLDUMP, "mysqldump-php")
#: They put settings back; which, depends on their version.
_OTHERS: Final = ("phpMyAdmin", "HeidiSQL", "MySQL Workbench", "MySQL Administrator", "mysqldump-php", "npm mysqldump")
#: They make a table in place of each view at first, and each view at their very end.
_STANDS_IN: Final = ("phpMyAdmin", "HeidiSQL", "Adminer", "mysqldump-php")
#: It gives the rows of all tables behind all structure, and says so of each table, whether it has rows or not.
_HEADS_ROWS: Final = "npm mysqldump"
#: It says when a table's rows have come to their end, since its release 2.6.
_ENDS_ROWS: Final = "mysqldump-php"
#: It writes a comment in place of what it cannot read, and goes on.
_GOES_ON: Final = "phpMyAdmin"
_PG_DUMP: Final = ("pg_dump",)
_SQLITE: Final = (".dump",)
#: What may stand open at the end of a whole dump of these tools: nothing of this.
_CLOSED_BY: Final = {
    "rows": _PG_DUMP,
    "restriction": _PG_DUMP,
    "lock": _LIKE_MYSQLDUMP,
    "table": _LIKE_MYSQLDUMP,
    "view": _LIKE_MYSQLDUMP,
    "final view": _LIKE_MYSQLDUMP,
    "stand-in": _STANDS_IN,
    "setting": _MYSQLDUMP,
    "transaction": ("phpMyAdmin", "HeidiSQL", *_SQLITE),
}
#: What a load says that explains why something is not there.
_EXPLAINED: Final = frozenset(
    {
        Code.LOAD_ERRORS,
        Code.LOAD_STOPPED,
        Code.COLLATION_ABSENT,
        Code.EXTENSION_ABSENT,
        Code.ENGINE_NOT_MATCHED,
        Code.MACHINE_OUT_OF_MEMORY,
        Code.MACHINE_DISK_FULL,
        Code.SERVER_FAILED,
    }
)
_UNREADABLE: Final = "\N{REPLACEMENT CHARACTER}"
_SPACES: Final = re.compile(r"[ \t\n\r\v\f]+")


def cut(outline: Outline, dump: Dump, *, refused: bool = False) -> Iterator[Finding]:
    """Say that a dump begins what it does not end, whatever its last line says.

    Where the outline ends inside a statement, only when the server `refused` something too: it saw the same then.
    """
    if outline.lost and not refused:
        return
    unfinished = list(_open(outline, dump.tool, refused=refused))
    doubtful = outline.unread.doubtful if dump.tool == _GOES_ON else ""
    if doubtful and unfinished == [doubtful]:
        yield finding(Code.VIEW_CUT_OR_LEFT_OUT, view=doubtful)
        return
    empty = _without_contents(outline.contents, dump.tool)
    missing = [*unfinished, *(named.name for named in empty)]
    if missing:
        subject = next((name for name in missing if name), "") or dump.tool
        is_cut = unfinished or any(_is_never_left_out(named, empty, outline.contents) for named in empty)
        yield finding(Code.DUMP_CUT if is_cut else Code.CONTENTS_ABSENT, missing=len(missing), subject=subject)


def _open(outline: Outline, tool: str, *, refused: bool) -> Iterator[str]:
    # a statement that is ruined looks like one that never came; a cut leaves the settings open too
    ruined = refused and not any(what == "setting" for what, _ in outline.open)
    for what, tools in _CLOSED_BY.items():
        if tool.startswith(tools) and not (ruined and what == "table"):
            yield from (name for one, name in outline.open if one == what)
    if tool.startswith(_OTHERS) and not outline.puts_back:
        yield from (name for one, name in outline.open if one == "setting")
    if tool == _ENDS_ROWS:
        yield from outline.filling.unended()
    if tool == _HEADS_ROWS:
        tables, views = ([one.name for one in outline.made.get(kind, ())] for kind in ("table", "view"))
        yield from outline.filling.unheaded(tables, views)


def _without_contents(contents: Contents, tool: str) -> tuple[Named, ...]:
    """Name tables and sequences whose contents did not come, where the contents are the last thing that came.

    pg_dump gives all contents before it goes on to indexes, keys and grants; what was excluded lacks before those too.
    """
    given = contents.given if contents.copies else contents.given | contents.headed
    if not tool.startswith(_PG_DUMP) or not given or contents.past_data:
        return ()
    return tuple(named for named in contents.wanted if named not in given)


def _is_never_left_out(named: Named, empty: tuple[Named, ...], contents: Contents) -> bool:
    """Whether these contents would have come, had nobody cut the dump: `--exclude-table-data` leaves out none of them.

    Those that a comment announces, and a sequence that no pattern for one of the tables left out would have matched.
    """
    if named in contents.headed:
        return True
    tables = (one.name for one in empty if contents.wanted[one] == "table")
    return contents.wanted[named] == "sequence" and not named.name.startswith(tuple(tables))


def left_out(outline: Outline, dump: Dump) -> Iterator[Finding]:
    """Say which tables and views the tool could not read: it announced them, and went on without them."""
    if dump.tool == _GOES_ON:
        tables, views = tuple(outline.unread.tables), tuple(outline.unread.views)
        if tables:
            yield finding(Code.TABLES_LEFT_OUT, tables=len(tables), table=tables[0] or "?")
        if views:
            yield finding(Code.VIEWS_LEFT_OUT, views=len(views), view=views[0])


def all_came(findings: Iterable[Finding]) -> bool:
    """Whether nothing a load found explains why something is not there."""
    return not any(one.code in _EXPLAINED for one in findings)


def absent(
    outline: Outline, there: Mapping[str, AbstractSet[Named]], *, default: str, findings: Iterable[Finding]
) -> Iterator[Finding]:
    """Say what is silently not there: of each kind in `there`, how many that were announced by name.

    `default` is where a dump lands that names no database or schema.
    """
    if outline.lost or not outline.judgeable or not all_came(findings):
        return
    folds = outline.dialect is not Dialect.POSTGRESQL
    for kind, names in there.items():
        known = {_folded(one, folds=folds) for one in names}
        bare = {one.name for one in known}
        missing = [
            one
            for one in outline.made.get(kind, ())
            if _UNREADABLE not in one.place + one.name and not _is_there(one, known, bare, default, folds=folds)
        ]
        if missing:
            yield finding(Code.ANNOUNCED_ABSENT, kind=kind, count=len(missing), name=missing[0].name)


def _is_there(one: Named, known: AbstractSet[Named], bare: AbstractSet[str], default: str, *, folds: bool) -> bool:
    """Whether a name is there; without a place, and no place that is the default one, anywhere."""
    named = _folded(Named(one.place or default, one.name), folds=folds)
    return named in known if named.place else named.name in bare


def _folded(one: Named, *, folds: bool) -> Named:
    """Read a name as the outline does, to whom any white space is one space; without case where the engine folds it."""
    place, name = (_SPACES.sub(" ", part) for part in (one.place, one.name))
    return Named(place.casefold(), name.casefold()) if folds else Named(place, name)
