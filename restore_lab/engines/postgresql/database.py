"""A live PostgreSQL database on a throwaway machine: loaded, counted, checked, asked.

Source: PostgreSQL manual, "psql", "Cursors", "amcheck", "Predefined Roles".
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from restore_lab.counted import ObjectCount, TableCount
from restore_lab.engines import landing
from restore_lab.engines.base import MOST_ROWS, Dump, Integrity, Inventory, Load, References, Row, Spoilt, Views
from restore_lab.engines.postgresql import catalogue, referring, spoiling
from restore_lab.engines.postgresql.asking import asking
from restore_lab.engines.postgresql.cluster import (
    MARGIN_SECONDS,
    NO_CONNECTION,
    PSQL_ASKS,
    QUERY_CANCELLED,
    TARGET,
    Cluster,
    parsed,
    refusal,
)
from restore_lab.engines.postgresql.load import Loading
from restore_lab.engines.postgresql.messages import Messages
from restore_lab.engines.postgresql.settings import READING
from restore_lab.engines.postgresql.wording import named_by
from restore_lab.errors import EngineFailed, QueryRefused
from restore_lab.findings import Code, Problem, reduce_message, safe_text
from restore_lab.sandboxes.base import Completed

#: `pg_read_all_data` and `verify_heapam` came with 14.
_READS_ALL_SINCE: Final = 14
#: program_limit_exceeded and query_canceled: appendix A of the manual.
_TOO_MUCH: Final = "54000"
_DATA_CORRUPTED: Final = "XX001"


@dataclass(kw_only=True, slots=True)
class PostgresqlDatabase:
    """A live cluster; `_filled` are the databases the dump left something in, first the one that is questioned.

    `wanted` is the database that the scenario names.
    """

    cluster: Cluster
    server_version: str
    load_timeout_seconds: float
    question_timeout_seconds: float
    wanted: str | None = None
    _filled: tuple[str, ...] = ()
    _has_reader: bool = False

    def load(self, dump: Dump, chunks: Iterable[bytes]) -> Load:
        """See `Database.load`; `plain` goes through psql, archives through pg_restore."""
        loading = Loading(
            cluster=self.cluster,
            dump=dump,
            server_version=self.server_version,
            timeout_seconds=self.load_timeout_seconds,
        )
        load = loading.run(chunks)
        if any(one.code is Code.SERVER_FAILED for one in load.findings):
            return load
        self._settle()
        where = landing.landed(self._database(), default=TARGET, wanted=self.wanted)
        return replace(load, findings=(*load.findings, *where))

    def inventory(self) -> Inventory:
        """See `Database.inventory`; tables of further databases are qualified by database and schema."""
        limit = self.question_timeout_seconds
        tables: list[TableCount] = []
        objects: dict[str, int] = {}
        for database in self._databases():
            for schema, table, count in self._rows(catalogue.ROWS_OF_TABLES, database, limit):
                tables.append(TableCount(name=self._shown(database, schema, table), rows=int(count or 0)))
            for kind, number in self._rows(catalogue.OBJECTS, database, limit):
                objects[str(kind)] = objects.get(str(kind), 0) + int(number or 0)
        for kind, number in self._rows(catalogue.ROLES, self._database(), limit):
            objects[str(kind)] = int(number or 0)
        counted = tuple(ObjectCount(kind=kind, count=number) for kind, number in objects.items())
        databases = tuple(map(safe_text, self._databases()))
        wanted = self._database() == self.wanted
        return Inventory(tables=tuple(tables), objects=counted, databases=databases, schema="public", wanted=wanted)

    def integrity(self) -> Integrity:
        """See `Database.integrity`: amcheck over every B-tree index, from 14 on over every table too."""
        heaps_too = int(self.cluster.series) >= _READS_ALL_SINCE
        limit = self.question_timeout_seconds
        asked, problems = 0, list[Problem]()
        for database in self._databases():
            prepared = catalogue.AMCHECK_COMES + catalogue.checked(heaps_too=heaps_too)
            ((count,),) = self._rows(prepared, database, limit)
            asked += int(count or 0)
            problems += self._damage(database, heaps_too=heaps_too)
            self._rows(catalogue.AMCHECK_GOES, database, limit)
        return Integrity(asked=asked, problems=tuple(problems))

    def spoil(self, table: str) -> Spoilt:
        """See `Database.spoil`; what refers to the table is emptied with it."""
        if not table:
            return Spoilt()
        for database in self._databases():
            for schema, name in self._rows(catalogue.NAMES_OF_TABLES, database, self.question_timeout_seconds):
                if self._shown(database, schema, name) == table:
                    emptied = f"{catalogue.quoted(schema or '')}.{catalogue.quoted(name or '')}"
                    return self._spoilt(table, database, spoiling.emptying(emptied))
        raise EngineFailed("the table to be emptied is not there")

    def _spoilt(self, table: str, database: str, emptying: str) -> Spoilt:
        limit = self.question_timeout_seconds
        index = self._rows(spoiling.INDEX, database, limit)
        routine = self._rows(spoiling.ROUTINE, database, limit)
        drops = "".join(
            f"DROP {kind} {found[0][0]} CASCADE;\n" for kind, found in (("INDEX", index), ("ROUTINE", routine)) if found
        )
        self._rows(emptying + drops, database, limit)
        return Spoilt(table=table, index=_name_of(index), routine=_name_of(routine))

    def references(self) -> References:
        """See `Database.references`."""
        return referring.references(self.cluster, self._databases(), limit_seconds=self.question_timeout_seconds)

    def views(self, *, timeout_seconds: float = 20.0) -> Views:
        """See `Database.views`."""
        return referring.views(self.cluster, self._databases(), self._reader, each_seconds=timeout_seconds)

    def query(self, sql: str, *, timeout_seconds: float = 60.0, most_rows: int = MOST_ROWS) -> Sequence[Row]:
        """See `Database.query`.

        Asked in a read-only transaction of `restore_lab_reader`, which logs in as itself: RESET ROLE leads nowhere.
        """
        self._let_reader_in()
        null, script = secrets.token_hex(16), f"BEGIN READ ONLY;\n{asking(sql, most_rows)}"
        settings = {"statement_timeout": str(max(1, int(timeout_seconds * 1000))), **READING}
        done = self.cluster.machine.run(
            (*PSQL_ASKS, "--set=ON_ERROR_STOP=1", f"--pset=null={null}", "--file=-"),
            timeout_seconds=timeout_seconds + MARGIN_SECONDS,
            stdin=(script.encode(),),
            environment=self.cluster.environment(catalogue.READER, self._database(), settings),
        )
        if done.exit_code != 0:
            raise _refused(done, timeout_seconds)
        rows = parsed(done.stdout, null)
        if done.cut or len(rows) > most_rows:
            raise QueryRefused(_TOO_MUCH, "bytes" if done.cut else "rows")
        return rows

    def _shown(self, database: str, schema: str | None, table: str | None) -> str:
        """Name a table for people: its schema unless it is public, its database where it is not the questioned one."""
        prefix = "" if database == self._database() else f"{database}."
        return referring.shown(prefix, schema, table)

    def _rows(self, script: str, database: str, timeout_seconds: float) -> list[Row]:
        return self.cluster.rows(script, database=database, timeout_seconds=timeout_seconds)

    def _settle(self) -> None:
        """After the load: nothing of it still runs, and no trigger of the dump meets whoever logs in."""
        script = catalogue.END_CONNECTIONS
        if self.cluster.has_login_triggers:
            script += catalogue.SILENCE_EVENT_TRIGGERS
        self.cluster.rows_anywhere(script)

    def _database(self) -> str:
        """Name the database that questions go to: the wanted one, else that with the most tables, or the target."""
        return self._databases()[0]

    def _databases(self) -> tuple[str, ...]:
        """Name every database that holds anything, first the questioned one; those a server is made with may not."""
        if not self._filled:
            tables, objects = dict[str, int](), dict[str, int]()
            for database in self.cluster.databases():
                (count,), *kinds = self.cluster.rows(catalogue.COUNT_OF_TABLES + catalogue.OBJECTS, database=database)
                tables[database] = int(count or 0)
                objects[database] = sum(int(number or 0) for _, number in kinds)
            first = landing.questioned(tables, default=TARGET, wanted=self.wanted)
            self._filled = (first, *(name for name, number in objects.items() if number and name != first))
        return self._filled

    def _let_reader_in(self) -> None:
        if not self._has_reader:
            self.cluster.rows(self._reader, database=self._database())
            self._has_reader = True

    @property
    def _reader(self) -> str:
        return catalogue.reader(may_read_all=int(self.cluster.series) >= _READS_ALL_SINCE)

    def _damage(self, database: str, *, heaps_too: bool) -> list[Problem]:
        """Run amcheck's script; an index in error is a message, damage in a table is a row with its name."""
        messages = Messages()
        done, rows = self.cluster.ask(
            catalogue.integrity(heaps_too=heaps_too),
            database=database,
            timeout_seconds=self.question_timeout_seconds,
        )
        messages.take(done.stderr)
        messages.close()
        if done.exit_code != 0 or done.cut:
            raise EngineFailed(f"amcheck did not come to its end ({done.exit_code})")
        indexes = [(one.code, one.subject) for one in messages.problems()]
        heaps = [(_DATA_CORRUPTED, name) for (name,) in rows if name]
        return [reduce_message(b"", code=code, subject=subject) for code, subject in (*indexes, *heaps)]


def _name_of(found: Sequence[Row]) -> str:
    return safe_text(found[0][1] or "") if found else ""


def _refused(done: Completed, timeout_seconds: float) -> Exception:
    """Tell a refused question from a server that is gone and from one that took too long."""
    if (code := refusal(done)) == QUERY_CANCELLED:
        return TimeoutError(f"the question was not answered within {timeout_seconds:.0f} s")
    if not code or done.exit_code == NO_CONNECTION:
        return EngineFailed(f"the server did not answer ({code or done.exit_code})")
    first = done.stderr.decode("utf-8", "replace").partition(f"{code}: ")[2].partition("\n")[0]
    return QueryRefused(code, safe_text(named_by(code, first)))
