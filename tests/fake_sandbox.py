"""A sandbox whose machines are nothing, and fail where they are told to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from fake_faults import Faults, raise_at

from restore_lab.errors import MachineFailed
from restore_lab.evidence import Conditions, Isolation, Removal
from restore_lab.process import Completed
from restore_lab.sandboxes.base import Handle, Machine, Need, Server, lent

SERVER = Server(engine="fake", series="3", own_series=True, image="restore-lab/fake:3", folders=(), programs=())


@dataclass(kw_only=True, slots=True)
class FakeMachine:
    """A machine of nothing: `sandbox` says what it does and keeps what happened."""

    sandbox: FakeSandbox
    label: str
    created_at: datetime
    destroyed: bool = False

    @property
    def handle(self) -> Handle:
        return Handle(kind="fake", machine_id=self.label, label=self.label)

    @property
    def conditions(self) -> Conditions:
        return Conditions(
            sandbox="fake", isolation=self.sandbox.isolation, mechanism="none needed", storage="tmpfs", limits=()
        )

    @property
    def scratch(self) -> str:
        return "/fake"

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_seconds: float,
        stdin: Iterable[bytes] | None = None,
        stdout: Callable[[bytes], object] | None = None,
        stderr: Callable[[bytes], object] | None = None,
        environment: dict[str, str] | None = None,
    ) -> Completed:
        del argv, timeout_seconds, stdout, stderr, environment
        if self.destroyed:
            raise MachineFailed("the fake machine is gone")
        fed = sum(len(piece) for piece in stdin or ())
        return Completed(exit_code=0, stdout=self.sandbox.says, stderr=b"", cut=False, fed_bytes=fed, seconds=0.0)

    def start(self, argv: Sequence[str], *, environment: dict[str, str] | None = None) -> None:
        del argv, environment

    def destroy(self) -> None:
        self.destroyed = True
        raise_at(self.sandbox.faults, "destroy")

    def removals(self) -> tuple[Removal, ...]:
        gone = self.destroyed and not self.sandbox.stays
        removed_at = datetime.now(UTC) if gone else None
        return (Removal(kind="fake", name=self.label, created_at=self.created_at, removed_at=removed_at, gone=gone),)


@dataclass(kw_only=True, slots=True)
class FakeSandbox:
    """Lends fake machines; faults at `create`, `look`, `destroy` and `sweep`; one that `stays` cannot be removed.

    Every command in them `says` the same.
    """

    faults: Faults = field(default_factory=dict)
    lacking: str | None = None
    isolation: Isolation = Isolation.SEALED
    stays: bool = False
    says: bytes = b""
    lent: list[FakeMachine] = field(default_factory=list)
    needs: list[Need] = field(default_factory=list)
    left: list[tuple[Need, str]] = field(default_factory=list)
    kind: Literal["fake"] = "fake"

    def lacks(self, server: Server) -> str | None:
        del server
        return self.lacking

    @contextmanager
    def machine(self, need: Need) -> Iterator[Machine]:
        live = FakeMachine(sandbox=self, label=f"{need.drill_id}/{need.restore_id}", created_at=datetime.now(UTC))

        def create() -> None:
            raise_at(self.faults, "create")
            self.lent.append(live)
            self.needs.append(need)

        with lent(live, create, need) as machine:
            yield machine

    def attach(self, handle: Handle) -> Machine:
        for live in self.lent:
            if live.label == handle.machine_id and not live.destroyed:
                return live
        raise MachineFailed("the fake machine is gone")

    def sweep(self, *, now: datetime, lab_id: str, ended: Collection[str]) -> Iterator[Removal]:
        del ended
        raise_at(self.faults, "sweep")
        for live, need in zip(self.lent, self.needs, strict=True):
            if need.lab_id == lab_id and need.expires_at < now and not live.destroyed:
                live.destroyed = True
                yield from live.removals()
