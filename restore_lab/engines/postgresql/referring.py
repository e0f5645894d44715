"""Foreign keys, counters and views of every database of a throwaway cluster, asked one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from restore_lab.counted import KeyCount
from restore_lab.engines.base import VIEW_OPENED, VIEW_READ, References, Views
from restore_lab.engines.postgresql import catalogue
from restore_lab.engines.postgresql import references as questions
from restore_lab.engines.postgresql.cluster import ADMIN, Cluster
from restore_lab.engines.postgresql.one_by_one import Answers, Session, Statement, ask_each
from restore_lab.engines.postgresql.settings import READING
from restore_lab.findings import Code, Finding, Problem, finding, safe_text

#: Database, schema, table and constraint of 63 bytes each.
_LONGEST_NAME: Final = 256
#: What one key or counter may take, and the views of one database together.
_KEY_SECONDS: Final = 300.0
_VIEWS_SECONDS: Final = 900.0
_CATALOGUE_SECONDS: Final = 600.0
#: read_only_sql_transaction: the refusal is ours, and no fault of the view.
_WOULD_WRITE: Final = "25006"


def references(cluster: Cluster, databases: Sequence[str], *, limit_seconds: float) -> References:
    """Answer `Database.references`; the first of the `databases` is the one whose name need not be said.

    Counters are sequences that a column owns or takes its default from. Raises as `Database.references`.
    """
    keys, behind, unanswered = list[KeyCount](), list[str](), list[Problem]()
    for database in databases:
        session = Session(
            user=ADMIN,
            database=database,
            settings=cluster.questioning(_KEY_SECONDS),
            each_seconds=_KEY_SECONDS,
            all_seconds=limit_seconds,
        )
        asked = _statements(cluster, questions.ORPHANS, database, databases[0])
        counted = ask_each(cluster, asked, session)
        keys += [KeyCount(key=asked[at].about, orphans=int(value)) for at, value in counted.values.items()]
        asked = _statements(cluster, questions.COUNTERS, database, databases[0])
        compared = ask_each(cluster, asked, session)
        behind += [asked[at].about for at, value in compared.values.items() if value == "t"]
        unanswered += (*_silent(counted), *_silent(compared))
    return References(keys=tuple(keys), behind=tuple(dict.fromkeys(behind)), unanswered=tuple(unanswered))


def keyless(cluster: Cluster, databases: Iterable[str]) -> Iterator[Finding]:
    """Say which tables hold rows and have no key or index where some must have been: pg_dump writes those last.

    All of them in a database without any; else those whose rows a counter numbers. Raises as `Database.load`.
    """
    for database in databases:
        (_, _, any_key), *tables = cluster.rows(
            catalogue.KEYLESS, database=database, timeout_seconds=_CATALOGUE_SECONDS
        )
        bare = [(schema, name) for schema, name, numbered in tables if any_key == "f" or numbered == "t"]
        if bare:
            schema, name = bare[0]
            shown = str(name) if schema == "public" else f"{schema}.{name}"
            yield finding(Code.KEYS_ABSENT, tables=len(bare), table=shown)


def views(cluster: Cluster, databases: Sequence[str], reader: str, *, each_seconds: float) -> Views:
    """Answer `Database.views`; `reader` is the script that makes the role. Raises as `Database.views`."""
    asked, problems, unanswered = 0, list[Problem](), list[Problem]()
    for database in databases:
        found = _statements(cluster, questions.VIEWS, database, databases[0])
        if not found:
            continue
        cluster.rows(reader + questions.LET_READER_CALL, database=database)
        session = Session(
            user=catalogue.READER,
            database=database,
            settings=READING,
            each_seconds=each_seconds,
            all_seconds=max(_VIEWS_SECONDS, each_seconds),
            first=questions.KEEP_SEARCH_PATH,
        )
        answers = ask_each(cluster, found, session)
        slow = [replace(one, sql=one.sql.removesuffix(VIEW_READ) + VIEW_OPENED) for one in answers.late]
        opened = ask_each(cluster, slow, session)
        asked += len(found) - len(opened.unanswered)
        problems += [one for one in (*answers.refused, *opened.refused) if one.code != _WOULD_WRITE]
        unanswered += opened.unanswered
    return Views(asked=asked, problems=tuple(problems), unanswered=tuple(unanswered))


def _silent(answers: Answers) -> tuple[Problem, ...]:
    return (*answers.refused, *answers.unanswered)


def _statements(cluster: Cluster, question: str, database: str, main: str) -> list[Statement]:
    prefix = "" if database == main else f"{database}."
    rows = cluster.rows(question, database=database, timeout_seconds=_CATALOGUE_SECONDS)
    return [Statement(about=shown(prefix, *row[:3]), sql=row[3] or "") for row in rows]


def shown(prefix: str, schema: str | None, *rest: str | None) -> str:
    """Name a table, or a key or a counter, for people: its schema unless it is public; `prefix` is its database's."""
    parts = (schema if prefix or schema != "public" else "", *rest)
    return safe_text(prefix + ".".join(part for part in parts if part), _LONGEST_NAME)
