"""An engine whose databases are a few numbers, and fail where they are told to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from fake_faults import Faults, raise_at
from fake_sandbox import SERVER

from restore_lab.counted import KeyCount, ObjectCount, TableCount
from restore_lab.engines.base import (
    MOST_ROWS,
    Database,
    Dump,
    Integrity,
    Inventory,
    Load,
    References,
    Row,
    Spoilt,
    Views,
)
from restore_lab.engines.documents import Examined
from restore_lab.engines.files.inside.child import name_digest
from restore_lab.errors import QueryRefused
from restore_lab.findings import Code, Finding, finding
from restore_lab.sandboxes.base import Machine, Server

FAKE_HEAD = b"FAKE DUMP\n"


@dataclass(kw_only=True, slots=True)
class FakeDatabase:
    """Rows by table; `answers` by statement; faults at `load`, `inventory`, `integrity`, `query`, `spoil`."""

    engine: FakeEngine
    loaded: hashlib._Hash = field(default_factory=hashlib.sha256)
    loaded_bytes: int = 0
    spoilt: str = ""

    @property
    def server_version(self) -> str:
        return self.engine.version

    def load(self, dump: Dump, chunks: Iterable[bytes]) -> Load:
        del dump
        for number, chunk in enumerate(chunks):
            if number >= self.engine.takes_pieces:
                break
            self.loaded.update(chunk)
            self.loaded_bytes += len(chunk)
        raise_at(self.engine.faults, "load")
        if self.is_cut and self.engine.sees_losses:
            return replace(self.engine.load, findings=self.engine.cut_shows)
        return self.engine.load

    @property
    def is_cut(self) -> bool:
        return self.loaded_bytes < max((one.loaded_bytes for one in self.engine.started), default=0)

    def inventory(self) -> Inventory:
        raise_at(self.engine.faults, "inventory")
        spoilt = self.spoilt if self.engine.sees_losses else ""
        lost = self.is_cut and self.loaded_bytes < self.engine.all_within_bytes
        tables = tuple(
            TableCount(name=name, rows=0 if name == spoilt else rows // 2 if lost else rows)
            for name, rows in sorted(self.engine.tables.items())
        )
        objects = tuple(
            ObjectCount(kind=kind, count=count - (bool(spoilt) and kind == "index"))
            for kind, count in sorted(self.engine.objects.items())
        )
        return Inventory(tables=tables, objects=objects)

    def integrity(self) -> Integrity:
        raise_at(self.engine.faults, "integrity")
        return self.engine.sound

    def references(self) -> References:
        raise_at(self.engine.faults, "references")
        return self.engine.linked

    def views(self, *, timeout_seconds: float = 20.0) -> Views:
        del timeout_seconds
        raise_at(self.engine.faults, "views")
        return self.engine.looked_at

    def examine(self, *, known_endings: Sequence[str], timeout_seconds: float) -> Examined:
        del known_endings, timeout_seconds
        raise_at(self.engine.faults, "examine")
        return self.engine.examined

    def name_digests(self, key: bytes, into: Callable[[bytes], object], *, timeout_seconds: float) -> None:
        del timeout_seconds
        for name in self.engine.names:
            into(name_digest(name, key))

    def spoil(self, table: str) -> Spoilt:
        raise_at(self.engine.faults, "spoil")
        self.spoilt = table
        return Spoilt(table=table, index="index_of_visits" if table else "", routine="")

    def query(self, sql: str, *, timeout_seconds: float = 60.0, most_rows: int = MOST_ROWS) -> Sequence[Row]:
        del timeout_seconds
        raise_at(self.engine.faults, "query")
        if sql not in self.engine.answers:
            raise QueryRefused("42P01", "nowhere")
        if len(self.engine.answers[sql]) > most_rows:
            raise QueryRefused("ROWS")
        return self.engine.answers[sql]


@dataclass(kw_only=True, slots=True)
class FakeEngine:
    """Recognises FAKE_HEAD; faults at `recognise`, `start` and those of its database.

    One that does not `sees_losses` shows no loss made on purpose: a negative control stays silent. Of a backup that is
    cut half of the rows are there, all of them where it has `all_within_bytes`; its load finds what `cut_shows`.
    """

    faults: Faults = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=lambda: {"patient": 3, "visit": 7})
    objects: dict[str, int] = field(default_factory=lambda: {"table": 2, "index": 1})
    answers: dict[str, list[Row]] = field(default_factory=lambda: {"SELECT 1": [("1",)]})
    sound: Integrity = field(default_factory=lambda: Integrity(asked=2, problems=()))
    linked: References = field(default_factory=lambda: References(keys=(KeyCount(key="visit.patient", orphans=0),)))
    looked_at: Views = field(default_factory=lambda: Views(asked=1))
    examined: Examined = field(default_factory=lambda: Examined(documents=(), signs={}))
    names: tuple[str, ...] = ()
    load: Load = field(default_factory=lambda: Load(seconds=0.1, problems=(), findings=()))
    version: str = "3.1"
    form: str = "plain"
    takes_pieces: int = 1_000_000
    sees_losses: bool = True
    cut_shows: tuple[Finding, ...] = (finding(Code.LOAD_STOPPED, code="CUT", line=1),)
    all_within_bytes: int = 1 << 40
    started: list[FakeDatabase] = field(default_factory=list)
    kind: Literal["fake"] = "fake"

    @property
    def archives(self) -> frozenset[str]:
        return frozenset()

    def recognise(self, head: bytes) -> Dump | None:
        raise_at(self.faults, "recognise")
        if not head.startswith(FAKE_HEAD):
            return None
        return Dump(engine="fake", format=self.form, vendor="fake", version="3.1", series="3", tool="fakedump 1")

    def offered(self) -> tuple[Server, ...]:
        return (SERVER,)

    def servers(self, dump: Dump) -> tuple[Server, ...]:
        del dump
        return (SERVER,)

    def start(self, machine: Machine, server: Server) -> Database:
        raise_at(self.faults, "start")
        self.started.append(FakeDatabase(engine=self))
        return self.attach(machine, server)

    def own_series(self, dump: Dump, server_version: str) -> bool:
        return server_version.partition(".")[0] == dump.series

    def attach(self, machine: Machine, server: Server) -> Database:
        del machine, server
        return self.started[-1]
