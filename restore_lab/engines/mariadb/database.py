"""A restored MariaDB database: loaded, counted, checked, questioned; all through the server's own client."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from restore_lab.counted import KeyCount, ObjectCount, TableCount
from restore_lab.engines import announced, landing
from restore_lab.engines.base import MOST_ROWS, Dump, Integrity, Inventory, Load, References, Row, Spoilt, Views
from restore_lab.engines.mariadb import catalogue, changing, references, spoiling
from restore_lab.engines.mariadb.catalogue import Table, read_hex
from restore_lab.engines.mariadb.client import refusal, refused_by
from restore_lab.engines.mariadb.heads import KEYS_LAST
from restore_lab.engines.mariadb.load import Passage, Tally, judge, outline_of
from restore_lab.engines.mariadb.messages import PRIVILEGES, Cause
from restore_lab.engines.mariadb.references import Answers, Asked
from restore_lab.engines.mariadb.server import ADMIN, DEFAULT_DATABASE, READER, LiveServer
from restore_lab.engines.outline import Outline
from restore_lab.errors import EngineFailed, QueryRefused
from restore_lab.findings import Code, Finding, finding, safe_text
from restore_lab.sandboxes.base import Completed

_CATALOGUE_SECONDS: Final = 600.0
_GRACE_SECONDS: Final = 15.0
#: What one key or counter may take, and all views together.
_KEY_SECONDS: Final = 300.0
_VIEWS_SECONDS: Final = 900.0
#: ER_STATEMENT_TIMEOUT: max_statement_time passed.
_STATEMENT_TIMEOUT: Final = "1969"
#: What a dying server writes in its log when the machine has no more to give.
_NO_MEMORY: Final = (b"ut of memory", b"Cannot allocate memory", b"bad_alloc", b"errno: 12 ")
_NO_SPACE: Final = (b"No space left on device", b"File too large", b"errno: 28 ", b"errno: 27 ")


@dataclass(kw_only=True, slots=True)
class MariadbDatabase:
    """Implements `Database` over a live server; `wanted` is the database that the scenario names."""

    server: LiveServer
    server_version: str
    load_timeout_seconds: float
    check_timeout_seconds: float
    wanted: str | None = None
    _questioned: str | None = None

    def load(self, dump: Dump, chunks: Iterable[bytes]) -> Load:
        """See `Database.load`: one client, `--force`, so that what can come back does and every error is seen."""
        self._questioned = None
        passage = Passage(outline=outline_of(dump), make=self._make)
        tally = Tally(word=passage.word, spared=passage.remarks.spared)
        warnings = changing.Warnings(word=passage.word)
        done = self.server.feed(
            passage.through(chunks), tally.take, warnings.take, timeout_seconds=self.load_timeout_seconds
        )
        words = passage.outline.words
        words.add(PRIVILEGES)
        if not self._still_ours():
            tally.name_only(words, lines=passage.lines)
            return Load(seconds=done.seconds, problems=tally.problems(), findings=self._why_gone())
        words.add(map(read_hex, self.server.ask([catalogue.KNOWN], timeout_seconds=_CATALOGUE_SECONDS).splitlines()))
        tally.name_only(words, lines=passage.lines)
        tables = self._tables()
        named = frozenset(f"{table.database}.{table.name}" for table in tables)
        told = judge(tally, passage, dump, named)
        findings = (
            *told,
            *self._changes(warnings, passage.outline, dump),
            *changing.silenced(warnings, passage.outline, reached_end=tally.reached_end),
            *self._settings(warnings),
            *(changing.zero_dates(passage.outline) if announced.all_came(told) else ()),
            *landing.landed(self._own(tables), default=DEFAULT_DATABASE, wanted=self.wanted),
            *self._definers(),
            *self._without_transactions(tables),
            *(self._without_keys(tables) if dump.tool == KEYS_LAST else ()),
        )
        absent = self._absent(passage.outline, findings)
        return Load(seconds=done.seconds, problems=tally.problems(), findings=(*findings, *absent))

    def _make(self, database: str) -> None:
        """Make a database amid the load; where that is refused, so is what wants it, and the load says so."""
        with suppress(EngineFailed, TimeoutError):
            self.server.ask(
                [f"CREATE DATABASE IF NOT EXISTS {catalogue.quoted(database)};\n"], timeout_seconds=_GRACE_SECONDS
            )

    def inventory(self) -> Inventory:
        """See `Database.inventory`; tables outside the questioned database are named with theirs."""
        tables = self._tables()
        answer = self.server.ask(catalogue.counting(tables), timeout_seconds=self.check_timeout_seconds)
        rows = catalogue.read_counts(answer)
        counted = tuple(
            TableCount(name=name, rows=rows[str(position)]) for position, name in enumerate(self._names(tables))
        )
        objects = catalogue.read_counts(self.server.ask([catalogue.OBJECTS], timeout_seconds=_CATALOGUE_SECONDS))
        own = self._own(tables)
        return Inventory(
            tables=counted,
            objects=tuple(ObjectCount(kind=kind, count=count) for kind, count in objects.items()),
            databases=tuple(map(safe_text, catalogue.filled(tables, own))),
            wanted=own == self.wanted,
        )

    def integrity(self) -> Integrity:
        """See `Database.integrity`: CHECK TABLE ... EXTENDED; it examines indexes this very server has just built."""
        tables = self._tables()
        answer = self.server.ask(catalogue.checking(tables), timeout_seconds=self.check_timeout_seconds)
        asked, problems = catalogue.read_checks(answer, tables, self._names(tables))
        return Integrity(asked=asked, problems=problems)

    def spoil(self, table: str) -> Spoilt:
        """See `Database.spoil`."""
        if not table:
            return Spoilt()
        tables = self._tables()
        chosen = next((one for one, name in zip(tables, self._names(tables), strict=True) if name == table), None)
        if chosen is None:
            raise EngineFailed("the table to be emptied is not there")
        index, routine = (
            spoiling.read_found(self.server.ask([question], timeout_seconds=_CATALOGUE_SECONDS))
            for question in (spoiling.INDEX, spoiling.ROUTINE)
        )
        self.server.ask(spoiling.spoiling(chosen, index, routine), timeout_seconds=self.check_timeout_seconds)
        return Spoilt(
            table=table, index=safe_text(index[-1] if index else ""), routine=safe_text(routine[-1] if routine else "")
        )

    def references(self) -> References:
        """See `Database.references`; counters are sequences that a column takes its default from."""
        keys = references.orphans(self.server.ask([references.KEYS], timeout_seconds=_CATALOGUE_SECONDS))
        counters = references.counters(self.server.ask([references.COUNTERS], timeout_seconds=_CATALOGUE_SECONDS))
        asked = (*keys, *counters)
        names, answers = self._one_by_one(asked, each_seconds=_KEY_SECONDS, all_seconds=self.check_timeout_seconds)
        behind = (names[at] for at, number in answers.numbers.items() if at >= len(keys) and number)
        return References(
            keys=tuple(
                KeyCount(key=names[at], orphans=number) for at, number in answers.numbers.items() if at < len(keys)
            ),
            behind=tuple(dict.fromkeys(behind)),
            unanswered=(*answers.refused, *answers.unanswered),
        )

    def views(self, *, timeout_seconds: float = 20.0) -> Views:
        """See `Database.views`."""
        asked = references.views(self.server.ask([references.VIEWS], timeout_seconds=_CATALOGUE_SECONDS))
        _, answers = self._one_by_one(
            asked, each_seconds=timeout_seconds, all_seconds=max(_VIEWS_SECONDS, timeout_seconds), user=READER
        )
        slow = references.slow(asked, answers)
        _, opened = self._one_by_one(slow, each_seconds=timeout_seconds, all_seconds=_VIEWS_SECONDS, user=READER)
        return Views(
            asked=len(asked) - len(opened.unanswered),
            problems=(*references.unusable(answers), *references.unusable(opened)),
            unanswered=opened.unanswered,
        )

    def query(self, sql: str, *, timeout_seconds: float = 60.0, most_rows: int = MOST_ROWS) -> Sequence[Row]:
        """See `Database.query`; binary columns come back as `0x` and hexadecimal digits.

        A TIMESTAMP reads as on the practice's clock, which is the machine's (`SYSTEM`), like every other date.
        Sources: https://mariadb.com/kb/en/mariadb-command-line-client/ (`--xml`, `--binary-as-hex`),
        https://mariadb.com/kb/en/time-zones/.
        """
        if self._questioned is None:
            self._questioned = self._own(self._tables())
        options = ("--xml", "--binary-as-hex", "--quick", f"--database={self._questioned}")
        limits = (
            "SET SESSION TRANSACTION READ ONLY;",
            "SET SESSION time_zone = 'SYSTEM';",
            f"SET SESSION max_statement_time = {timeout_seconds:.3f}, sql_select_limit = {most_rows + 1};\n",
        )
        done = self.server.machine.run(
            (*self.server.client(READER), *options),
            timeout_seconds=timeout_seconds + _GRACE_SECONDS,
            stdin=[" ".join(limits).encode(), sql.encode()],
        )
        _raise_refusal(done)
        rows = catalogue.read_xml(done.stdout)
        if rows is None:
            raise QueryRefused("STATEMENTS")
        if len(rows) > most_rows:
            raise QueryRefused("ROWS")
        return rows

    def _one_by_one(
        self, asked: Sequence[Asked], *, each_seconds: float, all_seconds: float, user: str = ADMIN
    ) -> tuple[tuple[str, ...], Answers]:
        names = references.named(asked, self._own(self._tables()))
        said = bytearray()
        if asked:
            sql = references.script(asked, each_seconds=each_seconds)
            with suppress(TimeoutError):
                self.server.ask_each(sql, said.extend, user=user, timeout_seconds=all_seconds)
        return names, references.read(bytes(said), asked, names)

    def _tables(self) -> tuple[Table, ...]:
        return catalogue.read_tables(self.server.ask([catalogue.TABLES], timeout_seconds=_CATALOGUE_SECONDS))

    def _own(self, tables: Sequence[Table]) -> str:
        return catalogue.questioned(tables, DEFAULT_DATABASE, self.wanted)

    def _names(self, tables: Sequence[Table]) -> tuple[str, ...]:
        """Name tables for people: the database only where it is not the questioned one."""
        return catalogue.named(tables, self._own(tables))

    def _definers(self) -> tuple[Finding, ...]:
        answer = self.server.ask([catalogue.DEFINERS_ABSENT], timeout_seconds=_CATALOGUE_SECONDS)
        absent = tuple(catalogue.read_hex(line) for line in answer.splitlines())
        return (finding(Code.DEFINERS_ABSENT, count=len(absent), definer=absent[0]),) if absent else ()

    def _changes(self, warnings: changing.Warnings, outline: Outline, dump: Dump) -> tuple[Finding, ...]:
        warnings.close()
        where = changing.Places()
        if columns := warnings.columns():
            answer = self.server.ask([changing.places(columns)], timeout_seconds=_CATALOGUE_SECONDS)
            where = changing.read_places(answer)
        return tuple(changing.judge_changes(warnings, where, outline, dump))

    def _settings(self, warnings: changing.Warnings) -> tuple[Finding, ...]:
        """Say what the live server has that this one stands in for: folders of its tables, keys to encrypt them."""
        encrypted = self.server.ask([catalogue.ENCRYPTED], timeout_seconds=_CATALOGUE_SECONDS).strip() != b"0"
        names = (*sorted(warnings.ignored), *(("file_key_management",) if encrypted else ()))
        return tuple(finding(Code.SETTING_NEEDED, setting=name) for name in names)

    def _without_transactions(self, tables: Sequence[Table]) -> tuple[Finding, ...]:
        answer = self.server.ask([catalogue.NOT_TRANSACTIONAL], timeout_seconds=_CATALOGUE_SECONDS)
        found = catalogue.read_tables(answer)
        shown = catalogue.named(found, self._own(tables))
        return (finding(Code.NOT_TRANSACTIONAL, count=len(found), table=shown[0]),) if found else ()

    def _without_keys(self, tables: Sequence[Table]) -> tuple[Finding, ...]:
        """Say that no table has a key or index, where some hold rows: what comes behind the rows may be lost."""
        if catalogue.read_counts(self.server.ask([catalogue.OBJECTS], timeout_seconds=_CATALOGUE_SECONDS))["index"]:
            return ()
        rows = catalogue.read_counts(
            self.server.ask(catalogue.counting(tables), timeout_seconds=self.check_timeout_seconds)
        )
        bare = [name for position, name in enumerate(self._names(tables)) if rows[str(position)]]
        return (finding(Code.KEYS_ABSENT, tables=len(bare), table=bare[0]),) if bare else ()

    def _absent(self, outline: Outline, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        names = catalogue.read_names(self.server.ask([catalogue.NAMES], timeout_seconds=_CATALOGUE_SECONDS))
        return tuple(announced.absent(outline, names, default=DEFAULT_DATABASE, findings=findings))

    def _still_ours(self) -> bool:
        """Make our accounts anew; False when the server is not there any more."""
        if not self.server.alive():
            return False
        try:
            self.server.renew_accounts()
        except EngineFailed:
            if self.server.alive():
                raise
            return False
        return True

    def _why_gone(self) -> tuple[Finding, ...]:
        words = self.server.last_words()
        if any(sign in words for sign in _NO_MEMORY):
            return (finding(Code.MACHINE_OUT_OF_MEMORY, reason="server"),)
        if any(sign in words for sign in _NO_SPACE) or not self.server.has_room():
            return (finding(Code.MACHINE_DISK_FULL, reason="server"),)
        raise EngineFailed(
            "the database server died during the load",
            hint="its memory limit is the usual reason; give the machine more",
        )


def _raise_refusal(done: Completed) -> None:
    message = refused_by(done)
    if message is None and done.exit_code == 0:
        if done.cut:
            raise QueryRefused("BYTES")
        return
    if message is None or message.cause is Cause.SERVER_GONE:
        raise EngineFailed(f"the database server did not answer: {refusal(done)}")
    if message.problem.code == _STATEMENT_TIMEOUT:
        raise TimeoutError("the question took longer than it may")
    raise QueryRefused(message.problem.code, message.problem.subject)
